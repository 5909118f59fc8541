"""How a contract's data is laid out in markdown: its schema and hints, resolved once into a tree of shapes.

An object is a section, an array of flat objects a table, an array of deep objects one heading an item, free JSON a
fenced block, a scalar a `**Label:** value` line; `x-markdown` hints override. Whatever cannot be laid out (unions,
open objects, recursion, more than six heading levels) is JSON in a fenced block, so every schema has a layout.

Not here: making the tree (`handoff.compiling`), text (`handoff.render`, `handoff.parse`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from handoff.inline import QUOTED, Scalar, Unreadable, decoded, encoded, is_plain, quoted
from schemas.base import JSON

Placement = Literal["line", "lead", "bare", "label", "section"]


_HOLE = re.compile(r"\{(\w+)\}")
_LEADING_QUOTED = re.compile(QUOTED)


def holes(text: str) -> list[str]:
    """Return the names in braces of a template's text."""
    return _HOLE.findall(text)


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes, such as `{method} {path}`: written from an object's members, read back into them.

    `before` is the fixed text up to the first hole, `after` what follows each hole in turn.
    """

    text: str
    holes: Mapping[str, Scalar]
    before: re.Pattern[str]
    after: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, text: str, holes: Mapping[str, Scalar]) -> Template:
        """Return the template `text`; `holes` tells for each name in braces which scalar stands there."""
        first, *rest = _HOLE.split(text)[::2]
        before = r"\s*".join(re.escape(part) for part in re.findall(r"\w+|[^\w\s]+", first))
        return cls(text, holes, _compiled(rf"\s*{before}\s*"), tuple(_compiled(_fixed(part)) for part in rest))

    def written(self, values: Mapping[str, JSON]) -> str:
        """Return the text with its holes filled; values that would read back differently are quoted."""
        text = self._filled({name: encoded(scalar, values[name]) for name, scalar in self.holes.items()})
        if self._reads_back(text, values):
            return text
        return self._filled({name: _exact(scalar, values[name]) for name, scalar in self.holes.items()})

    def read(self, text: str) -> dict[str, str] | None:
        """Return the text of each hole, or None if `text` does not fit."""
        opening = self.before.match(text)
        if opening is None:
            return None
        place, found = opening.end(), {}
        for number, (name, after) in enumerate(zip(self.holes, self.after, strict=True), start=1):
            quotation = _LEADING_QUOTED.match(text, place)
            tail = len(text) - self._tail if number == len(self.holes) else None
            end = _ending(text, place, quotation, after, tail)
            if end is None or end[0] == place:
                return None
            found[name] = text[place : end[0]]
            place = end[1]
        return found if not text[place:].strip() else None

    @property
    def _tail(self) -> int:
        """Return the length of the fixed text after the last hole."""
        return len(self.text) - self.text.rindex("}") - 1

    def _filled(self, texts: Mapping[str, str]) -> str:
        return _HOLE.sub(lambda match: texts[match[1]], self.text)

    def _reads_back(self, text: str, values: Mapping[str, JSON]) -> bool:
        if not is_plain(text) or text.endswith("#"):
            return False
        found = self.read(text)
        try:
            return found is not None and all(
                decoded(scalar, found[name]) == values[name] for name, scalar in self.holes.items()
            )
        except Unreadable:
            return False


def _ending(
    text: str, place: int, quotation: re.Match[str] | None, after: re.Pattern[str], tail: int | None
) -> tuple[int, int] | None:
    """Return where the value at `place` ends and where the fixed text after it ends.

    A value ends at the first fixed text after it; the last one, at `tail`, as late as it can.
    """
    if quotation is not None:
        follows = after.match(text, quotation.end())
        return follows and (quotation.end(), follows.end())
    if tail is not None:
        follows = after.match(text, max(tail, place))
        return follows and (follows.start(), len(text))
    found = after.search(text, place + 1)
    return found and (found.start(), found.end())


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _fixed(part: str) -> str:
    return r"\s+" if part and part.isspace() else re.escape(part)


def _exact(scalar: Scalar, value: JSON) -> str:
    return quoted(value) if isinstance(value, str) else encoded(scalar, value)


@dataclass(frozen=True, slots=True)
class Prose:
    """Text of any number of paragraphs and lists."""


@dataclass(frozen=True, slots=True)
class Labels:
    """An array of objects, each a `**Label:** value` line whose label is data. `label` and `value` name its members."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """An array of scalars as a list."""

    item: Scalar


@dataclass(frozen=True, slots=True)
class Lines:
    """An array of strings as the lines of a fenced block."""

    language: str


@dataclass(frozen=True, slots=True)
class Cells:
    """An array of scalars inside a table cell or after a label, separated by commas."""

    item: Scalar


@dataclass(frozen=True, slots=True)
class Rows:
    """An array of flat objects, one a row."""

    columns: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """An array of flat objects as a list of `Label: value` bullets; the first label again starts the next object."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """An array of deep objects, one heading an item. `heading` is None where items are merely numbered."""

    heading: Template | None
    item: Object


@dataclass(frozen=True, slots=True)
class Notes:
    """An array of objects that keeps the sections a contract does not name. `heading` and `text` name its members."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Free:
    """Any JSON in a fenced block."""


@dataclass(frozen=True, slots=True)
class Object:
    """A closed object. `carried`: members written inside its heading or inside another member's label."""

    members: tuple[Member, ...]
    carried: Mapping[str, Scalar]
    extras: Member | None = None  # where an open root object keeps the members its schema does not name

    def placed(self, *placements: Placement) -> tuple[Member, ...]:
        """Return the members that stand at one of `placements`, in the order of the schema."""
        return tuple(member for member in self.members if member.placement in placements)


Shape: TypeAlias = Scalar | Prose | Labels | Bullets | Lines | Cells | Rows | Groups | Items | Notes | Free | Object


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object.

    `label` is its heading, label or column title. `line` members stand on a label line, `lead` members (prose, label
    lines) and `bare` ones (a table) directly under the object's heading, `label` ones below a label of their own,
    `section` ones below a heading of their own.
    """

    name: str
    label: str
    shape: Shape
    placement: Placement
    required: bool
    nullable: bool
    template: Template | None = None  # of a label that carries another member: `Response ({response_status})`
    empties: bool = False  # an array: nothing where its value should be means no items


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole document. `tight`: no blank line below headings. `lenient`: passages of prose may stand anywhere."""

    title: Template
    root: Object
    tight: bool
    lenient: bool


def key(label: str) -> str:
    """Return `label` as it is compared: letter case and spacing forgiven."""
    return " ".join(label.split()).casefold()
