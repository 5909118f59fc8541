"""`baton retry`."""

from __future__ import annotations

import typer

from orchestrator.cli.attending import View, attend, view_of
from orchestrator.cli.ending import carry_out
from orchestrator.cli.options import FromAgent, Json, RunName, Verbose
from orchestrator.orchestrator import Orchestrator

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def retry(
    run: RunName,
    from_agent: FromAgent = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Do steps of a run again: those that are not done, or one agent's and all that come after it."""
    raise typer.Exit(carry_out(_retry(run, from_agent, view_of(json=json, verbose=verbose))))


async def _retry(name: str, agent: str | None, view: View) -> int:
    async with Orchestrator() as engine:
        return await attend(engine, await engine.retry(await engine.find(name), from_agent=agent), view)
