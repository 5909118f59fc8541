"""`baton skills`."""

from __future__ import annotations

import typer

from orchestrator.cli.console import say
from skills.registry import Registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def skills() -> None:
    """List the skills in running order: who uses each, and when."""
    for skill in Registry().skills:
        when = " and ".join(f"{part} is {choice}" for part, choice in skill.when) or "always"
        say(f"{skill.name} ({skill.agent}, {when})\n  {skill.description}")
