"""`baton resume --watch`: go on with a run whenever there is something new that it may have waited for.

New is a file in the workspace or in the folders of what is done outside, once it has been left alone for a moment, and
an answer from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.console import say
from orchestrator.cli.session import PAUSED, View, follow
from orchestrator.cli.summary import exit_code, say_result, say_unfinished
from orchestrator.steps.external import folder
from orchestrator.steps.external.collect import OutsideUnfinished
from orchestrator.steps.workspace import Workspace
from schemas.errors import InputError

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.planning.policy import PolicyChange

_SECONDS = 1.0  # between two looks; what is the same in both is not being written


async def watch(engine: Orchestrator, run_id: str, view: View, change: PolicyChange | None) -> int:
    """Go on with a run until it is over; return the exit code."""
    root = Path((await engine.run(run_id)).workspace)
    said = ""
    if not view.json:
        say(f"watching `{root}`; Ctrl-C leaves the run waiting")
    while True:
        seen = await _seen(engine, run_id, root)
        try:
            result = await follow(engine, await engine.resume(run_id, change=change), view)
        except InputError as error:
            if error.code not in PAUSED:
                raise
            if isinstance(error, OutsideUnfinished) and str(error) != said:
                say_unfinished(error, json=view.json)
                said = str(error)
        else:
            say_result(result, json=view.json)
            if result.status != "waiting":
                return exit_code(result.status)
        await _something_new(engine, run_id, root, seen)


async def _something_new(engine: Orchestrator, run_id: str, root: Path, seen: Hashable) -> None:
    before = seen
    while True:
        await asyncio.sleep(_SECONDS)
        now = await _seen(engine, run_id, root)
        if now == before != seen:
            return
        before = now


async def _seen(engine: Orchestrator, run_id: str, root: Path) -> Hashable:
    """Return what is the same as long as nothing happens."""
    now = datetime.now(UTC)
    open_ones = [
        (each.id, each.deadline is not None and each.deadline <= now)
        for each in await engine.questions(run_id)
        if each.is_open
    ]
    return tuple(open_ones), await asyncio.to_thread(_files, root)


def _files(root: Path) -> Hashable:
    if not root.is_dir():
        return ()
    places = sorted(Workspace(root).paths())
    return folder.state(root), tuple(stat for path in places if (stat := folder.stat_of(root / path)) is not None)
