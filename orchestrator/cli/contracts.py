"""`baton contracts check` and `baton contracts export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_error
from orchestrator.planning.compatibility import refuse_unfit
from orchestrator.planning.workflows import Workflows
from schemas import export as exporting
from schemas.contract import Contract
from skills.core.registry import Registry

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

BAD_INPUT = 2


@app.callback()
def contracts() -> None:
    """Check and export the contracts."""


@app.command()
def check() -> None:
    """Check that all agents and skills read what is written before them, and that the schema files are current."""
    registry = Registry()
    workflows = Workflows()
    for workflow in workflows:
        refuse_unfit(workflows.bind(workflow), registry)
    stale = exporting.drift(_skill_contracts(registry))
    if stale:
        say_error("schema files are not as their models say; write them with `baton contracts export`:")
        for name in stale:
            say_error(f"  schemas/{name}")
        raise typer.Exit(BAD_INPUT)
    say("the contracts fit, and their schema files are current")


@app.command()
def export(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to; the installed package by default.")
    ] = None,
) -> None:
    """Write every contract as a JSON Schema 2020-12 file."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    changed = exporting.write(_skill_contracts(Registry()), folder or exporting.ROOT)
    for name in changed:
        say(name)
    say(f"{len(changed)} changed")


def _skill_contracts(registry: Registry) -> list[Contract]:
    blueprints = {skill.name: skill.blueprint() for skill in registry.skills if skill.built_in}
    return exporting.skill_contracts({name: (each.input, each.output) for name, each in blueprints.items()})
