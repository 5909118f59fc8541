"""Which values a field accepts, which it refuses, how they are ordered, and one not used before.

Deterministic: the same field, the same values. All are Python source (see `value`).

Not here: the values themselves (`texts`, `scalars`), the tests that use them (`suite`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.feature import FeatureField, Kind
from skills.edge_case_tester import scalars, texts
from skills.edge_case_tester.value import Value

_Values = Callable[[FeatureField], Iterator[Value]]

_ACCEPTED: dict[Kind, _Values] = {
    "string": texts.accepted_text,
    "text": texts.accepted_text,
    "email": texts.accepted_email,
    "url": texts.accepted_url,
    "integer": scalars.accepted_integer,
    "decimal": scalars.accepted_decimal,
    "float": scalars.accepted_float,
    "boolean": scalars.accepted_boolean,
    "date": scalars.accepted_date,
    "time": scalars.accepted_time,
    "datetime": scalars.accepted_datetime,
    "uuid": scalars.accepted_uuid,
    "json": scalars.accepted_json,
    "enum": scalars.accepted_enum,
}
_REFUSED: dict[Kind, _Values] = {
    "string": texts.refused_text,
    "text": texts.refused_text,
    "email": texts.refused_email,
    "url": texts.refused_url,
    "integer": scalars.refused_integer,
    "decimal": scalars.refused_decimal,
    "float": scalars.refused_float,
    "boolean": scalars.refused_boolean,
    "date": scalars.refused_date,
    "time": scalars.refused_time,
    "datetime": scalars.refused_datetime,
    "uuid": scalars.refused_uuid,
    "json": scalars.refused_json,
    "enum": scalars.refused_enum,
    "reference": scalars.refused_reference,
    "references": scalars.refused_references,
}
_ORDERED: dict[Kind, Callable[[FeatureField], Iterator[str]]] = {
    "string": texts.ordered_text,
    "text": texts.ordered_text,
    "email": texts.ordered_email,
    "url": texts.ordered_url,
    "integer": scalars.ordered_integer,
    "decimal": scalars.ordered_decimal,
    "float": scalars.ordered_float,
    "boolean": lambda _: iter(("False", "True")),
    "date": lambda _: iter(scalars.ORDERED_DATES),
    "time": lambda _: iter(scalars.ORDERED_TIMES),
    "datetime": lambda _: iter(scalars.ORDERED_DATETIMES),
    "uuid": lambda _: iter(scalars.ORDERED_UUIDS),
    "enum": scalars.ordered_enum,
}
_FRESH: dict[Kind, Callable[[FeatureField], str]] = {
    "string": texts.fresh_text,
    "text": texts.fresh_text,
    "email": texts.fresh_email,
    "url": texts.fresh_url,
    "integer": scalars.fresh_integer,
    "decimal": scalars.fresh_decimal,
    "float": scalars.fresh_float,
    "boolean": lambda _: "True",
    "date": lambda _: scalars.FRESH_DATE,
    "time": lambda _: scalars.FRESH_TIME,
    "datetime": lambda _: scalars.FRESH_DATETIME,
    "uuid": lambda _: scalars.FRESH_UUID,
    "json": lambda _: '{"number": next(serial)}',
    "enum": scalars.fresh_enum,
}
_COUNTED_FROM_LOWEST: frozenset[Kind] = frozenset({"integer", "decimal", "float"})
_NEVER_FRESH: frozenset[Kind] = frozenset(
    {"string", "text", "email", "url", "date", "time", "datetime", "uuid", "json"}
)


def accepted(field: FeatureField) -> tuple[Value, ...]:
    """Return values at the bounds of what the field accepts; of references, only null if they may be empty."""
    values = tuple(_ACCEPTED[field.type.kind](field)) if field.type.kind in _ACCEPTED else ()
    empty = () if field.required or field.type.kind == "references" else (Value(label="null", sent="None"),)
    return values + empty


def refused(field: FeatureField) -> tuple[Value, ...]:
    """Return values just outside each rule of the field, of the wrong type, and null where it is not allowed."""
    null = (Value(label="null", sent="None"),) if field.required else ()
    return tuple(_REFUSED[field.type.kind](field)) + null


def ordered(field: FeatureField) -> tuple[str, ...]:
    """Return up to three accepted values in ascending order, under any collation; none if the type has no order."""
    return tuple(_ORDERED[field.type.kind](field)) if field.type.kind in _ORDERED else ()


def different(field: FeatureField) -> tuple[str, ...]:
    """Return two accepted values that differ, the smaller one first; fewer if there are no two."""
    if field.type.kind == "enum":
        return tuple(repr(value) for value in field.type.values[:2])
    return ordered(field)[:2]


def never_fresh(field: FeatureField) -> bool:
    """Say whether a value from `accepted` is never one that `fresh` gives."""
    if field.type.kind in _COUNTED_FROM_LOWEST:
        return scalars.counts_on(field)
    return field.type.kind in _NEVER_FRESH and field.pattern is None and field.max_length != 1


def fresh(field: FeatureField) -> str:
    """Return an expression that gives an accepted value not used before; it counts with `serial`.

    Raises:
        KeyError: The field is a reference: its value is a record's id.
    """
    return _FRESH[field.type.kind](field)
