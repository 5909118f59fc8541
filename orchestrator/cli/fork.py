"""`baton fork`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import FromAgent, Json, RunName, Verbose
from orchestrator.cli.project import engine_of
from orchestrator.cli.session import View, attend, view_of
from orchestrator.cli.signals import carry_out

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def fork(
    run: RunName,
    workspace: Annotated[Path, typer.Option(help="Folder of the copy; made if missing.")],
    from_agent: FromAgent = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Start a run from another one's PRD in another folder; what that one did is published there, not done again."""
    raise typer.Exit(carry_out(_fork(run, workspace, from_agent, view_of(json=json, verbose=verbose))))


async def _fork(name: str, workspace: Path, agent: str | None, view: View) -> int:
    async with engine_of() as engine:
        run = await engine.fork(await engine.find(name), workspace=workspace, from_agent=agent)
        return await attend(engine, run, view)
