"""`baton run`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import logs
from orchestrator.cli.console import say_json
from orchestrator.cli.progress import watch
from orchestrator.cli.summary import exit_code, result_line, show_result
from orchestrator.orchestrator import Orchestrator

if TYPE_CHECKING:
    from orchestrator.run import Run

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print events as JSON lines; the last line is the result.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log to standard error.")]


@app.command()
def run(
    prd: Annotated[Path, typer.Argument(help="The feature PRD.")],
    workspace: Annotated[Path, typer.Option(help="Folder of the app; made if missing.")] = Path(),
    agents: Annotated[str, typer.Option(help="Only these agents, names separated by commas.")] = "",
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Build the app that a PRD describes."""
    logs.configure(verbose=verbose)
    names = [name.strip() for name in agents.split(",") if name.strip()]
    raise typer.Exit(asyncio.run(_run(prd, workspace, names, json=json)))


async def _run(prd: Path, workspace: Path, agents: list[str], *, json: bool) -> int:
    async with Orchestrator(workspace) as engine:
        started = await engine.start(prd, agents=agents or None)
        return await attend(started, json=json)


async def attend(run: Run, *, json: bool) -> int:
    """Show a run until it is over or waits; return the exit code."""
    try:
        await watch(run.events(), json=json)
    except asyncio.CancelledError:
        await run.cancel()
        raise
    result = await run.result()
    if json:
        say_json(result_line(result))
    else:
        show_result(result)
    return exit_code(result.status)
