"""`baton agents`."""

from __future__ import annotations

import typer

from orchestrator.cli.console import say
from orchestrator.pipeline import full_stack

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def agents() -> None:
    """List the agents in working order: what each owns, reads and writes."""
    for agent in full_stack().agents:
        reads = ", ".join(f"{each.contract}{'' if each.required else ' (if there)'}" for each in agent.reads)
        besides = f", except {', '.join(agent.excludes)}" if agent.excludes else ""
        say(f"{agent.name}\n  owns    {', '.join(agent.owns)}{besides}\n  reads   {reads}\n  writes  {agent.writes}")
        say(f"  guards  {', '.join(guard.name for guard in agent.guards)}")
        say(f"  checks  {', '.join(check.name for check in agent.checks)}")
