"""Whole four-agent runs whose every skill a model does, over the wire: `python -m tests.wire.whole [provider:model …]`.

A run is `baton run --all-model` with the provider's own package and a server that plays the templates' hand. Each is
compared, file by file, with a run of the templates; exits with 1 if one differs or the server refused a request.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.running_app import BATON, EXAMPLES, RUN_TIMEOUT, tree
from tests.wire.exchange import JSON
from tests.wire.hand import Hand
from tests.wire.providers import APIS, MODELS, environment
from tests.wire.server import Loopback


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What `baton run` made of a PRD. `app` are the files that are the app, by path; `seconds` of wall."""

    exit_code: int
    result: Mapping[str, JSON]
    app: Mapping[str, bytes]
    requests: int
    refused: Sequence[str]
    seconds: float


def run(prd: Path, workspace: Path, *options: str) -> Whole:
    """Run the whole pipeline with a server that plays the hand."""
    with tempfile.TemporaryDirectory() as folder, Loopback(APIS, Hand()) as loopback:
        started = time.monotonic()
        finished = subprocess.run(
            [str(BATON), "run", str(prd), "--workspace", str(workspace), "--json", *options],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
            env={**os.environ, **environment(loopback.url, Path(folder))},
        )
        lines = finished.stdout.splitlines() or [json.dumps({"problems": [finished.stderr]})]
        return Whole(
            exit_code=finished.returncode,
            result=json.loads(lines[-1]),
            app=app(workspace),
            requests=len(loopback.asked),
            refused=tuple(loopback.refused),
            seconds=time.monotonic() - started,
        )


def app(workspace: Path) -> dict[str, bytes]:
    """Return the files of the app by path: what Baton wrote, without its handoffs and notes."""
    files = tree(workspace)
    return {path: content for path, content in files.items() if not path.startswith((".claude/", ".baton/"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, help=f"by default {', '.join(MODELS)}")
    parser.add_argument("--prd", type=Path, default=EXAMPLES / "todo-lists.md")
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="baton-whole-") as folder:
        templates = run(given.prd, Path(folder) / "templates")
        print(f"{'templates':32} {templates.seconds:6.1f} s")  # noqa: T201  # a program
        for model in given.models:
            made = run(given.prd, Path(folder) / model.replace(":", "-"), "--model", model, "--all-model")
            same = made.app == templates.app
            verdict = "verified, the templates' bytes" if same and made.exit_code == 0 else f"DIFFERS {made.result}"
            told = "".join(f"\n  refused: {each}" for each in made.refused)
            print(f"{model:32} {made.seconds:6.1f} s {made.requests:4} requests  {verdict}{told}", flush=True)  # noqa: T201
            failed |= not same or made.exit_code != 0 or bool(made.refused)
    sys.exit(failed)


if __name__ == "__main__":
    main()
