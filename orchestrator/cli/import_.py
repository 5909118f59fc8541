"""`baton import`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.interop.import_ import Imported, import_project
from orchestrator.interop.project import MAPPING, project_at
from orchestrator.records.sanitize import sanitize

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_SHOWN = 50  # warnings; the rest are counted


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The project.")] = Path(),
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Take a project's `.claude/agents` and `.claude/skills` as agents and skills of its pipeline.

    What each agent may own is yours to say in `.baton/project.yaml`; then import again.
    """
    root = folder.resolve()
    found = import_project(root)
    project_at(root)  # what was written can be used, or the command says why not
    if json:
        say_json(_line(found))
    else:
        _show(found)


def _line(found: Imported) -> str:
    return dumps(
        {
            "type": "import",
            **found.mapping.model_dump(mode="json"),
            "skipped": [{"source": each.source, "reason": each.reason} for each in found.skipped],
            "warnings": found.warnings,
            "gone": found.gone,
        }
    )


def _show(found: Imported) -> None:
    for warning in found.warnings[:_SHOWN]:
        say(f"warning: {sanitize(warning)}")
    if len(found.warnings) > _SHOWN:
        say(f"… and {len(found.warnings) - _SHOWN} more warnings; `--json` lists them all")
    for each in found.skipped:
        say(f"skipped: {sanitize(each.source)}: {sanitize(each.reason)}")
    for name in found.gone:
        say(f"gone: {name}")
    mapping = found.mapping
    idle = [name for name, each in mapping.agents.items() if not each.owns]
    unused = [name for name, each in mapping.skills.items() if not each.agent]
    say(f"{len(found.agents)} agents, {len(found.skills)} skills, {len(found.warnings)} warnings")
    if idle:
        say(f"own nothing yet, so do not work: {', '.join(idle)}")
    if unused:
        say(f"have no agent yet: {', '.join(unused)}")
    if idle or unused:
        say(f"say what they own and whose they are in {MAPPING}, then: baton import")
