"""Where work that is done outside is asked for and handed in: `.claude/handoff/outside/<step>/`.

    task.md           what is expected; Baton's, written anew whenever the run asks
    <contract>.md     the handoff, to be filled in by whoever does the work; never written over, kept when it is taken

The app's files are left where they belong, in the workspace itself. What stands in `.claude/handoff/*.md` was measured;
a handoff that was only written stands here, so that no other agent can take it for the real one.

Not here: what a task says (`orchestrator.steps.external.task`), judging what was left
(`orchestrator.steps.external.scan`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handoff.files import open_regular, read_regular
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.store import FOLDER as HANDOFFS
from handoff.store import Handoff, HandoffStore, HandoffUnreadable, UnsafePath, read_file, safe_path, write_atomically
from orchestrator.planning.pipeline import BoundStep

FOLDER = f"{HANDOFFS}/outside"
TASK = "task.md"

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_LONGEST_FRONT = 4_000  # characters that are looked at for the two lines below


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedIn:
    """The handoff as it was found, or why it cannot be read. `unfinished`: it is not there, or says so itself."""

    handoff: Handoff | None = None
    problems: tuple[str, ...] = ()
    unfinished: bool = False


def task_name(step: BoundStep) -> str:
    """Return the path of a step's task, relative to the workspace."""
    return f"{FOLDER}/{step.name}/{TASK}"


def handoff_name(step: BoundStep) -> str:
    """Return the path of the handoff to fill in, relative to the workspace."""
    return f"{FOLDER}/{step.name}/{step.agent.writes}.md"


def put(workspace: Path, name: str, text: str, *, over: bool) -> None:
    """Write a file of the folder; with `over`, also if it is there.

    Raises:
        UnsafePath: A symbolic link leads elsewhere.
        OSError: It cannot be written.
    """
    place = safe_path(workspace, name)
    if over or not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, text.encode(), alone=True)


def read(workspace: Path, step: BoundStep, run_id: str) -> HandedIn:
    """Return the handoff that was left for an agent's step of a run."""
    name = handoff_name(step)
    try:
        place = safe_path(workspace, name)
        said = _front(place)
        if said.get("status") == "draft":
            return HandedIn(problems=(f"{name}: says `status: draft`; say `done` when it is",), unfinished=True)
        if said.get("run", run_id) != run_id:
            reason = f"it is of run `{said['run']}`, this is `{run_id}`; if it still holds, correct its line `run`"
            return HandedIn(problems=(f"{name}: {reason}",))
        return HandedIn(handoff=read_file(place, step.agent.writes, file=name))
    except HandoffMissing:
        return HandedIn(problems=(f"{name}: there is no such file yet",), unfinished=True)
    except HandoffInvalid as error:
        return HandedIn(problems=tuple(str(problem) for problem in error.problems))
    except (HandoffUnreadable, UnsafePath) as error:
        return HandedIn(problems=(str(error),))


def clear(workspace: Path, step: BoundStep, handoffs: HandoffStore) -> None:
    """Take the folder of a step away once its work is published; its handoff goes to the history.

    Done again after a crash, it changes nothing more. A file that cannot be removed keeps nothing from going on.
    """
    with suppress(OSError, UnsafePath):
        place = safe_path(workspace, handoff_name(step))
        if place.is_file():
            handoffs.keep(step.agent.writes, read_regular(place))
            place.unlink()
        _drop(safe_path(workspace, task_name(step)))


def hide(workspace: Path, run_id: str) -> None:
    """Take the tasks of a run away that is over; handoffs that somebody began stay."""
    with suppress(OSError, UnsafePath):
        for place in safe_path(workspace, FOLDER).glob(f"*/{TASK}"):
            if not place.is_symlink() and _front(place).get("run") == run_id:
                _drop(place)


def state(workspace: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells that something in the folder changed: path, time and size of each handoff."""
    with suppress(OSError):
        found = (stat_of(place) for place in sorted((workspace / FOLDER).glob("*/*.md")) if place.name != TASK)
        return tuple(each for each in found if each is not None)
    return ()


def stat_of(place: Path) -> tuple[str, int, int] | None:
    """Return a file's path, time and size; None if it is gone."""
    with suppress(OSError):
        found = place.lstat()
        return place.as_posix(), found.st_mtime_ns, found.st_size
    return None


def _front(place: Path) -> dict[str, str]:
    """Return the plain lines of a file's front matter; nothing if there is none."""
    try:
        with open_regular(place) as file:
            found = _FRONT.match(file.read(_LONGEST_FRONT).decode(errors="replace"))
    except OSError:
        return {}
    lines = found[1].splitlines() if found else []
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {key.strip(): value.strip().strip("\"'").casefold() for key, _, value in pairs}


def _drop(place: Path) -> None:
    place.unlink(missing_ok=True)
    for folder in list(place.parents)[:4]:  # up to `.claude`, as far as they are empty
        folder.rmdir()
