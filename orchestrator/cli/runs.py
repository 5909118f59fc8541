"""`baton runs`."""

from __future__ import annotations

import asyncio
import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json, say_table
from orchestrator.orchestrator import Orchestrator
from orchestrator.storage.ledger import RunRecord

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def runs(
    workspace: Annotated[Path | None, typer.Option(help="Only the runs of this folder.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,  # noqa: FBT002
) -> None:
    """List the runs, the newest first."""
    found = asyncio.run(_runs(workspace, limit))
    if json:
        rows = [{**record.model_dump(mode="json", exclude={"result"}), "status": status} for record, status in found]
        say_json(jsonlib.dumps(rows))
        return
    if not found:
        say("no runs yet; `baton run PRD --workspace DIR` makes one")
        return
    say_table(
        ("Run", "Status", "Started", "Title", "Workspace"),
        (
            (record.id, status, f"{record.started_at.astimezone():%Y-%m-%d %H:%M}", record.title, record.workspace)
            for record, status in found
        ),
    )


async def _runs(workspace: Path | None, limit: int) -> list[tuple[RunRecord, str]]:
    async with Orchestrator() as engine:
        records = await engine.runs(workspace=workspace, limit=limit)
        return [(record, await _status(engine, record)) for record in records]


async def _status(engine: Orchestrator, record: RunRecord) -> str:
    """Return a run's status; one that is `running` although nobody works on it was killed."""
    if record.status == "running" and not await engine.is_live(record.id):
        return "killed"
    return record.status
