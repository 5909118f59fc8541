"""`baton agents`."""

from __future__ import annotations

import typer

from orchestrator.cli.console import say
from orchestrator.cli.project import catalogue_at, workflows_and_registry
from orchestrator.planning.pipeline import agents_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def agents() -> None:
    """List the agents in working order, the project's own among them: what each owns, reads and writes.

    Shown as they work under the default stack.
    """
    workflows, _ = workflows_and_registry()
    stack = catalogue_at().stack()
    for agent in agents_of(step for each in workflows for step in workflows.bind(each).bound(stack)):
        reads = ", ".join(f"{each.contract}{'' if each.required else ' (if there)'}" for each in agent.reads)
        besides = f", except {', '.join(agent.excludes)}" if agent.excludes else ""
        say(f"{agent.name}\n  owns    {', '.join(agent.owns)}{besides}\n  reads   {reads}\n  writes  {agent.writes}")
        say(f"  guards  {', '.join(guard.name for guard in agent.guards)}")
        say(f"  checks  {', '.join(check.name for check in agent.checks) or 'none'}")
