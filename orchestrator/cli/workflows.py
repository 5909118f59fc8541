"""`baton workflows`."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.cli.project import workflows_and_registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def workflows(
    json: Annotated[bool, typer.Option("--json", help="Print the workflows as JSON.")] = False,  # noqa: FBT002
) -> None:
    """List the workflows, the project's own among them: what each starts from, and its steps."""
    found, _ = workflows_and_registry()
    if json:
        say_json(json_format.dumps([each.model_dump(mode="json") for each in found]))
        return
    for each in found:
        pipeline = found.bind(each)
        say(f"{each.name}{f': {each.title}' if each.title else ''}\n  starts from  {each.entry}")
        for step in pipeline.steps:
            by = "" if step.name == step.agent.name else f" ({step.agent.name})"
            reads = ", ".join(reads.contract for reads in step.agent.reads)
            say(f"  {step.name}{by}: {reads} → {step.agent.writes}")
