"""Does every document that a producer's contract admits satisfy what a consumer reads?

Used before a run starts (a pipeline whose contracts do not fit is refused) and when a contract changes (does a reader
of the old one understand the new?). The answer "yes" is never wrong. "No" is given with a reason for each field; where
a keyword is beyond what is understood here, the reason is that it cannot be proved.

Source: JSON Schema 2020-12. `format` is treated as an assertion, since the models behind the contracts treat it so.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import jsonschema_rs

from schemas.base import JSON
from schemas.contract import DIALECT, Contract, refuse_to_fetch

Schema: TypeAlias = Mapping[str, JSON]
Node: TypeAlias = JSON | Schema

MAX_STEPS = 50_000  # comparisons; alternatives within alternatives can multiply
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_ANNOTATIONS = {
    "$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
    "writeOnly", "x-markdown", "discriminator",
}  # fmt: skip
_UNDERSTOOD = _ANNOTATIONS | {
    "type", "enum", "const", "anyOf", "allOf", "$ref", "minLength", "maxLength", "pattern", "format", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems", "minItems", "maxItems",
    "uniqueItems", "properties", "required", "additionalProperties", "minProperties", "maxProperties",
}  # fmt: skip
_BOUNDS: Mapping[str, Mapping[str, Callable[[float, float], bool]]] = {
    "string": {"minLength": operator.ge, "maxLength": operator.le},
    "array": {"minItems": operator.ge, "maxItems": operator.le},
    "object": {"minProperties": operator.ge, "maxProperties": operator.le},
}


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """Why a document of the producer may not satisfy the consumer. `path` reads `tables[].name`; empty: the whole."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.path}`: {self.reason}" if self.path else self.reason


def compatible(producer: Contract | Schema, consumer: Contract | Schema) -> list[Incompatibility]:
    """Return every reason why a document of `producer` may break `consumer`; an empty list if none can."""
    made, read = (side.schema if isinstance(side, Contract) else side for side in (producer, consumer))
    if any(_holds_word(value, "$id") for side in (made, read) for value in side.values()):
        return [Incompatibility("", "cannot be proved: a schema within the schema has an `$id` of its own")]
    try:
        return list(dict.fromkeys(_Proof(made, read).fits(made, read, "")))
    except RecursionError:
        return [Incompatibility("", "cannot be proved: the schemas are nested too deeply")]


