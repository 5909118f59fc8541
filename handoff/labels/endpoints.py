"""`**Endpoints:** list, read`: which operations there are, if not all."""

from __future__ import annotations

from typing import get_args

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor, words
from schemas.feature import Operation


def _read(value: str, _: Known, spot: Cursor) -> tuple[str, ...] | None:
    operations = get_args(Operation)
    named = [name.casefold() for name in words(value)]
    unknown = [name for name in named if name not in operations]
    for name in unknown:
        spot.unknown("endpoint", name, operations)
    if unknown or set(named) == set(operations):
        return None
    return tuple(name for name in operations if name in named)


LABEL = Label(name="Endpoints", read=_read, sets="operations", gap=NOT_YET)
