"""Show what a run asks in its workspace: `.claude/handoff/questions/<question id>.md`, as long as it waits for that.

The files are copies for people and tools to read. What counts is the ledger: the folder is brought to what it says
whenever a run begins, asks, gets an answer, pauses or ends, so a crash in between leaves nothing wrong for long, and a
file that cannot be written stops no run. A question is answered by command or through the API, not in its file.

Not here: what is asked (`orchestrator.steps.questions`), storing and answering (`orchestrator.storage.questions`).
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from handoff.files import read_regular
from handoff.preamble import fence
from handoff.store import FOLDER as HANDOFFS
from handoff.store import UnsafePath, safe_path
from orchestrator.records.answers import APPROVE, GIVE_UP, REJECT
from orchestrator.records.sanitize import sanitize
from orchestrator.steps.external import folder as outside
from orchestrator.storage.questions import Question, Questions

if TYPE_CHECKING:
    from orchestrator.records.result import OpenQuestion

FOLDER = f"{HANDOFFS}/questions"
_SHOWN, _ARRIVING = ".md", ".arriving"


async def show(questions: Questions, workspace: Path, asked: Iterable[str] = ()) -> None:
    """Bring the folder to show those of the questions `asked` that still wait, and none that does not.

    Args:
        questions: All that are known; files of others are left alone.
        workspace: Nothing happens if it is not there.
        asked: Ids. What is in the folder already is looked at, too.
    """
    ids = {*asked, *_ids(workspace)}
    if ids and workspace.is_dir():
        pending = await questions.pending(ids)
        await asyncio.to_thread(_bring, workspace, pending)


def hide(workspace: Path, run_id: str) -> None:
    """Show no question of a run any more, and ask for no work."""
    outside.hide(workspace, run_id)
    _bring(workspace, {each: None for each in _ids(workspace) if each.startswith(f"{run_id}-")})


def commands(run_id: str, question: Question | OpenQuestion) -> tuple[str, ...]:
    """Return the commands that answer a question, one a choice, ready to be typed."""
    answer = f"baton answer {run_id} {question.id}"
    match question.kind:
        case "approval" | "draft":
            target = f"{run_id} {question.id}"
            return f"baton {APPROVE} {target}", f"baton {REJECT} {target} --reason 'WHY'"
        case "prd":
            return f"{answer} PATH_OF_THE_PRD", f"{answer} {shlex.quote(GIVE_UP)}"
        case _:
            return tuple(f"{answer} {shlex.quote(option)}" for option in question.options)


def page(question: Question) -> str:
    """Return a question as its file shows it: front matter for machines, the rest for people."""
    front = question.model_dump(mode="json", include={"id", "run_id", "node", "kind", "options", "default", "deadline"})
    head = yaml.safe_dump({**front, "answer_schema": question.answer_schema}, sort_keys=False, width=120)
    ways = "\n".join(f"    {each}" for each in commands(question.run_id, question))
    return (
        f"---\n{head}---\n\n# {question.node} asks\n\n{fence('text', sanitize(question.text))}\n\n"
        f"{_unanswered(question)}\n\n## To answer\n\nOne of these commands:\n\n{ways}\n\n"
        f"then, when nothing else is asked:\n\n    baton resume {question.run_id}\n\n"
        f"An answer satisfies this JSON Schema:\n\n{fence('json', json.dumps(question.answer_schema, indent=2))}\n"
    )


def _unanswered(question: Question) -> str:
    if question.deadline is None:
        return "The run waits until it is answered."
    return f"If nobody answers by {question.deadline:%Y-%m-%d %H:%M} UTC, the answer is `{question.default}`."


def _ids(workspace: Path) -> set[str]:
    """Return the ids of the questions that have a file in the folder, be it one that is only arriving."""
    try:
        names = [path.name for path in safe_path(workspace, FOLDER).iterdir()]
    except (OSError, UnsafePath):
        return set()
    shown = {name.removesuffix(_SHOWN) for name in names if name.endswith(_SHOWN)}
    return shown | {name.removesuffix(_ARRIVING).removeprefix(".") for name in names if name.endswith(_ARRIVING)}


def _bring(workspace: Path, pending: Mapping[str, Question | None]) -> None:
    # A folder that cannot be written to, or that a link leads out of the workspace, keeps nobody from answering.
    for question_id, question in pending.items():
        with suppress(OSError, UnsafePath):
            place = safe_path(workspace, f"{FOLDER}/{question_id}{_SHOWN}")
            arriving = safe_path(workspace, f"{FOLDER}/.{question_id}{_ARRIVING}")
            if question is None:
                place.unlink(missing_ok=True)
                arriving.unlink(missing_ok=True)
            else:
                _write(place, arriving, page(question).encode())
    _drop_empty(workspace)


def _write(place: Path, arriving: Path, content: bytes) -> None:
    """Write a file as a whole. Its name on arrival is always the same, so a kill leaves nothing that stays."""
    if place.is_file() and read_regular(place) == content:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with arriving.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    arriving.replace(place)


def _drop_empty(workspace: Path) -> None:
    folder = workspace / FOLDER
    for each in (folder, folder.parent, folder.parent.parent):
        with suppress(OSError):
            each.rmdir()
