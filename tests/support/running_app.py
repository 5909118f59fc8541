"""Drive Baton and what it builds the way a person does: commands, processes, a browser."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from handoff.store import read_file
from schemas.base import Document

DocumentT = TypeVar("DocumentT", bound=Document)

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BATON = Path(sys.executable).parent / "baton"
RUN_TIMEOUT = 7200  # seconds; bounds only what hangs: a first run on a busy machine downloads every environment
START_TIMEOUT = 900  # seconds; likewise: what ends is noticed at once, and the frontend's packages come first


@dataclass(frozen=True, slots=True)
class Built:
    """What `baton run` left in `workspace`, and the last line of its `--json` output."""

    workspace: Path
    exit_code: int
    result: dict[str, Any]

    @property
    def handoffs(self) -> list[Path]:
        return [self.workspace / handoff["path"] for handoff in self.result["handoffs"]]


def baton(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BATON), *map(str, arguments)], capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
    )


def build(prd: Path, workspace: Path) -> Built:
    """Run the whole pipeline."""
    finished = baton("run", prd, "--workspace", workspace, "--json")
    lines = finished.stdout.splitlines()
    assert lines, finished.stderr
    return Built(workspace, finished.returncode, json.loads(lines[-1]))


def built_once(prd: Path, shared: Path) -> Built:
    """Run the whole pipeline, or wait for another process that does: in `shared` there is one app a PRD.

    Tests look at such an app; who changes something copies it first.
    """
    place = shared / prd.stem
    place.mkdir(parents=True, exist_ok=True)
    result = place / "result.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            built = build(prd, place / "app")
            result.write_text(json.dumps({"exit_code": built.exit_code, "result": built.result}))
        return Built(place / "app", **json.loads(result.read_text()))


def handed_over(built: Built, kind: type[DocumentT], contract: str) -> DocumentT:
    """Return what a handoff says."""
    document = read_file(built.workspace / ".claude/handoff" / f"{contract}.md", contract).data
    assert isinstance(document, kind)
    return document


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def serving(command: str, cwd: Path, url: str, env: Mapping[str, str]) -> Iterator[None]:
    """Run a shell command, as a README gives it, until the block ends; `url` answers when the block begins."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _await(process, url)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=START_TIMEOUT)


def _await(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"`{process.args!r}` ended with {process.returncode}:\n{process.communicate()[0]}")
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} did not answer within {START_TIMEOUT} s")
