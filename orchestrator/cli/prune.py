"""`baton prune`."""

from __future__ import annotations

from datetime import timedelta
from json import dumps
from typing import Annotated

import typer

from agents.checks.machine import size
from orchestrator.cli.console import say, say_json
from orchestrator.cli.options import duration
from orchestrator.cli.signals import carry_out
from orchestrator.orchestrator import Orchestrator
from orchestrator.runtime.retention import Pruned

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def prune(
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            parser=duration,
            help="How long ago a run ended, or an environment was used (12h, 30d).",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,  # noqa: FBT002
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Remove what is kept of runs that ended long ago, and environments not used since. Workspaces are not touched."""
    raise typer.Exit(carry_out(_prune(timedelta(seconds=older_than), dry_run=dry_run, json=json)))


async def _prune(older_than: timedelta, *, dry_run: bool, json: bool) -> int:
    async with Orchestrator() as engine:
        pruned = await engine.prune(older_than=older_than, dry_run=dry_run)
    if json:
        say_json(dumps({"type": "pruned", **pruned.model_dump(mode="json")}))
    else:
        _tell(pruned)
    return 0


def _tell(pruned: Pruned) -> None:
    say(f"{'would remove' if pruned.dry_run else 'removed'} {size(pruned.bytes)}:")
    say(
        f"  {_count(pruned.runs, 'run')} and {_count(pruned.contents, 'file')} of theirs in the database,"
        f" {size(pruned.database_bytes)}"
    )
    say(f"  {_count(pruned.folders, 'folder')} of runs, {size(pruned.folder_bytes)}")
    say(f"  {_count(pruned.environments, 'prepared environment')}, {size(pruned.environment_bytes)}")
    if pruned.unfinished:
        verb = "is" if pruned.unfinished == 1 else "are"
        say(f"kept {_count(pruned.unfinished, 'run')} that {verb} not over; `baton cancel RUN` gives one up")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
