"""`baton retry`."""

from __future__ import annotations

import typer

from orchestrator.cli.model_options import MaxCalls, MaxMinutes, MaxMoney, MaxTokens, Model, change_of
from orchestrator.cli.options import CheckTimeout, FromAgent, Json, RunName, Verbose
from orchestrator.cli.project import engine_of
from orchestrator.cli.session import View, attend, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.planning.policy import PolicyChange

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
    check_timeout: CheckTimeout = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Do steps of a run again: those that are not done, or one agent's and all that come after it."""
    model_change = change_of(model=model, calls=max_calls, tokens=max_tokens, money=max_money, minutes=max_minutes)
    change = PolicyChange(check_seconds=check_timeout, model=model_change)
    raise typer.Exit(carry_out(_retry(run, from_agent, view_of(json=json, verbose=verbose), change)))


async def _retry(name: str, agent: str | None, view: View, change: PolicyChange | None) -> int:
    async with engine_of() as engine:
        run = await engine.retry(await engine.find(name), from_agent=agent, change=change)
        return await attend(engine, run, view)
