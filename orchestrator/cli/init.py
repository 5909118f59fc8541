"""`baton init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.console import say
from orchestrator.cli.project import catalogue_at
from schemas.errors import InputError

if TYPE_CHECKING:
    from handoff.catalogue import Catalogue

app = typer.Typer(rich_markup_mode=None, add_completion=False)

NAME = "feature-prd.md"
_STACK = ("Backend", "Framework", "Database", "Frontend", "Authentication")
_STARTER = """# Feature PRD: Reading list

**Slug:** reading-list

People keep a list of books they want to read. Everyone sees only their own.

## Stack

| Part | Choice |
|---|---|
{stack}

## Entities

### Book

A book that somebody wants to read.

**Owner:** yes
**Filter:** status
**Sort:** title

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | 1..200 chars; unique per owner |
| author | string | no | max 120 |
| status | enum(wanted, reading, read) | yes | default wanted |
| notes | text | no | max 5000 |
"""


class PrdExists(InputError):
    """There is a PRD already."""

    code = "prd_exists"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; made if missing.")] = Path(),
) -> None:
    """Write a PRD to start from. Nothing is overwritten."""
    path = folder / NAME
    catalogue = catalogue_at()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_STARTER.format(stack=_stack(catalogue)))
    except FileExistsError as error:
        raise PrdExists(
            f"`{error.filename}` is already there; it was not touched. Edit it, or name another folder."
        ) from error
    except OSError as error:
        raise InputError(f"`{path}` cannot be written: {error.strerror}.") from error
    say(f"wrote {path}. Describe your entities in it, then: baton run {path} --workspace DIR")


def _stack(catalogue: Catalogue) -> str:
    """Return the rows that people decide first, each with its default."""
    stack = catalogue.stack()
    return "\n".join(f"| {part.name} | {stack[part.key]} |" for part in catalogue.parts if part.name in _STACK)
