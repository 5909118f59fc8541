"""`baton choices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.console import say, say_json
from orchestrator.cli.project import catalogue_at
from schemas.base import Document
from schemas.stack import NONE

if TYPE_CHECKING:
    from handoff.catalogue import Catalogue
    from schemas.parts import Part

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class ListedChoice(Document):
    """A choice, and the skills and toolchains that provide it."""

    choice: str
    available: bool
    provided_by: tuple[str, ...]


class ListedPart(Document):
    """A part of the stack. `key` is its name in the conditions of skills."""

    part: str
    key: str
    default: str
    choices: tuple[ListedChoice, ...]


class ListedChoices(Document):
    """All parts, in the order in which they are decided."""

    parts: tuple[ListedPart, ...]


@app.command()
def choices(
    json: Annotated[bool, typer.Option("--json", help="Print the choices as JSON.")] = False,  # noqa: FBT002
) -> None:
    """List what can be chosen for each part of a stack, the project's own choices among them, and who provides it."""
    catalogue = catalogue_at()
    listing = ListedChoices(parts=tuple(_listed(part, catalogue) for part in catalogue.parts))
    if json:
        say_json(listing.model_dump_json())
        return
    for part in listing.parts:
        _show(part)


def _listed(part: Part, catalogue: Catalogue) -> ListedPart:
    available = catalogue.available(part)
    every = (
        ListedChoice(
            choice=choice,
            available=choice in available,
            provided_by=tuple(dict.fromkeys(each.name for each in catalogue.providers_of(part, choice))),
        )
        for choice in part.choices
    )
    return ListedPart(part=part.name, key=part.key, default=catalogue.default(part), choices=tuple(every))


def _show(part: ListedPart) -> None:
    say(f"{part.part} (by default {part.default})")
    for each in part.choices:
        if each.available and (each.provided_by or each.choice != NONE):
            say(f"  {each.choice}: {', '.join(each.provided_by) or 'as it is'}")
    missing = [each.choice for each in part.choices if not each.available]
    if missing:
        say(f"  nobody provides {', '.join(missing)}")
