"""Which query parameters a list understands: one a filter, `_from` and `_to` where values have an order, and `sort`.

Not here: their types in a framework, the SQL they become.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.feature import Entity, FeatureField, FieldType
from skills.codegen.naming import attribute, json_name, query_name

ORDERED = frozenset({"integer", "decimal", "float", "date", "time", "datetime"})

Comparison = Literal["==", ">=", "<=", "links"]

_MOMENT = FieldType(kind="datetime")
_BUILT_IN = {
    "owner": FeatureField(name="owner", type=FieldType(kind="reference", target="User"), required=True),
    "created_at": FeatureField(name="created_at", type=_MOMENT, required=True),
    "updated_at": FeatureField(name="updated_at", type=_MOMENT, required=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterParameter:
    """`?parameter=` keeps the records whose `field` compares so; `links` asks whether a many-to-many holds the id."""

    parameter: str
    field: FeatureField
    comparison: Comparison

    @property
    def attribute(self) -> str:
        return attribute(self.parameter)


def listed_field(entity: Entity, name: str) -> FeatureField:
    """Return the field a filter or sort names: one of the entity's own, `owner`, `created_at` or `updated_at`."""
    return next((f for f in entity.fields if f.name == name), None) or _BUILT_IN[name]


def filter_parameters(entity: Entity) -> tuple[FilterParameter, ...]:
    """Return the filters of `entity` in the PRD's order; no two share a name (`handoff.labels.filter` sees to it)."""
    return tuple(parameter for name in entity.filters for parameter in _parameters(listed_field(entity, name)))


def sort_values(entity: Entity) -> tuple[str, ...]:
    """Return what `?sort=` may say: `("due_at", "-due_at")`."""
    names = [json_name(listed_field(entity, name)) for name in entity.sorts]
    return tuple(value for name in names for value in (name, f"-{name}"))


def _parameters(f: FeatureField) -> Iterator[FilterParameter]:
    name = query_name(json_name(f))
    yield FilterParameter(parameter=name, field=f, comparison="links" if f.type.kind == "references" else "==")
    if f.type.kind in ORDERED:
        yield FilterParameter(parameter=f"{name}_from", field=f, comparison=">=")
        yield FilterParameter(parameter=f"{name}_to", field=f, comparison="<=")
