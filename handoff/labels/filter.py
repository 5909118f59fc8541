"""`**Filter:** room, status`: query parameters of the list, `_from` and `_to` where values have an order."""

from __future__ import annotations

from typing import Final

from handoff.prd_entities import MOMENTS
from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor

RANGED: Final = frozenset({"integer", "decimal", "float", "date", "time", "datetime"})


def _read(value: str, known: Known, spot: Cursor) -> tuple[str, ...]:
    names = known.usables(value, "Filter", spot)
    taken: dict[str, str] = {}
    for name in names:
        for parameter in _parameters(known, name):
            other = taken.setdefault(parameter, name)
            if other != name:
                spot.problem(f"filtering by `{name}` and by `{other}` would both use the parameter `{parameter}`")
    return names


def _parameters(known: Known, name: str) -> tuple[str, ...]:
    field = known.fields.get(name)
    kind = field.type.kind if field else ("datetime" if name in MOMENTS else "reference")
    if kind in RANGED:
        return name, f"{name}_from", f"{name}_to"
    return (f"{name}_id" if kind == "reference" else name,)


LABEL = Label(name="Filter", read=_read, sets="filters")
