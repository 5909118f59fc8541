"""`baton cancel`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from orchestrator.cli.console import say
from orchestrator.orchestrator import Orchestrator

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def cancel(run: Annotated[str, typer.Argument(help="The run's id.")]) -> None:
    """Give up a run that waits or was killed, so that its workspace is free."""
    asyncio.run(_cancel(run))
    say(f"cancelled {run}. What it published stays in its workspace.")


async def _cancel(run: str) -> None:
    async with Orchestrator() as engine:
        await engine.cancel(run)
