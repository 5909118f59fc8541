"""From markdown to data, with the line of every value and every problem on the way.

Forgiving about layout (letter case of headings, labels and columns, order, spacing), never about content: what cannot
be placed is a problem, not a loss. Whether the data satisfies its contract is checked afterwards, by
`handoff.validation`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from handoff.blocks import Block, Row, Section, Source, items, rows
from handoff.inline import NO_ITEMS, NULL, Scalar, Unreadable, blank, decoded, decoded_list, is_quoted
from handoff.layout import (
    Bullets,
    Cells,
    Groups,
    Items,
    Labels,
    Layout,
    Lines,
    Member,
    Notes,
    Object,
    Prose,
    Shape,
    Table,
    key,
)  # fmt: skip
from handoff.lead import Label, block_kind, lead_of
from handoff.problems import Problem
from handoff.sections import headed, nearest, note_text
from schemas.base import JSON

MAX_DEPTH = 100  # nesting of JSON in a fence
_WRITTEN_AS = {"fence": "a fenced block", "table": "a table", "list": "a list (`- …`)"}
_ABSENT = object()


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


def read(layout: Layout, text: Source, file: str) -> Reading:
    """Read a document. Problems are in `Reading.problems`; nothing is raised."""
    return _Reader(layout, text, file).read()


class _Reader:
    def __init__(self, layout: Layout, text: Source, file: str) -> None:
        self.layout, self.text, self.file = layout, text, file
        self.found = Reading()

    def read(self) -> Reading:
        top = Place("", "")
        section = self._titled()
        if section is not None:
            self._carried(self.layout.root, self.layout.title.read(section.title) or {}, section, top, self.found.data)
            self._note(top, section.start)
            self._object_into(self.found.data, self.layout.root, section, top)
        return self.found

    def _titled(self) -> Section | None:
        """Return the section of the document's title, the sections beside it taken as its own."""
        before, sections = self.text.top.blocks, self.text.top.children
        first = sections[0] if sections else None
        expected = f"`# {self.layout.title.text}`"
        if first is None or first.level != 1 or self.layout.title.read(first.title) is None:
            line = first.start if first else 0
            got = self.text.lines[line]
            hint = "The first heading says what kind of file this is."
            self._problem(
                Place("", ""), line, "this is not the expected kind of file", expected=expected, got=got, hint=hint
            )
            return None
        self._stray([block for block in before if block.kind != "comment"], Place("", ""))
        for other in sections[1:]:
            message = "a second title" if other.level == 1 else "a section outside the document"
            self._problem(Place("", ""), other.start, message, got=other.title, hint="Use `##` for sections.")
        return first

    # ---- objects -------------------------------------------------------------------------------------------------

    def _object(self, layout: Object, section: Section, place: Place) -> dict[str, JSON]:
        data: dict[str, JSON] = {}
        self._object_into(data, layout, section, place)
        return data

    def _object_into(self, data: dict[str, JSON], layout: Object, section: Section, place: Place) -> None:
        lead = lead_of(section.blocks, self.text, layout)
        self._stray(lead.stray, place)
        if lead.prose is not None:
            member = next(member for member in layout.placed("lead") if isinstance(member.shape, Prose))
            self._set(data, member, lead.prose, lead.prose_line, place)
        self._label_lines(data, layout, lead.labels, place)
        for member in layout.placed("bare"):
            if lead.bare:
                self._set(
                    data,
                    member,
                    self._tables(member.shape, lead.bare, place.member(member.name)),
                    lead.bare[0].start,
                    place,
                )
            elif member.required:
                data[member.name] = []
        for child in section.children:
            self._child(data, layout, child, place)

    def _label_lines(self, data: dict[str, JSON], layout: Object, labels: Sequence[Label], place: Place) -> None:
        catch_all = next((m for m in layout.placed("lead") if isinstance(m.shape, Labels)), None)
        for label in labels:
            if label.member is not None:
                self._labelled(data, layout, label, label.member, place)
            elif catch_all is not None:
                self._free_label(data, catch_all, label, place)
            else:
                self._unknown_label(layout, label, place)

    def _unknown_label(self, layout: Object, label: Label, place: Place) -> None:
        known = {key(member.label): member for member in layout.placed("line", "label")}
        near = get_close_matches(key(label.text)[:200], known, n=1)
        if near:
            member = known[near[0]]
            self.found.failed.add(place.member(member.name).pointer)  # its absence is explained
            hint = f"Did you mean `**{member.label}:**`?"
        else:
            hint = _listed("Labels here", [f"`**{member.label}:**`" for member in known.values()])
        self._problem(place, label.line, f"unknown label `**{label.text}:**`", hint=hint)

    def _labelled(self, data: dict[str, JSON], layout: Object, label: Label, member: Member, place: Place) -> None:
        if member.name in data or place.member(member.name).pointer in self.found.failed:
            self._problem(place, label.line, f"the label `**{label.text}:**` stands here twice", hint="Keep one.")
            return
        if member.template:
            self._carried(layout, member.template.read(label.text) or {}, label.line, place, data)
        if member.placement == "line":
            self._line(data, member, label.value, label.line, place)
            return
        if label.value == NULL and member.nullable:
            self._set(data, member, None, label.line, place)
        elif label.block is not None:
            self._set(data, member, self._blocks(member, [label.block], label.line, place), label.block.start, place)
        elif label.value or not (member.empties or member.template):
            self._misplaced(member, label.line, label.value, place)
        elif member.empties:
            self._set(data, member, [], label.line, place)

    def _free_label(self, data: dict[str, JSON], member: Member, label: Label, place: Place) -> None:
        shape = cast("Labels", member.shape)
        text = self._text(label.text, label.line, place)
        here = place.member(member.name)
        if text == member.name and label.text.startswith("`") and label.value in (NULL, NO_ITEMS):
            self._set(data, member, None if label.value == NULL else [], label.line, place)
            return
        entries = cast("list[JSON]", data.setdefault(member.name, []))
        self.found.lines.setdefault(here.pointer, label.line + 1 + self.text.offset)
        value = self._text(label.value, label.line, place)
        self._note(here.item(len(entries)), label.line)
        if isinstance(entries, list):
            entries.append({shape.label: text, shape.value: value})

    def _carried(
        self, layout: Object, texts: dict[str, str], at: Section | int, place: Place, data: dict[str, JSON]
    ) -> None:
        line = at if isinstance(at, int) else at.start
        for name, text in texts.items():
            value = self._scalar(layout.carried[name], text, line, place.member(name))
            if value is not _ABSENT:
                data[name] = cast("JSON", value)
                self._note(place.member(name), line)

    def _child(self, data: dict[str, JSON], layout: Object, child: Section, place: Place) -> None:
        member = headed(layout, child.title)
        if member is None:
            self._unknown_section(data, layout, child, place)
        elif member is layout.extras:
            self._extras(data, layout, child, place)
        elif member.name in data or place.member(member.name).pointer in self.found.failed:
            self._problem(place, child.start, f"the section `{child.title}` stands here twice", hint="Keep one.")
        else:
            value = self._section(member, child, Place(place.pointer, place.section).under(child.title))
            self._set(data, member, value, child.start, place)

    def _extras(self, data: dict[str, JSON], layout: Object, child: Section, place: Place) -> None:
        value = self._section(cast("Member", layout.extras), child, place.under(child.title))
        if value is _ABSENT:
            return
        if not isinstance(value, dict) or set(value) & set(data):
            self._problem(place.under(child.title), child.start, "expected an object of other members")
            return
        data.update(value)

    def _unknown_section(self, data: dict[str, JSON], layout: Object, child: Section, place: Place) -> None:
        notes = next((member for member in layout.members if isinstance(member.shape, Notes)), None)
        is_quoted = child.title.startswith('`"')
        near = None if is_quoted else nearest(layout, child.title)
        if near is None and notes is not None:
            self._keep_note(data, notes, child, place)
        elif near is not None or not self.layout.lenient:
            labels = [f"`{member.label}`" for member in layout.placed("section")]
            hint = f"Did you mean `{near.label}`?" if near else _listed("Sections here", labels)
            if near:
                self.found.failed.add(place.member(near.name).pointer)  # its absence is explained
            self._problem(place, child.start, f"unknown section `{child.title}`", hint=hint)

    def _keep_note(self, data: dict[str, JSON], member: Member, child: Section, place: Place) -> None:
        shape = cast("Notes", member.shape)
        heading, text = self._text(child.title, child.start, place), note_text(child, self.text)
        here = place.member(member.name)
        if heading == member.name and child.title.startswith("`") and text in (NULL, NO_ITEMS):
            self._set(data, member, None if text == NULL else [], child.start, place)
            return
        entries = data.setdefault(member.name, [])
        if isinstance(entries, list):
            self.found.lines.setdefault(here.pointer, child.start + 1 + self.text.offset)
            self._note(here.item(len(entries)), child.start)
            entries.append({shape.heading: heading, shape.text: text})

    # ---- sections ------------------------------------------------------------------------------------------------

    def _section(self, member: Member, section: Section, place: Place) -> Any:  # noqa: ANN401 (JSON or absent)
        here = place.member(member.name)
        blocks = [block for block in section.blocks if block.kind not in ("rule", "comment")]
        if member.nullable and [b.content for b in blocks if b.kind == "paragraph"] == [NULL] and len(blocks) == 1:
            return None
        match member.shape:
            case Object():
                return self._object(member.shape, section, here)
            case Items():
                self._stray(blocks, place)
                return self._items(member.shape, section, here)
            case _:
                self._no_children(section, place)
                return self._blocks(member, blocks, section.start, place)

    def _items(self, shape: Items, section: Section, place: Place) -> list[JSON]:
        found: list[JSON] = []
        for number, child in enumerate(section.children):
            here = place.item(number).under(child.title)
            self._note(here, child.start)
            item: dict[str, JSON] = {}
            if shape.heading:
                texts = shape.heading.read(child.title)
                if texts is None:
                    expected = f"`{'#' * child.level} {shape.heading.text}`"
                    self._problem(
                        place, child.start, "the heading does not name the item", expected=expected, got=child.title
                    )
                    self.found.failed.update(here.member(name).pointer for name in shape.heading.holes)
                self._carried(shape.item, texts or {}, child, here, item)
            self._object_into(item, shape.item, child, here)
            found.append(item)
        return found

    def _no_children(self, section: Section, place: Place) -> None:
        for child in section.children:
            if not self.layout.lenient:
                self._problem(
                    place, child.start, f"unexpected heading `{child.title}`", hint="Nothing is divided here."
                )

    def _blocks(self, member: Member, blocks: Sequence[Block], line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        """Return the value that the blocks under a label or heading hold."""
        here = place.member(member.name)
        wanted = block_kind(member.shape)
        if wanted == "list":
            return self._listed(member.shape, blocks, here)
        fitting = [block for block in blocks if block.kind == wanted]
        others = [block for block in blocks if block.kind != wanted]
        if not fitting:
            if others or not member.empties:
                self._misplaced(member, others[0].start if others else line, "", place)
                return _ABSENT
            return []
        self._stray(others, place)
        if isinstance(member.shape, Table):
            return self._tables(member.shape, fitting, here)
        for extra in fitting[1:]:
            self._problem(place, extra.start, "a second fenced block", hint="One is expected here.")
        if isinstance(member.shape, Lines):
            return self._fence_lines(fitting[0], here)
        return self._json(fitting[0], here)

    def _fence_lines(self, block: Block, place: Place) -> list[JSON]:
        found: list[JSON] = []
        for number, line in enumerate(block.content.split("\n"), start=block.start + 1):
            text = line.strip()
            if text:
                here = place.item(len(found))
                self._note(here, number)
                found.append(self._text(f"`{text}`", number, here) if is_quoted(f"`{text}`") else text)
        return found

    def _json(self, block: Block, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return loads(block.content)
        except json.JSONDecodeError as error:
            self._failed(place, block.start + error.lineno, f"not valid JSON: {error.msg}", expected="JSON")
        except ValueError as error:
            self._failed(place, block.start, f"not valid JSON: {error}", expected="JSON")
        return _ABSENT

    # ---- lists ---------------------------------------------------------------------------------------------------

    def _listed(self, shape: Shape, blocks: Sequence[Block], place: Place) -> list[JSON]:
        entries: list[tuple[int, str]] = []
        for block in blocks:
            if block.kind == "list":
                entries.extend((item.line, item.text) for item in items(block, self.text))
            elif block.kind == "paragraph":
                entries.append((block.start, " ".join(block.content.split("\n"))))
            else:
                self._stray([block], place)
        if isinstance(shape, Groups):
            return self._groups(shape, entries, place)
        found: list[JSON] = []
        for line, text in entries:
            here = place.item(len(found))
            value = self._scalar(cast("Bullets", shape).item, text, line, here)
            self._note(here, line)
            found.append(None if value is _ABSENT else cast("JSON", value))
        return found

    def _groups(self, shape: Groups, entries: Sequence[tuple[int, str]], place: Place) -> list[JSON]:
        members = {key(member.label): member for member in shape.members}
        groups: list[dict[str, JSON]] = []
        for line, text in entries:
            label, colon, value = text.partition(":")
            if label.startswith("**"):  # a person's `**Label:** value`
                label, value = label.removeprefix("**").removesuffix("**"), value.strip().removeprefix("**")
            member = members.get(key(label))
            if not colon or member is None:
                hint = _listed("Labels here", [f"`{m.label}:`" for m in shape.members])
                self._problem(place, line, "unknown bullet", expected="`- Label: value`", got=text, hint=hint)
                continue
            if member is shape.members[0] or not groups:
                groups.append({})
                self._note(place.item(len(groups) - 1), line)
            here = place.item(len(groups) - 1)
            if member.name in groups[-1] or here.member(member.name).pointer in self.found.failed:
                self._problem(here, line, f"the bullet `{member.label}` stands here twice", hint="Keep one.")
            else:
                self._line(groups[-1], member, value.strip(), line, here)
        return cast("list[JSON]", groups)

    # ---- tables --------------------------------------------------------------------------------------------------

    def _tables(self, shape: Shape, blocks: Sequence[Block], place: Place) -> list[JSON]:
        found: list[JSON] = []
        for block in blocks:
            header, *body = rows(block, self.text.lines)
            columns = self._columns(cast("Table", shape), header, place)
            for row in body:
                found.append(self._row(columns, header, row, place.item(len(found))))
        return found

    def _columns(self, shape: Table, header: Row, place: Place) -> list[Member | None]:
        known = {key(column.label): column for column in shape.columns}
        columns: list[Member | None] = []
        explained: set[str] = set()
        for title in header.cells:
            column = known.get(key(title))
            if column is None:
                near = get_close_matches(key(title)[:200], known, n=1)
                explained.update(known[name].name for name in near)
                said = [known[name].label for name in near or known]
                hint = f"Did you mean `{said[0]}`?" if near else _listed("Columns", [f"`{label}`" for label in said])
                self._problem(place, header.line, f"unknown column `{title}`", hint=hint)
            elif column in columns:
                self._problem(place, header.line, f"the column `{title}` stands here twice", hint="Keep one.")
                column = None
            columns.append(column)
        missing = [c for c in shape.columns if c.required and c not in columns and not c.empties]
        for column in missing:
            if column.name not in explained:
                self._problem(place, header.line, f"the column `{column.label}` is missing")
        self.missing_columns = {column.name for column in missing}
        return columns

    def _row(self, columns: Sequence[Member | None], header: Row, row: Row, place: Place) -> JSON:
        self._note(place, row.line)
        self.found.failed.update(place.member(name).pointer for name in self.missing_columns)
        if row.written > header.written:
            got, expected = f"{row.written} cells", f"{header.written} cells"
            hint = "Write a `|` inside a cell as `\\|`."
            self._problem(
                place,
                row.line,
                "the row has more cells than the table has columns",
                expected=expected,
                got=got,
                hint=hint,
            )
        data: dict[str, JSON] = {}
        for column, text in zip(columns, row.cells, strict=False):
            if column is not None:
                self._line(data, column, text, row.line, place)
        return data

    # ---- values --------------------------------------------------------------------------------------------------

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
        return _ABSENT

    def _cells(self, shape: Cells, text: str, line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return decoded_list(shape.item, text)
        except Unreadable as error:
            self._failed(place, line, "unreadable list", expected=error.expected, got=text)
            return _ABSENT

    def _scalar(self, scalar: Scalar, text: str, line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return decoded(scalar, text)
        except Unreadable as error:
            name = place.pointer.rpartition("/")[2]
            self._failed(place, line, f"unreadable value of `{name}`", expected=error.expected, got=text)
            return _ABSENT

    def _text(self, text: str, line: int, place: Place) -> str:
        value = self._scalar(Scalar(frozenset({"string"})), text, line, place)
        return "" if value is _ABSENT else str(value)

    def _set(self, data: dict[str, JSON], member: Member, value: Any, line: int, place: Place) -> None:  # noqa: ANN401
        here = place.member(member.name)
        if value is _ABSENT:
            self.found.failed.add(here.pointer)
        else:
            data[member.name] = value
            self._note(here, line)

    def _note(self, place: Place, line: int) -> None:
        self.found.lines[place.pointer] = line + 1 + self.text.offset
        self.found.sections[place.pointer] = place.section

    # ---- problems ------------------------------------------------------------------------------------------------

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


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}." if names else ""


def loads(text: str) -> JSON:
    """Return the JSON value of `text`.

    Raises:
        ValueError: Not JSON, nested deeper than `MAX_DEPTH`, a key twice, or a number out of range.
    """
    if _depth(text) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode()
    return cast("JSON", value)


def unwritable(data: JSON) -> list[Problem]:
    """Return a problem if `data` is something that JSON text cannot hold."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        return [Problem(message=f"not JSON: {error}")]
    if _depth(text) > MAX_DEPTH:
        return [Problem(message="nested too deeply", expected=f"at most {MAX_DEPTH} levels")]
    return []


def _depth(text: str) -> int:
    """Return an upper bound of the nesting; brackets inside strings are left out."""
    deepest = depth = 0
    inside = escape = False
    for character in text:
        if inside:
            escape, inside = (character == "\\" and not escape), character != '"' or escape
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key `{name}` stands twice in one object")
        found[name] = value
    return found


def _refused(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"`{text}` is out of range")
    return value
