"""`baton plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.cli.options import WorkflowName
from orchestrator.cli.project import workflows_and_registry
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.compatibility import refuse_unfit
from orchestrator.planning.plan import make_plan
from orchestrator.planning.workflow import FEATURE
from orchestrator.records.events import PlanMade
from orchestrator.steps.intake.intake import read_prd, understand

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def plan(
    prd: Annotated[Path, typer.Argument(help="The feature PRD.")],
    workflow: WorkflowName = FEATURE,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Show which agents and skills a PRD needs, and why. Nothing is run or written."""
    workflows, registry = workflows_and_registry()
    pipeline = workflows.pipeline(workflow)
    feature = understand(read_prd(prd), catalogue_of(registry, pipeline.toolchains))
    refuse_unfit(pipeline, registry)
    made = make_plan(feature, pipeline, registry).event()
    if json:
        say_json(made.model_dump_json(exclude={"at"}))
    else:
        show_plan(made)


def show_plan(made: PlanMade) -> None:
    """Print a plan for people."""
    for agent in made.agents:
        say(f"{'+' if agent.active else '-'} {agent.step}: {agent.reason}")
        for skill in agent.skills:
            say(f"    {'+' if skill.active else '-'} {skill.name}: {skill.reason}")
    for gap in made.gaps:
        say(f"not implemented: {gap.text} ({gap.reason})")
