"""`baton resume`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from orchestrator.cli.run import Json, Verbose, attend
from orchestrator.orchestrator import Orchestrator

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Go on with a run that was answered, stopped or killed."""
    raise typer.Exit(asyncio.run(_resume(run, json=json, verbose=verbose)))


async def _resume(run_id: str, *, json: bool, verbose: bool) -> int:
    async with Orchestrator() as engine:
        return await attend(await engine.resume(run_id), json=json, verbose=verbose)
