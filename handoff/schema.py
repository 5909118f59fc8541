"""What a JSON Schema says, with its references followed.

`x-markdown` beside a reference goes before the hints of what it refers to.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, cast

from handoff.inline import Scalar, ScalarType
from schemas.base import JSON
from schemas.contract import Contract

Schema: TypeAlias = Mapping[str, JSON]

HINTS = "x-markdown"
_ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", HINTS}
_TYPES: Mapping[str, ScalarType] = MappingProxyType(
    {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
)


class SchemaReader:
    """Reads one contract's schema. `seen` is the chain of references followed so far: a repetition is a recursion."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def resolved(self, schema: JSON | Schema, seen: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]] | None:
        """Return `schema` with its reference followed, or None if it is recursive or says more than the reference."""
        if not isinstance(schema, Mapping):
            return None
        while "$ref" in schema:
            reference = str(schema["$ref"])
            target = self._target(reference)
            if reference in seen or target is None or not set(schema) - {"$ref"} <= _ANNOTATIONS:
                return None
            seen = (*seen, reference)
            schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
        return schema, seen

    def _target(self, reference: str) -> Schema | None:
        place: JSON = cast("JSON", self.contract.schema)
        if not reference.startswith("#/"):
            return None
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 (unescaped: RFC 6901)
            if not isinstance(place, Mapping) or step not in place:
                return None
            place = place[step]
        return place if isinstance(place, Mapping) else None

    def without_null(self, schema: Schema, seen: tuple[str, ...]) -> tuple[Schema, tuple[str, ...], bool] | None:
        """Return what `schema` is when it is not null, and whether it may be: `anyOf: [X, null]`, `type: [x, null]`."""
        options = schema.get("anyOf")
        if isinstance(options, list) and set(schema) - {"anyOf"} <= _ANNOTATIONS:
            rest = [option for option in options if option != {"type": "null"}]
            if len(rest) == 1 and len(options) == 2:  # noqa: PLR2004 (the value or null)
                found = self.resolved(rest[0], seen)
                if found is None:
                    return None
                around = {name: value for name, value in schema.items() if name != "anyOf"}
                return {**found[0], **around}, found[1], True
        kinds = schema.get("type")
        if isinstance(kinds, list) and "null" in kinds and len(kinds) == 2:  # noqa: PLR2004 (the type or null)
            return {**schema, "type": next(kind for kind in kinds if kind != "null")}, seen, True
        return schema, seen, False

    def scalar(self, schema: JSON, seen: tuple[str, ...], hints: Schema) -> Scalar | None:
        """Return how a property that stands on one line is written, or None if it does not."""
        found = self.resolved(schema, seen)
        if found is None:
            return None
        types = self._scalar_types(*found)
        if not types:
            return None
        choices = self._choices(*found)
        code = hints.get("code", "")
        return Scalar(types, choices, "write" if code is True else "read" if code == "read" else "")

    def _scalar_types(self, schema: Schema, seen: tuple[str, ...]) -> frozenset[ScalarType] | None:
        """Return the scalar types a schema admits; None or nothing if it admits anything else."""
        kinds = schema.get("type")
        if kinds is not None:
            names = kinds if isinstance(kinds, list) else [kinds]
            if all(name in _TYPES for name in names):
                return frozenset(_TYPES[str(name)] for name in names)
            return None
        if "const" in schema:
            return _types_of([schema["const"]])
        options = schema.get("enum")
        if isinstance(options, list):
            return _types_of(options)
        return self._union(schema.get("anyOf"), seen)

    def _union(self, options: JSON, seen: tuple[str, ...]) -> frozenset[ScalarType] | None:
        types: frozenset[ScalarType] = frozenset()
        for option in options if isinstance(options, list) else ():
            found = self.resolved(option, seen)
            kinds = self._scalar_types(*found) if found else None
            if not kinds:
                return None
            types |= kinds
        return types

    def _choices(self, schema: Schema, seen: tuple[str, ...]) -> tuple[str, ...]:
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if values is None and isinstance(options := schema.get("anyOf"), list):
            found = [self.resolved(option, seen) for option in options if option != {"type": "null"}]
            if len(found) == 1 and found[0] is not None:
                return self._choices(*found[0])
        if not isinstance(values, list):
            return ()
        strings = tuple(value for value in values if isinstance(value, str))
        return strings if len(strings) == len([value for value in values if value is not None]) else ()

    def hints(self, schema: JSON | Schema, seen: tuple[str, ...]) -> Schema:
        """Return the layout hints of a property."""
        found = self.resolved(schema, seen)
        return hints_of(found[0] if found else schema)


def hints_of(schema: JSON | Schema) -> Schema:
    hints = schema.get(HINTS) if isinstance(schema, Mapping) else None
    return hints if isinstance(hints, Mapping) else {}


def properties_of(schema: Schema) -> Schema:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def names_of(value: JSON) -> set[str]:
    return {str(name) for name in value} if isinstance(value, list) else set()


def is_closed(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False and "patternProperties" not in schema


def _types_of(values: list[JSON]) -> frozenset[ScalarType] | None:
    types: set[ScalarType] = set()
    for value in values:
        if value is None:
            types.add("null")
        elif isinstance(value, bool):
            types.add("boolean")
        elif isinstance(value, str | int | float):
            types.add("string" if isinstance(value, str) else "number")
        else:
            return None
    return frozenset(types)
