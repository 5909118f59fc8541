"""What reading a document collects: data, lines, problems; and the reading of values that stand on one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from handoff.blocks import Block, Source
from handoff.inline import NULL, Scalar, Unreadable, blank, decoded, decoded_list
from handoff.layout import Cells, Layout, Member
from handoff.preamble import block_kind
from handoff.problems import Problem
from schemas.base import JSON

ABSENT = object()  # instead of a value that could not be read
_WRITTEN_AS = {"fence": "a fenced block", "table": "a table", "list": "a list (`- …`)"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its JSON pointer and the headings above it."""

    pointer: str
    section: str

    def member(self, name: str) -> Place:
        return Place(f"{self.pointer}/{escaped(name)}", self.section)

    def item(self, number: int) -> Place:
        return Place(f"{self.pointer}/{number}", self.section)

    def under(self, title: str) -> Place:
        return Place(self.pointer, f"{self.section}, {title}" if self.section else title)


@dataclass(slots=True)
class Reading:
    """What reading found. `lines` maps JSON pointers to lines counted from 1, `sections` to the headings above.

    `failed` holds the pointers of values that a problem already tells about.
    """

    data: dict[str, JSON] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)


def escaped(name: str) -> str:
    """Return `name` as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class ValueReader:
    """Reads values that stand on one line, and records where everything stands and what is wrong."""

    def __init__(self, layout: Layout, text: Source, file: str) -> None:
        self.layout, self.text, self.file = layout, text, file
        self.found = Reading()

    def _line(self, data: dict[str, JSON], member: Member, text: str, line: int, place: Place) -> None:
        """Read a value that stands on one line. No text: missing if it may be, else the member's empty value."""
        here = place.member(member.name)
        if not text.strip():
            if member.required:
                self._set(data, member, self._empty(member, line, here), line, place)
            return
        if isinstance(member.shape, Scalar):
            self._set(data, member, self._scalar(member.shape, text, line, here), line, place)
        elif member.nullable and text.strip() == NULL:
            self._set(data, member, None, line, place)
        else:
            self._set(data, member, self._cells(cast("Cells", member.shape), text, line, here), line, place)

    def _empty(self, member: Member, line: int, place: Place) -> Any:  # noqa: ANN401 (JSON or absent)
        if not isinstance(member.shape, Scalar):
            return []
        if member.shape.types & {"string", "null"}:
            return blank(member.shape)
        self._failed(place, line, f"`{member.label}` is empty", expected=member.shape.named)
        return ABSENT

    def _cells(self, shape: Cells, text: str, line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return decoded_list(shape.item, text)
        except Unreadable as error:
            self._failed(place, line, "unreadable list", expected=error.expected, got=text)
            return ABSENT

    def _scalar(self, scalar: Scalar, text: str, line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return decoded(scalar, text)
        except Unreadable as error:
            name = place.pointer.rpartition("/")[2]
            self._failed(place, line, f"unreadable value of `{name}`", expected=error.expected, got=text)
            return ABSENT

    def _text(self, text: str, line: int, place: Place) -> str:
        value = self._scalar(Scalar(frozenset({"string"})), text, line, place)
        return "" if value is ABSENT else str(value)

    def _set(self, data: dict[str, JSON], member: Member, value: Any, line: int, place: Place) -> None:  # noqa: ANN401
        here = place.member(member.name)
        if value is ABSENT:
            self.found.failed.add(here.pointer)
        else:
            data[member.name] = value
            self._note(here, line)

    def _note(self, place: Place, line: int) -> None:
        self.found.lines[place.pointer] = line + 1 + self.text.offset
        self.found.sections[place.pointer] = place.section

    def _problem(
        self, place: Place, line: int, message: str, *, expected: str = "", got: str = "", hint: str = ""
    ) -> None:
        self.found.problems.append(
            Problem(
                file=self.file,
                line=line + 1 + self.text.offset,
                section=place.section,
                message=message,
                expected=expected,
                got=got,
                hint=hint,
            )
        )

    def _failed(self, place: Place, line: int, message: str, *, expected: str, got: str = "") -> None:
        self.found.failed.add(place.pointer)
        self._problem(place, line, message, expected=expected, got=got)

    def _misplaced(self, member: Member, line: int, got: str, place: Place) -> None:
        expected = _WRITTEN_AS.get(block_kind(member.shape), "a value")
        self._failed(
            place.member(member.name),
            line,
            f"`{member.label}` is not laid out as expected",
            expected=f"{expected} below it",
            got=got,
        )

    def _stray(self, blocks: Sequence[Block], place: Place) -> None:
        for block in blocks:
            if block.kind in ("rule", "comment") or (self.layout.lenient and block.kind == "paragraph"):
                continue
            got = self.text.lines[block.start]
            hint = "Nothing reads it here, so it would be lost. Move or remove it."
            self._problem(place, block.start, f"unexpected {_named(block)}", got=got, hint=hint)


def _named(block: Block) -> str:
    return {"paragraph": "text", "fence": "fenced block", "other": "text"}.get(block.kind, block.kind)


def listed(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}." if names else ""
