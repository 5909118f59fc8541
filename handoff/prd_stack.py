"""Read the PRD's `## Stack` against the catalogue: what is chosen or cannot be, and the defaults of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from handoff.catalogue import Catalogue
from handoff.prd_report import Cursor, listed
from schemas.agents import SPECIALISTS
from schemas.feature import STACK
from schemas.handoffs import PrdChoice
from schemas.parts import Part
from schemas.stack import Stack


def read_stack(choices: Sequence[PrdChoice], catalogue: Catalogue, root: Cursor) -> Stack:
    """Return the stack, reporting parts and choices that are unknown or not provided, and what does not go together.

    A choice for a part that can be left out without harm becomes a gap.
    """
    rows = _rows(choices, catalogue, root)
    read = {key: _choice(part, word, catalogue, spot) for key, (part, word, spot) in rows.items()}
    made = {key: choice for key, choice in read.items() if choice in catalogue.available(rows[key][0])}
    stack = catalogue.stack({key: choice for key, choice in made.items() if choice})
    for key in (key for key, choice in read.items() if choice and key not in made):
        part, word, spot = rows[key]
        reason = f"not implemented yet: the app is made with `{stack[key]}`"
        spot.gap(STACK, f"{part.name}: {word}", reason, subject=part.name)
    if all(read.values()):  # what is refused already would only lead to more of the same
        _check_conflicts(stack, catalogue, {key: spot for key, (_, _, spot) in rows.items()}, root)
    return stack


def _rows(choices: Sequence[PrdChoice], catalogue: Catalogue, root: Cursor) -> dict[str, tuple[Part, str, Cursor]]:
    """Return the rows of parts that there are, by the part's key."""
    rows: dict[str, tuple[Part, str, Cursor]] = {}
    for index, row in enumerate(choices):
        spot = root.at("stack", index, section="Stack")
        part = catalogue.part(row.part)
        if part is None:
            spot.at("part").unknown("part of the stack", row.part, [part.name for part in catalogue.parts])
        elif part.key in rows:
            spot.problem(f"`{part.name}` is chosen twice", hint="keep one of the rows")
        else:
            rows[part.key] = part, row.choice, spot.at("choice")
    return rows


def _choice(part: Part, written: str, catalogue: Catalogue, spot: Cursor) -> str | None:
    """Return the choice as the catalogue spells it, if somebody provides it or the app does without."""
    choice, available = part.spelled(written), catalogue.available(part)
    if choice is None:
        spot.unknown(f"choice for `{part.name}`", written, part.choices)
    elif choice in available or part.optional:
        return choice
    elif specialist := _specialist(part, choice):
        spot.problem(
            f"the backend `{choice}` needs the specialist `{specialist}`, which Baton does not have",
            got=written,
            expected=listed(available),
        )
    else:
        spot.problem(f"{part.name} `{choice}` is not implemented yet", got=written, expected=listed(available))
    return None


def _specialist(part: Part, choice: str) -> str | None:
    names = (name for language, name in SPECIALISTS.items() if language == choice)
    return next(names, None) if part.key == "backend" else None


def _check_conflicts(stack: Stack, catalogue: Catalogue, spots: Mapping[str, Cursor], root: Cursor) -> None:
    """Report each conflict at the row that made it, the choice's own or, if that is a default, another's."""
    for conflict in catalogue.conflicts(stack):
        rows = [spots[key] for key in (conflict.part.key, *conflict.parts) if key in spots]
        spot = rows[0] if rows else root.at("stack", section="Stack")
        spot.problem(str(conflict), got=conflict.choice, expected=listed(catalogue.available(conflict.part)))