class _Proof:
    """One comparison. `made` and `read` are the producer's and the consumer's schema at the same place."""

    def __init__(self, producer: Schema, consumer: Schema) -> None:
        self.producer, self.consumer = producer, consumer
        self.assumed: dict[tuple[int, int], int] = {}
        self.depth = 0
        self.steps = 0

    def fits(self, made: Node, read: Node, path: str) -> list[Incompatibility]:
        """Return why some value of `made` at `path` may not be one of `read`."""
        if made is False or read is True or read == {}:
            return []
        if made is True:
            made = {}
        if read is False or not isinstance(made, Mapping) or not isinstance(read, Mapping):
            return [Incompatibility(path, "the reader admits nothing here")]
        if _same(made, read) and not _holds_word(made, "$ref", "$dynamicRef"):
            return []
        self.steps += 1
        if self.steps > MAX_STEPS:
            return [Incompatibility(path, "cannot be proved: too many alternatives")]
        return self._guarded(made, read, path)

    def _guarded(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        """Compare, once, what references may lead back to."""
        pair = (id(made), id(read))
        if pair in self.assumed:
            # Coming back here further down in the document: documents are finite, so the assumption is good.
            descended = self.assumed[pair] < self.depth
            return [] if descended else [Incompatibility(path, "cannot be proved: a reference leads back to itself")]
        self.assumed[pair] = self.depth
        try:
            return self._compared(made, read, path)
        finally:
            del self.assumed[pair]

    def _compared(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        values = _finite(made)
        if values is not None:
            return self._values(values, read, path)
        parts = _conjuncts(read)
        if len(parts) != 1 or parts[0] is not read:
            return [reason for part in parts for reason in self.fits(made, part, path)]
        unknown = sorted(set(read) - _UNDERSTOOD)
        if unknown:
            return [Incompatibility(path, f"cannot be proved: the reader's `{word}`") for word in unknown]
        if "$ref" not in read:
            return self._split(made, read, path)
        target = _target(self.consumer, read["$ref"])
        if target is None:
            return [Incompatibility(path, f"cannot be proved: the reader's reference `{read['$ref']}`")]
        return self.fits(made, target, path)

    # ---- the producer's alternatives -------------------------------------------------------------------------------

    def _split(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        """Take the producer's schema apart until it is of one type."""
        parts = _conjuncts(made)
        if len(parts) > 1:
            reasons = [self.fits(part, read, path) for part in parts]
            return next((found for found in reasons if not found), reasons[0])
        if "$ref" in made:
            target = _target(self.producer, made["$ref"])
            return self.fits({} if target is None else target, read, path)
        options = made.get("anyOf", made.get("oneOf"))
        if isinstance(options, list):
            return [reason for option in options for reason in self.fits(option, read, path)]
        if "anyOf" in read:
            return self._alternatives(made, read, path)
        kinds = _kinds(made)
        if len(kinds) == len(_TYPES) and "type" in read:
            return [Incompatibility(path, f"may be anything, the reader expects {_listed(_kinds(read))}")]
        return [reason for kind in kinds for reason in self._one_type(kind, made, read, path)]

    def _alternatives(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        options = cast("list[JSON]", read["anyOf"])
        found: list[Incompatibility] = []
        for kind in _kinds(made):
            single = {**made, "type": kind}
            reasons = [self.fits(single, option, path) for option in options]
            if all(reasons):
                closest = min(reasons, key=lambda each: (each[0].reason.startswith("may be"), len(each)), default=[])
                found += closest or [Incompatibility(path, "fits none of the reader's alternatives")]
        return found

    def _values(self, values: Sequence[JSON], read: Schema, path: str) -> list[Incompatibility]:
        """Compare a closed list of values by validating each."""
        definitions = self.consumer.get("$defs", {})
        if _leads_elsewhere(read) or _leads_elsewhere(definitions):
            return [Incompatibility(path, "cannot be proved: the reader's references lead outside `$defs`")]
        whole = {"$schema": DIALECT, "$defs": definitions, "allOf": [dict(read)]}
        try:
            validator = jsonschema_rs.Draft202012Validator(whole, retriever=refuse_to_fetch, validate_formats=True)
            refused = [value for value in values if not validator.is_valid(value)]
        except (ValueError, jsonschema_rs.ReferencingError):
            return [Incompatibility(path, "cannot be proved: the reader's schema is not valid")]
        return [Incompatibility(path, f"may be `{json.dumps(value)}`, which the reader refuses") for value in refused]

    # ---- one type --------------------------------------------------------------------------------------------------

    def _one_type(self, kind: str, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        accepted = _kinds(read)
        if kind not in accepted and not (kind == "integer" and "number" in accepted):
            return [Incompatibility(path, f"may be {kind}, the reader expects {_listed(accepted)}")]
        if _finite(read) is not None:
            return [Incompatibility(path, f"may be any {kind}, the reader expects one of {json.dumps(_finite(read))}")]
        found = [
            Incompatibility(path, f"`{word}` is {_said(made, word)}, the reader expects {json.dumps(read[word])}")
            for word, holds in _BOUNDS.get(kind, {}).items()
            if word in read and not _bounded(made, read, word, holds)
        ]
        if kind in ("integer", "number"):
            found += _number(made, read, path)
        elif kind == "string":
            found += _equal(made, read, path, "pattern", "format")
        elif kind == "array":
            found += self._array(made, read, path)
        elif kind == "object":
            found += self._object(made, read, path)
        return found

    def _array(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        found = [] if not read.get("uniqueItems") else list(_equal(made, read, path, "uniqueItems"))
        first, second = (cast("list[JSON]", side.get("prefixItems", [])) for side in (made, read))
        longest = made.get("maxItems")
        limit = longest if isinstance(longest, int) else None
        for place in range(max(len(first), len(second))):
            if limit is None or place < limit:
                found += self._below(_at(first, place, made), _at(second, place, read), f"{path}[{place}]")
        if limit is None or limit > max(len(first), len(second)):
            found += self._below(made.get("items", True), read.get("items", True), f"{path}[]")
        return found

    def _object(self, made: Schema, read: Schema, path: str) -> list[Incompatibility]:
        mine, theirs = _properties(made), _properties(read)
        more, admitted = made.get("additionalProperties", True), read.get("additionalProperties", True)
        patterned = bool(made.get("patternProperties"))
        required = set(cast("list[str]", made.get("required", [])))
        found = [
            Incompatibility(_joined(path, name), "may be missing, the reader requires it")
            for name in cast("list[str]", read.get("required", []))
            if name not in required
        ]
        for name, schema in mine.items():
            expected = theirs.get(name, admitted)
            if expected is False and schema is not False:
                found.append(Incompatibility(_joined(path, name), "may be present, the reader does not know it"))
            else:
                found += self._below(schema, expected, _joined(path, name))
        for name in [name for name in theirs if name not in mine]:
            # A pattern of the producer may cover the name with any schema.
            found += self._below(True if patterned else more, theirs[name], _joined(path, name))
        if (patterned or more is not False) and admitted is False:
            found.append(Incompatibility(path, "may have members of any name, the reader does not know them"))
        elif patterned or more is not False:
            found += self._below(True if patterned else more, admitted, _joined(path, "*"))
        return found

    def _below(self, made: Node, read: Node, path: str) -> list[Incompatibility]:
        self.depth += 1
        try:
            return self.fits(made, read, path)
        finally:
            self.depth -= 1


def _conjuncts(schema: Schema) -> list[Schema]:
    """Return schemas that together say what `schema` says: references and unions apart from what stands beside them."""
    apart = [word for word in ("$ref", "anyOf", "oneOf", "allOf", "enum", "const") if word in schema]
    rest = {word: value for word, value in schema.items() if word not in apart and word not in _ANNOTATIONS}
    if len(apart) + bool(rest) <= 1 and "allOf" not in schema:
        return [schema]
    parts: list[Schema] = [{word: schema[word]} for word in apart if word != "allOf"]
    inner = cast("list[JSON]", schema.get("allOf", []))
    parts += [part if isinstance(part, Mapping) else {} if part is True else {"enum": []} for part in inner]
    return [*parts, rest] if rest else parts


def _finite(schema: Schema) -> list[JSON] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _kinds(schema: Schema) -> tuple[str, ...]:
    kinds = schema.get("type")
    if kinds is None:
        return tuple(kind for kind in _TYPES if kind != "integer")
    return tuple(cast("list[str]", kinds)) if isinstance(kinds, list) else (str(kinds),)


def _listed(kinds: Sequence[str]) -> str:
    return " or ".join(kinds)


def _properties(schema: Schema) -> Schema:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _at(prefix: list[JSON], place: int, schema: Schema) -> JSON:
    return prefix[place] if place < len(prefix) else schema.get("items", True)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _said(schema: Schema, word: str) -> str:
    return json.dumps(schema[word]) if word in schema else "not set"


def _bounded(made: Schema, read: Schema, word: str, holds: Callable[[float, float], bool]) -> bool:
    mine, theirs = made.get(word, 0 if word.startswith("min") else None), read[word]
    return isinstance(mine, int | float) and isinstance(theirs, int | float) and holds(mine, theirs)


def _equal(made: Schema, read: Schema, path: str, *words: str) -> Iterator[Incompatibility]:
    for word in words:
        if word in read and made.get(word) != read[word]:
            yield Incompatibility(path, f"`{word}` is {_said(made, word)}, the reader expects {json.dumps(read[word])}")


def _number(made: Schema, read: Schema, path: str) -> Iterator[Incompatibility]:
    for word, is_within in _LIMITS.items():
        limit = read.get(word)
        if isinstance(limit, int | float) and not is_within(made, limit):
            yield Incompatibility(path, f"{_numbers_of(made)}, the reader expects `{word}` {json.dumps(limit)}")
    yield from _equal(made, read, path, "multipleOf")


def _beyond(made: Schema, word: str, limit: float, holds: Callable[[float, float], bool]) -> bool:
    """Tell whether the producer's own bound `word` keeps every number on the right side of the reader's `limit`."""
    bound = made.get(word)
    return isinstance(bound, int | float) and holds(bound, limit)


_LIMITS: Mapping[str, Callable[[Schema, float], bool]] = {
    "minimum": lambda made, limit: (
        _beyond(made, "minimum", limit, operator.ge) or _beyond(made, "exclusiveMinimum", limit, operator.ge)
    ),
    "exclusiveMinimum": lambda made, limit: (
        _beyond(made, "minimum", limit, operator.gt) or _beyond(made, "exclusiveMinimum", limit, operator.ge)
    ),
    "maximum": lambda made, limit: (
        _beyond(made, "maximum", limit, operator.le) or _beyond(made, "exclusiveMaximum", limit, operator.le)
    ),
    "exclusiveMaximum": lambda made, limit: (
        _beyond(made, "maximum", limit, operator.lt) or _beyond(made, "exclusiveMaximum", limit, operator.le)
    ),
}


def _numbers_of(schema: Schema) -> str:
    words = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    said = ", ".join(f"`{word}` {json.dumps(schema[word])}" for word in words if word in schema)
    return f"has {said}" if said else "may be any number"


def _target(root: Schema, reference: JSON) -> Node:
    """Return what a local reference points to, or None if it is not local or leads nowhere."""
    if reference == "#":
        return root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    place: Node = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, Mapping) or name not in place:
            return None
        place = place[name]
    return place


def _holds_word(schema: Node, *words: str) -> bool:
    """Tell whether one of `words` is a key anywhere in `schema`."""
    if isinstance(schema, Mapping):
        return any(word in schema for word in words) or any(_holds_word(value, *words) for value in schema.values())
    return isinstance(schema, list) and any(_holds_word(value, *words) for value in schema)


def _leads_elsewhere(schema: Node) -> bool:
    """Tell whether a reference in `schema` leads elsewhere than into `$defs`."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref", "#/$defs/")
        if "$dynamicRef" in schema or not str(reference).startswith("#/$defs/"):
            return True
        return any(_leads_elsewhere(value) for value in schema.values())
    return isinstance(schema, list) and any(_leads_elsewhere(value) for value in schema)


def _same(made: Schema, read: Schema) -> bool:
    # Python takes `true` for `1`; their texts differ.
    return made == read and json.dumps(dict(made), sort_keys=True) == json.dumps(dict(read), sort_keys=True)
