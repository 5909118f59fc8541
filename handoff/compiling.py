"""From a contract's schema and `x-markdown` hints to its layout.

The hints are listed in `docs/handoff-format.md`. A hint that the schema cannot carry is an error in the contract, not
something to be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import cast

from handoff.inline import Scalar
from handoff.layout import (
    Bullets,
    Cells,
    Free,
    Groups,
    Items,
    Labels,
    Layout,
    Lines,
    Member,
    Notes,
    Object,
    Placement,
    Prose,
    Rows,
    Shape,
    Template,
    holes,
    key,
)  # fmt: skip
from handoff.schema import Schema, SchemaReader, hints_of, is_closed, names_of, properties_of
from schemas.base import JSON
from schemas.contract import Contract, ContractInvalid

MAX_LEVEL = 6  # markdown has six heading levels
_SAFE_LABEL = re.compile(r"[A-Za-z][\w /().,'&+-]*(?<![ :])")
_SAFE_FIXED = re.compile(r"[\w /().,'&+:#-]*")


@lru_cache(maxsize=128)
def layout_of(contract: Contract) -> Layout:
    """Return the layout of a contract's documents.

    Raises:
        ContractInvalid: A hint contradicts the schema.
    """
    return _Compiler(contract).layout()


class _Compiler(SchemaReader):
    """Walks one contract's schema, from the root down."""

    def layout(self) -> Layout:
        schema = self.contract.schema
        hints = hints_of(schema)
        root = self._object(schema, 1, (), carried_by=str(hints.get("title", "")), opened=True)
        return Layout(
            title=self._template(self._title(schema, hints), root.carried),
            root=root,
            tight=hints.get("spacing") == "tight",
            lenient=bool(hints.get("lenient", False)),
        )

    def _title(self, schema: Schema, hints: Schema) -> str:
        if "title" in hints:
            return str(hints["title"])
        names = (str(schema.get("title", "")), self.contract.id)
        return next((_words(name) for name in names if _SAFE_LABEL.fullmatch(_words(name))), "Document")

    # ---- objects -------------------------------------------------------------------------------------------------

    def _object(
        self, schema: Schema, level: int, seen: tuple[str, ...], *, carried_by: str = "", opened: bool = False
    ) -> Object:
        properties = properties_of(schema)
        required = names_of(schema.get("required"))
        labels = "".join(str(self.hints(value, seen).get("label", "")) for value in properties.values())
        carried = {name: self._carried(name, properties, required, seen) for name in holes(carried_by + labels)}
        names = _Labels()
        members = [
            self._member(name, value, level, seen, required=name in required, carried=carried, names=names)
            for name, value in properties.items()
            if name not in carried
        ]
        extras = None
        if opened and not is_closed(schema):
            label = names.unique("section", "Other Members")
            extras = Member("", label, Free(), "section", required=False, nullable=False)
        return Object(tuple(members), MappingProxyType(carried), extras)

    def _carried(self, name: str, properties: Schema, required: set[str], seen: tuple[str, ...]) -> Scalar:
        scalar = self.scalar(properties.get(name), seen, {}) if name in properties else None
        if scalar is None or name not in required or "null" in scalar.types:
            raise self._wrong(f"`{{{name}}}` needs a required scalar member `{name}` that is never null")
        return scalar

    def _member(
        self,
        name: str,
        schema: JSON,
        level: int,
        seen: tuple[str, ...],
        *,
        required: bool,
        carried: Mapping[str, Scalar],
        names: _Labels,
    ) -> Member:
        hints = self.hints(schema, seen)
        shape, nullable = self._shape(schema, level, seen, hints)
        placement = self._placement(name, shape, level, hints)
        if nullable and placement == "bare":
            raise self._wrong(f"`{name}` may be null, so it needs a label or a heading")
        said = hints.get("heading" if placement == "section" else "label", hints.get("label"))
        text = _words(name) if said is None else str(said)
        template = self._template(text, carried) if said is not None and holes(text) and placement == "label" else None
        label = text if template else names.unique("section" if placement == "section" else "line", text)
        empties = isinstance(shape, Bullets | Lines | Cells | Rows | Groups | Items | Labels | Notes)
        return Member(name, label, shape, placement, required, nullable, template, empties)

    def _placement(self, name: str, shape: Shape, level: int, hints: Schema) -> Placement:
        if isinstance(shape, Scalar | Cells):
            return "line"
        if isinstance(shape, Prose | Labels):
            return "lead"
        if isinstance(shape, Object | Items | Notes):
            return "section"
        wanted = hints.get("place", "section" if level == 1 else "label")
        if wanted not in ("section", "label", "bare") or (wanted == "bare" and not isinstance(shape, Rows)):
            raise self._wrong(f"`{name}` cannot be placed `{wanted}`")
        return cast("Placement", wanted)

    # ---- shapes --------------------------------------------------------------------------------------------------

    def _shape(self, schema: JSON, level: int, seen: tuple[str, ...], hints: Schema) -> tuple[Shape, bool]:
        """Return a member's shape and whether null is written outside it (a scalar writes its own)."""
        scalar = self.scalar(schema, seen, hints)
        layout = hints.get("layout")
        if scalar is not None:
            if layout == "prose":
                if scalar.types != {"string"}:
                    raise self._wrong("only text can be laid out as prose")
                return Prose(), False
            return scalar, False
        found = self.resolved(schema, seen)
        stripped = self.without_null(*found) if found else None
        if stripped is None or layout == "json":
            return Free(), False
        inner, seen, nullable = stripped
        shape = self._container(inner, level, seen, hints)
        return shape, nullable and not isinstance(shape, Free)

    def _container(self, schema: Schema, level: int, seen: tuple[str, ...], hints: Schema) -> Shape:
        if schema.get("type") == "array" and "prefixItems" not in schema:
            return self._array(schema, level, seen, hints)
        if schema.get("type") == "object" and is_closed(schema) and level < MAX_LEVEL:
            return self._object(schema, level + 1, seen)
        return Free()

    def _array(self, schema: Schema, level: int, seen: tuple[str, ...], hints: Schema) -> Shape:
        scalar = self.scalar(schema.get("items"), seen, hints)
        if scalar is not None:
            return _list_of(scalar, hints)
        found = self.resolved(schema.get("items"), seen)
        if found is None or found[0].get("type") != "object" or not is_closed(found[0]) or not properties_of(found[0]):
            return Free()
        if hints.get("layout") in ("labels", "notes"):
            return self._pair(*found, str(hints["layout"]))
        flat = None if "item" in hints else self._flat(*found)
        if flat is None:
            return self._items(found[0], level, found[1], hints)
        return self._groups(flat) if hints.get("layout") == "bullets" else Rows(flat)

    def _groups(self, members: tuple[Member, ...]) -> Groups:
        if not members[0].required:
            raise self._wrong(f"`{members[0].name}` starts each group of bullets, so it has to be required")
        return Groups(members)

    def _flat(self, schema: Schema, seen: tuple[str, ...]) -> tuple[Member, ...] | None:
        """Return the columns of a table with one row an object, or None if a member does not fit in a cell."""
        required = names_of(schema.get("required"))
        names = _Labels()
        columns = []
        for name, value in properties_of(schema).items():
            hints = self.hints(value, seen)
            shape, nullable = self._cell(value, seen, hints)
            if shape is None:
                return None
            label = names.unique("line", str(hints.get("label", _words(name))))
            empties = isinstance(shape, Cells)
            columns.append(Member(name, label, shape, "line", name in required, nullable, empties=empties))
        return tuple(columns)

    def _cell(self, schema: JSON, seen: tuple[str, ...], hints: Schema) -> tuple[Shape | None, bool]:
        shape, nullable = self._shape(schema, MAX_LEVEL, seen, hints)
        if isinstance(shape, Scalar):
            return shape, False
        return (Cells(shape.item), nullable) if isinstance(shape, Bullets | Cells) else (None, False)

    def _items(self, schema: Schema, level: int, seen: tuple[str, ...], hints: Schema) -> Shape:
        if level + 1 >= MAX_LEVEL:
            return Free()
        text = str(hints.get("item", self._default_item(schema, seen)))
        inner = self._object(schema, level + 2, seen, carried_by=text)
        return Items(self._template(text, inner.carried) if text else None, inner)

    def _default_item(self, schema: Schema, seen: tuple[str, ...]) -> str:
        required = names_of(schema.get("required"))
        for name, value in properties_of(schema).items():
            scalar = self.scalar(value, seen, {})
            if name in ("name", "title", "id") and name in required and scalar and scalar.types == {"string"}:
                return f"{{{name}}}"
        return ""

    def _pair(self, schema: Schema, seen: tuple[str, ...], layout: str) -> Shape:
        """Return the shape of an array whose objects hold two texts: a label or heading, and what stands under it."""
        names = list(properties_of(schema))
        scalars = [self.scalar(value, seen, {}) for value in properties_of(schema).values()]
        if len(names) != 2 or any(s is None or s.types != {"string"} for s in scalars):  # noqa: PLR2004 (a pair)
            raise self._wrong(f"layout `{layout}` needs objects of two texts")
        if not set(names) <= names_of(schema.get("required")):
            raise self._wrong(f"layout `{layout}` needs both texts to be required")
        return Labels(*names) if layout == "labels" else Notes(*names)

    def _template(self, text: str, carried: Mapping[str, Scalar]) -> Template:
        """Return a template. Between two holes there has to be a mark that no number holds, to tell them apart."""
        first, *rest = re.split(r"\{\w+\}", text)
        between = rest[:-1]
        if not all(_SAFE_FIXED.fullmatch(part) for part in (first, *rest)) or (rest and rest[-1].endswith((" ", "#"))):
            raise self._wrong(f"`{text}` may hold letters, digits, spaces and `/().,'&+:#-` beside its holes")
        if len(set(holes(text))) < len(holes(text)) or not all(re.search(r"[^\w.+-]", part) for part in between):
            raise self._wrong(f"`{text}` names a member twice, or has nothing that separates two holes")
        return Template.of(text, {name: carried[name] for name in holes(text)})

    def _wrong(self, what: str) -> ContractInvalid:
        return ContractInvalid(f"contract `{self.contract.id}`: {what}. See docs/handoff-format.md.")


class _Labels:
    """Hands out labels, each once in its object."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, str]] = set()
        self.count = 0

    def unique(self, kind: str, wanted: str) -> str:
        self.count += 1
        label = wanted if _SAFE_LABEL.fullmatch(wanted) else f"Member {self.count}"
        chosen, number = label, 2
        while (kind, key(chosen)) in self.taken:
            chosen, number = f"{label} {number}", number + 1
        self.taken.add((kind, key(chosen)))
        return chosen


def _list_of(scalar: Scalar, hints: Schema) -> Shape:
    if hints.get("layout") == "lines" and scalar.types == {"string"}:
        return Lines(str(hints.get("language", "")))
    return Cells(scalar) if hints.get("layout") == "cells" else Bullets(scalar)


def _words(name: str) -> str:
    """Return a property's or contract's name as words: `auth_required` → `Auth Required`."""
    return " ".join(word[:1].upper() + word[1:] for word in re.split(r"[_\-\s]+", name) if word)
