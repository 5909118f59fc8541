"""`baton retry`."""

from __future__ import annotations

import typer

from orchestrator.cli.model_options import MaxCalls, MaxMinutes, MaxMoney, MaxTokens, Model, change_of
from orchestrator.cli.options import FromAgent, Json, RunName, Verbose
from orchestrator.cli.project import engine_of
from orchestrator.cli.session import View, attend, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.planning.model_policy import ModelChange

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def retry(
    run: RunName,
    from_agent: FromAgent = None,
    model: Model = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Do steps of a run again: those that are not done, or one agent's and all that come after it."""
    change = change_of(model=model, calls=max_calls, tokens=max_tokens, money=max_money, minutes=max_minutes)
    raise typer.Exit(carry_out(_retry(run, from_agent, view_of(json=json, verbose=verbose), change)))


async def _retry(name: str, agent: str | None, view: View, change: ModelChange | None) -> int:
    async with engine_of() as engine:
        run = await engine.retry(await engine.find(name), from_agent=agent, change=change)
        return await attend(engine, run, view)
