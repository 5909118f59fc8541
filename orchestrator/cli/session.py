"""Attend a run: show it while it works, ask the person on the terminal what it asks, and say what it came to."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.console import say
from orchestrator.cli.options import is_attended
from orchestrator.cli.progress import Watcher
from orchestrator.cli.prompt import ask_person
from orchestrator.cli.summary import exit_code, say_result, say_resumption
from orchestrator.steps.external.collect import OutsideUnfinished
from orchestrator.telemetry.logs import configure_from
from schemas.errors import InputError

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.planning.policy import PolicyChange
    from orchestrator.records.result import RunResult
    from orchestrator.runtime.run import Run

WAITS = "nothing_to_resume"  # the error's class is in the module that imports LangGraph
PAUSED = {WAITS, OutsideUnfinished.code}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How a run is shown. With `watches`, nobody is asked: what the run waits for comes from elsewhere."""

    json: bool = False
    watches: bool = False

    @property
    def asks(self) -> bool:
        """Whether a person is there to be asked."""
        return not self.watches and is_attended(json=self.json)


def view_of(*, json: bool, verbose: bool) -> View:
    """Return how a run is shown; with `verbose`, or if the environment says so, what is done is logged from now on."""
    configure_from(os.environ, verbose=verbose)
    return View(json=json)


async def attend(engine: Orchestrator, run: Run, view: View) -> int:
    """Show a run until it is over or waits for somebody who is not here; return the exit code."""
    result = await follow(engine, run, view)
    say_result(result, json=view.json)
    return exit_code(result.status)


async def follow(engine: Orchestrator, run: Run, view: View) -> RunResult:
    """Show a run, and ask the person on the terminal what it asks, until it is over or is left waiting.

    A signal stops the run and its tools first, and says how to go on; at a question it leaves the run waiting.
    """
    watcher = Watcher(json=view.json)
    if run.resumption is not None:
        say_resumption(run.id, run.resumption, json=view.json)
    while True:
        result = await _watched(watcher, run, view)
        if result.status != "waiting" or not view.asks:
            return result
        going_on = await _asked(engine, result)
        if going_on is None:
            return result
        run = going_on


async def _watched(watcher: Watcher, run: Run, view: View) -> RunResult:
    try:
        await watcher.watch(lambda after: run.events(after=after))
        return await run.result()
    except asyncio.CancelledError:
        say_result(await run.stop(), json=view.json)
        raise


async def _asked(engine: Orchestrator, result: RunResult) -> Run | None:
    """Ask what a run asks and take it up again; None if the person left."""
    try:
        return await go_on(engine, result.run)
    except asyncio.CancelledError:
        say()
        say_result(result, json=False)
        raise


async def go_on(engine: Orchestrator, run_id: str, change: PolicyChange | None = None) -> Run | None:
    """Ask the person on the terminal what a run asks, then take it up again; None if the person left."""
    while await ask_person(engine, run_id):
        try:
            return await engine.resume(run_id, change=change)
        except InputError as error:
            if error.code not in PAUSED:  # else the database's clock has not come to a deadline yet
                raise
    say()
    return None
