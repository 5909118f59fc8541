"""`baton resume`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from orchestrator.cli import watch
from orchestrator.cli.model_options import MaxCalls, MaxMinutes, MaxMoney, MaxTokens, Model, change_of
from orchestrator.cli.options import CheckTimeout, Json, RunName, Verbose
from orchestrator.cli.project import engine_of
from orchestrator.cli.session import PAUSED, View, attend, go_on, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.cli.summary import exit_code, say_result, say_unfinished
from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.policy import PolicyChange
from orchestrator.records.result import RunResult
from orchestrator.steps.external.collect import OutsideUnfinished
from schemas.errors import InputError

Watch = Annotated[
    bool, typer.Option("--watch", help="Stay, and go on whenever something that the run waits for is there.")
]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def resume(
    run: RunName,
    model: Model = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    check_timeout: CheckTimeout = None,
    watch: Watch = False,  # noqa: FBT002 - typer's way to say a flag
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Go on with a run that was answered, stopped or killed, or whose work was done outside.

    On a terminal, what it waits for is asked. Elsewhere the command says what it is, and exits with 3.
    """
    view = replace(view_of(json=json, verbose=verbose), watches=watch)
    model_change = change_of(model=model, calls=max_calls, tokens=max_tokens, money=max_money, minutes=max_minutes)
    change = PolicyChange(check_seconds=check_timeout, model=model_change)
    raise typer.Exit(carry_out(_resume(run, view, change)))


async def _resume(name: str, view: View, change: PolicyChange | None) -> int:
    async with engine_of() as engine:
        run_id = await engine.find(name)
        go_on_with = watch.watch if view.watches else resume_run
        return await go_on_with(engine, run_id, view, change)


async def resume_run(engine: Orchestrator, run_id: str, view: View, change: PolicyChange | None = None) -> int:
    """Go on with a run as far as it goes, with `change` of its policy; return the exit code."""
    try:
        run = await engine.resume(run_id, change=change)
    except InputError as error:
        if error.code not in PAUSED:
            raise
        if isinstance(error, OutsideUnfinished):
            say_unfinished(error, json=view.json)
        going_on = await go_on(engine, run_id, change) if view.asks else None
        if going_on is None:
            return await _say_waiting(engine, run_id, view)
        run = going_on
    return await attend(engine, run, view)


async def _say_waiting(engine: Orchestrator, run_id: str, view: View) -> int:
    result = RunResult.model_validate((await engine.run(run_id)).result)
    open_ids = {question.id for question in await engine.questions(run_id) if question.is_open}
    waiting = result.model_copy(update={"questions": tuple(each for each in result.questions if each.id in open_ids)})
    say_result(waiting, json=view.json)
    return exit_code(waiting.status)
