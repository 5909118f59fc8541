"""`baton resume`."""

from __future__ import annotations

import typer

from orchestrator.cli.attending import WAITS, View, attend, go_on, view_of
from orchestrator.cli.ending import carry_out
from orchestrator.cli.model_options import MaxCalls, MaxMinutes, MaxMoney, MaxTokens, Model, change_of
from orchestrator.cli.options import Json, RunName, Verbose
from orchestrator.cli.summary import exit_code, say_result
from orchestrator.model_use import ModelChange
from orchestrator.orchestrator import Orchestrator
from orchestrator.result import RunResult
from schemas.errors import InputError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def resume(
    run: RunName,
    model: Model = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Go on with a run that was answered, stopped or killed.

    On a terminal, what it waits for is asked. Elsewhere the command says what it is, and exits with 3.
    """
    change = change_of(model=model, calls=max_calls, tokens=max_tokens, money=max_money, minutes=max_minutes)
    raise typer.Exit(carry_out(_resume(run, view_of(json=json, verbose=verbose), change)))


async def _resume(name: str, view: View, change: ModelChange | None) -> int:
    async with Orchestrator() as engine:
        return await resume_run(engine, await engine.find(name), view, change)


async def resume_run(engine: Orchestrator, run_id: str, view: View, change: ModelChange | None = None) -> int:
    """Go on with a run as far as it goes, with `change` of its model; return the exit code."""
    try:
        run = await engine.resume(run_id, change=change)
    except InputError as error:
        if error.code != WAITS:
            raise
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
