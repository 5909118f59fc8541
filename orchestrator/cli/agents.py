"""`baton agents`."""

from __future__ import annotations

import typer

from orchestrator.cli.console import say
from orchestrator.cli.project import catalogue_at, pipeline_and_registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def agents() -> None:
    """List the agents in working order, the project's own among them: what each owns, reads and writes.

    Shown as they work under the default stack.
    """
    for agent in pipeline_and_registry()[0].bound(catalogue_at().stack()):
        reads = ", ".join(f"{each.contract}{'' if each.required else ' (if there)'}" for each in agent.reads)
        besides = f", except {', '.join(agent.excludes)}" if agent.excludes else ""
        say(f"{agent.name}\n  owns    {', '.join(agent.owns)}{besides}\n  reads   {reads}\n  writes  {agent.writes}")
        say(f"  guards  {', '.join(guard.name for guard in agent.guards)}")
        say(f"  checks  {', '.join(check.name for check in agent.checks) or 'none'}")
