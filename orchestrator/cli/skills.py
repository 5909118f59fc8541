"""`baton skills`."""

from __future__ import annotations

import typer

from orchestrator.cli.console import say
from orchestrator.cli.project import workflows_and_registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def skills() -> None:
    """List the skills in running order, the project's own among them: who uses each, when, and what it provides."""
    for skill in workflows_and_registry()[1].skills:
        when = " and ".join(str(condition) for condition in skill.when) or "always"
        say(f"{skill.name} ({', '.join(skill.agents)}, {when})\n  {skill.description}")
        if skill.provides:
            say(f"  provides {', '.join(f'{part} {choice}' for part, choice in skill.provides)}")
