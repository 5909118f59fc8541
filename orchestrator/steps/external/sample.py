"""A document of a contract: the emptiest that holds, or one with an example of everything in it.

Not here: its markdown (`handoff.codec`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from schemas.base import JSON
from schemas.contract import Contract

_TEXT = "…"
_DEEPEST = 8  # a contract may refer to itself
_PLAIN: Mapping[str, JSON] = {"string": "", "integer": 0, "number": 0, "boolean": False}


def sample(contract: Contract, *, known: Mapping[str, JSON] | None = None, full: bool = False) -> dict[str, JSON]:
    """Return a document.

    Args:
        contract: Of an object.
        known: Values of its members, taken where it has such a member.
        full: Every member, one item in each list, a mark in each text; else what is required alone.
    """
    made = _Sampler(contract, full=full).object(contract.schema, 0)
    return {name: (known or {}).get(name, value) for name, value in made.items()}


class _Sampler:
    def __init__(self, contract: Contract, *, full: bool) -> None:
        self._definitions = cast("Mapping[str, Mapping[str, JSON]]", contract.schema.get("$defs", {}))
        self._full = full

    def object(self, schema: Mapping[str, JSON], depth: int) -> dict[str, JSON]:
        members = cast("Mapping[str, Mapping[str, JSON]]", schema.get("properties", {}))
        wanted = members if self._full else cast("list[str]", schema.get("required", []))
        return {name: self._value(members[name], depth + 1) for name in wanted if name in members}

    def _value(self, schema: Mapping[str, JSON], depth: int) -> JSON:
        if depth > _DEEPEST:
            return None
        if isinstance(reference := schema.get("$ref"), str):
            return self._value(self._definitions[reference.rpartition("/")[2]], depth)
        if isinstance(branches := schema.get("anyOf"), list):
            return self._value(cast("Mapping[str, JSON]", branches[0]), depth)
        return self._chosen(schema) or self._made(schema, depth)

    @staticmethod
    def _chosen(schema: Mapping[str, JSON]) -> JSON:
        choices = schema.get("enum")
        return choices[0] if isinstance(choices, list) else schema.get("const")

    def _made(self, schema: Mapping[str, JSON], depth: int) -> JSON:
        kind = cast("str", schema.get("type", ""))
        if kind == "object":
            return self.object(schema, depth)
        if kind == "array":
            return [self._value(cast("Mapping[str, JSON]", schema.get("items", {})), depth)] if self._full else []
        return _TEXT if kind == "string" and self._full else _PLAIN.get(kind)
