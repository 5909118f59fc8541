"""`baton runs`."""

from __future__ import annotations

import asyncio
import json as jsonlib
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.console import say, say_json, say_table
from orchestrator.orchestrator import Orchestrator
from orchestrator.storage.runs import RunRecord

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_RUNNING = 1000  # running and killed runs that are looked through
Status = Literal["running", "killed", "waiting", "stopped", "completed", "completed with gaps", "failed", "cancelled"]


@app.command()
def runs(
    workspace: Annotated[Path | None, typer.Option(help="Only the runs of this folder.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only the runs that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,  # noqa: FBT002
) -> None:
    """List the runs, the newest first."""
    found = asyncio.run(_runs(workspace, status, limit))
    if json:
        rows = [{**record.model_dump(mode="json"), "status": stands} for record, stands in found]
        say_json(jsonlib.dumps(rows))
        return
    if not found:
        say("no such run" if status else "no runs yet; `baton run PRD --workspace DIR` makes one")
        return
    say_table(
        ("Run", "Status", "Started", "Title", "Workspace"),
        (
            (record.id, stands, f"{record.started_at.astimezone():%Y-%m-%d %H:%M}", record.title, record.workspace)
            for record, stands in found
        ),
    )


async def _runs(workspace: Path | None, status: Status | None, limit: int) -> list[tuple[RunRecord, str]]:
    async with Orchestrator() as engine:
        if status == "running" or status == "killed":  # noqa: PLR1714 - so that mypy knows what is left
            records = await engine.runs(workspace=workspace, status="running", limit=_RUNNING)
        else:
            records = await engine.runs(workspace=workspace, status=status, limit=limit)
        told = [(record, await engine.status_of(record)) for record in records]
        return [(record, stands) for record, stands in told if status in {None, stands}][:limit]
