"""`baton export`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.interop.claude_code import exported
from orchestrator.interop.export import Exported
from orchestrator.interop.export import export as write
from orchestrator.planning.workflows import Workflows
from skills.core.registry import Registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_DIFFERS = 1


@app.command()
def export(
    what: Annotated[Literal["claude-code"], typer.Argument(metavar="claude-code", help="For which coding agent.")],  # noqa: ARG001 - there is one
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The project.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if something differs.")] = False,  # noqa: FBT002
    json: Annotated[bool, typer.Option("--json", help="Print a JSON line a file.")] = False,  # noqa: FBT002
) -> None:
    """Write agents, skills and commands that drive runs from a coding agent: `.claude/{agents,skills,commands}`.

    Files that an export did not write, or that were edited since, are left alone.
    """
    results = write(folder.resolve(), exported(Workflows().pipeline(), Registry()), check=check)
    if json:
        for each in results:
            say_json(dumps({"path": each.path, "found": each.found, "done": each.done}))
    else:
        _show(results, check=check)
    raise typer.Exit(_DIFFERS if check and not all(each.is_fine for each in results) else 0)


def _show(results: list[Exported], *, check: bool) -> None:
    for each in results:
        if each.found != "up to date":
            say(f"{each.path}: {each.found}{f', {each.done}' if each.done else ''}")
    same = sum(each.found == "up to date" for each in results)
    say(f"{same} of {len(results)} files {'are' if check else 'were'} up to date")
