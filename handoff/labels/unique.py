"""`**Unique:** (room, starts_at); (owner, name)`: fields that are unique together."""

from __future__ import annotations

import re

from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor, words

_GROUP = re.compile(r"\(([^()]*)\)")

_MOST = 32  # columns that PostgreSQL takes into an index


def _read(value: str, known: Known, spot: Cursor) -> tuple[tuple[str, ...], ...]:
    groups: list[tuple[str, ...]] = []
    for part in value.split(";"):
        found = _GROUP.fullmatch(part.strip())
        if not found:
            spot.problem("`Unique` cannot be read", got=part.strip(), expected="`(room, starts_at); (owner, name)`")
            continue
        names = tuple(words(found[1]))
        if len(names) != len(set(names)) or len(names) < 2:  # noqa: PLR2004  # one field has a rule of its own
            spot.problem(
                "a group in `Unique` needs two or more different fields",
                got=part.strip(),
                hint="for a single field, write the rule `unique` in its row",
            )
        elif len(names) > _MOST:
            spot.problem("a group in `Unique` has more fields than an index of PostgreSQL", expected=f"at most {_MOST}")
        elif any(set(names) == set(group) for group in groups):
            spot.problem("`Unique` has a group twice", got=part.strip())
        elif [name for name in names if known.usable(name, "Unique", spot, own=())] == list(names):
            groups.append(names)
    _refuse_repetition(groups, known)
    return tuple(groups)


def _refuse_repetition(groups: list[tuple[str, ...]], known: Known) -> None:
    """Report `unique per` rules that say again what the label says."""
    said = {frozenset(group) for group in groups}
    for name, field in known.fields.items():
        if field and field.unique_per and {name, *field.unique_per} in said:
            known.spots[name].problem(
                "`unique per` says what the label `Unique` says already", hint="drop one of the two"
            )


LABEL = Label(name="Unique", read=_read, sets="unique")
