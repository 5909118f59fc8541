"""`baton answer`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from orchestrator.cli.console import say
from orchestrator.orchestrator import Orchestrator

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def answer(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    question: Annotated[str, typer.Argument(help="The question's id, as `baton show RUN` gives it.")],
    value: Annotated[str, typer.Argument(help="The answer.")],
) -> None:
    """Answer a run's question. `baton resume RUN` then goes on."""
    asyncio.run(_answer(run, question, value))
    say(f"answered. Go on with: baton resume {run}")


async def _answer(run: str, question: str, value: str) -> None:
    async with Orchestrator() as engine:
        await engine.answer(run, question, value)
