"""Kill a run around the moments when findings go back, then resume it: `python review_kills.py PRD FOLDER`.

Each run is in a house of its own. It prints a JSON line for a whole run, and one for each killed one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from orchestrator import Orchestrator
from orchestrator.interop.project import project_at
from tests.support.crash_points import ends_of_each_kind, files_of, run_once
from tests.support.toy_house import build_house

HIDDEN = (".baton/", ".claude/handoff/history/")  # the house, and names that the time makes


class House:
    """Gives engines as the small agents' kit does."""

    def engine(self, workspace: Path) -> Orchestrator:
        project = project_at(workspace)
        assert project is not None
        return Orchestrator(workspace, workflow="notes", workflows=project.workflows, registry=project.registry)


def moments_of(kinds: list[str]) -> list[int]:
    """Return a moment of each kind, counted from 1, between the one that findings are told at and the next step."""
    first = kinds.index("told findings_returned")
    again = kinds.index("told step_started", first)
    return [first + at for at in ends_of_each_kind(kinds[first : again + 1])]


def come_to(prd: Path, workspace: Path, kill_at: int | None) -> dict[str, Any]:
    """Return what a run came to, killed once if it is to be."""
    build_house(workspace)
    code, said = run_once(House(), prd, workspace, kill_at)  # type: ignore[arg-type]  # has what it uses of a kit
    killed = code < 0
    if killed:
        code, said = run_once(House(), prd, workspace, None)  # type: ignore[arg-type]  # as above
    files = {path: text for path, text in files_of(workspace).items() if not path.startswith(HIDDEN)}
    return {**said, "moment": kill_at, "killed": killed, "code": code, "files": files}


def main(prd: Path, folder: Path) -> None:
    """Print what a whole run comes to, then what each killed one does."""
    whole = come_to(prd, folder / "whole", None)
    sys.stdout.write(json.dumps(whole) + "\n")
    for moment in moments_of(whole["kinds"]):
        sys.stdout.write(json.dumps(come_to(prd, folder / f"at-{moment}", moment)) + "\n")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:3]))
