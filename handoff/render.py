"""From data to markdown. The data has been validated; nothing here can fail on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from handoff.blocks import source
from handoff.inline import NO_ITEMS, NULL, Scalar, blank, encoded, encoded_list, fits_a_line, is_plain, quoted
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
    Rows,
    Shape,
)
from handoff.preamble import DATA, LABEL, fence, fenced, is_inert, labelled, prose
from handoff.sections import is_note, is_reserved, note_text
from schemas.base import JSON

Data = Mapping[str, JSON]

_UNPRINTED = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")


def document(layout: Layout, data: Data) -> str:
    """Return the whole markdown text of `data`, ending in one newline."""
    return _Writer(layout).document(data)


class _Writer:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.below = "\n" if layout.tight else "\n\n"

    def document(self, data: Data) -> str:
        title = f"# {self.layout.title.written(data)}"
        return self._object(title, self.layout.root, data, 1) + "\n"

    def _object(self, heading: str, layout: Object, data: Data, level: int) -> str:
        lead = list(self._lead(layout, data))
        sections = list(self._sections(layout, data, level + 1))
        parts = [f"{heading}{self.below}{lead[0]}" if lead else heading, *lead[1:], *sections]
        return "\n\n".join(parts)

    # ---- an object's own part ------------------------------------------------------------------------------------

    def _lead(self, layout: Object, data: Data) -> Iterator[str]:
        labels: list[str] = []
        for member in layout.placed("line", "lead"):
            if member.name not in data:
                continue
            value = data[member.name]
            if isinstance(member.shape, Prose):
                if labels:
                    yield "\n".join(labels)
                    labels = []
                yield prose(cast("str", value), layout)
            elif isinstance(member.shape, Labels):
                labels.extend(self._labels(layout, member, value))
            else:
                labels.append(f"**{member.label}:** {_inline(member, value)}")
        if labels:
            yield "\n".join(labels)
        yield from self._blocks(layout, data)

    def _blocks(self, layout: Object, data: Data) -> Iterator[str]:
        for member in layout.placed("bare"):
            if member.name in data:
                yield _bare(member, data[member.name])
        for member in layout.placed("label"):
            label = member.template.written(data) if member.template else member.label
            if member.name in data:
                yield self._below(f"**{label}:**", member, data[member.name])
            elif member.template:  # the label carries another member, so it has to be there
                yield f"**{label}:**"

    def _labels(self, layout: Object, member: Member, value: JSON) -> Iterator[str]:
        shape = cast("Labels", member.shape)
        if value is None or not value:
            yield f"**{quoted(member.name)}:** {NULL if value is None else NO_ITEMS}"
            return
        for entry in cast("Sequence[Data]", value):
            label, text = str(entry[shape.label]), str(entry[shape.value])
            yield f"**{_label(layout, label)}:** {text if is_plain(text) else quoted(text)}"

    def _below(self, head: str, member: Member, value: JSON) -> str:
        """Return a label or heading with its value below it, or beside it where there is nothing to put below."""
        if value is None and member.nullable:
            return f"{head} {NULL}" if head.endswith("**") else f"{head}{self.below}{NULL}"
        body = self._body(member.shape, value)
        return f"{head}{self.below}{body}" if body else head

    def _body(self, shape: Shape, value: JSON) -> str:
        match shape:
            case Bullets(item):
                return "\n".join(f"- {encoded(item, each, starts_line=True)}" for each in _list(value))
            case Lines(language):
                return _lines(language, _list(value))
            case Rows(columns):
                return _table(columns, _list(value)) if value else ""
            case Groups(members):
                return "\n\n".join(_group(members, cast("Data", each)) for each in _list(value))
            case _:
                return fence(DATA, _json(value))

    # ---- sections ------------------------------------------------------------------------------------------------

    def _sections(self, layout: Object, data: Data, level: int) -> Iterator[str]:
        for member in layout.placed("section"):
            if member.name in data:
                yield from self._section(layout, member, data[member.name], level)
        if layout.extras:
            named = {member.name for member in layout.members} | set(layout.carried)
            rest = {name: value for name, value in data.items() if name not in named}
            if rest:
                yield self._below(f"{'#' * level} {layout.extras.label}", layout.extras, rest)

    def _section(self, layout: Object, member: Member, value: JSON, level: int) -> Iterator[str]:
        heading = f"{'#' * level} {member.label}"
        if isinstance(member.shape, Notes):
            yield from self._notes(layout, member.shape, member, value, level)
        elif value is None and member.nullable:
            yield f"{heading}{self.below}{NULL}"
        elif isinstance(member.shape, Object):
            yield self._object(heading, member.shape, cast("Data", value), level)
        elif isinstance(member.shape, Items):
            yield heading
            yield from self._items(member.shape, _list(value), level + 1)
        else:
            yield self._below(heading, member, value)

    def _items(self, shape: Items, values: Sequence[JSON], level: int) -> Iterator[str]:
        for number, value in enumerate(values, start=1):
            item = cast("Data", value)
            title = shape.heading.written(item) if shape.heading else str(number)
            yield self._object(f"{'#' * level} {title}", shape.item, item, level)

    def _notes(self, layout: Object, shape: Notes, member: Member, value: JSON, level: int) -> Iterator[str]:
        marks = "#" * level
        if value is None or not value:
            yield f"{marks} {quoted(member.name)}{self.below}{NULL if value is None else NO_ITEMS}"
            return
        for entry in cast("Sequence[Data]", value):
            heading, text = str(entry[shape.heading]), str(entry[shape.text])
            plain = is_plain(heading) and not heading.endswith("#") and not is_reserved(layout, heading)
            yield f"{marks} {heading if plain else quoted(heading)}{self.below}{_note(text, level)}"


def _label(layout: Object, text: str) -> str:
    match = LABEL.fullmatch(f"**{text}:** x")
    if match and match["label"] == text and match["value"] == "x" and is_plain(text) and not labelled(layout, text):
        return text
    return quoted(text)


def _note(text: str, level: int) -> str:
    around = source(f"{'#' * level} x\n\n{text}\n\n{'#' * level} x\n")
    sections = around.top.children
    if (
        is_inert(text)
        and is_note(text)
        and [s.title for s in sections] == ["x", "x"]
        and note_text(sections[0], around) == text
    ):
        return text
    return fenced(text)


def _inline(member: Member, value: JSON) -> str:
    if isinstance(member.shape, Scalar):
        return encoded(member.shape, value)
    return NULL if value is None else encoded_list(cast("Cells", member.shape).item, _list(value))


def _bare(member: Member, value: JSON) -> str:
    columns = cast("Rows", member.shape).columns
    return NULL if value is None else _table(columns, _list(value))


def _lines(language: str, values: Sequence[JSON]) -> str:
    lines = [text if fits_a_line(text) and text[0] != '"' else quoted(text).strip("`") for text in map(str, values)]
    return fence(language, "\n".join(lines)) if lines else f"```{language}\n```"


def _table(columns: Sequence[Member], values: Sequence[JSON]) -> str:
    rule = "|".join("-" * (len(column.label) + 2) for column in columns)
    rows = [_row([_cell(column, cast("Data", value)) for column in columns]) for value in values]
    return "\n".join([_row([column.label for column in columns]), f"|{rule}|", *rows])


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell.replace('|', chr(92) + '|')} " if cell else " " for cell in cells) + "|"


def _cell(column: Member, row: Data) -> str:
    """Return a cell. An empty one is a missing member, or what a required one can only be when it is empty."""
    if column.name not in row:
        return ""
    value = row[column.name]
    if isinstance(column.shape, Scalar):
        return "" if column.required and value == blank(column.shape) else encoded(column.shape, value)
    if value is None:
        return NULL
    return "" if column.required and not value else encoded_list(cast("Cells", column.shape).item, _list(value))


def _group(members: Sequence[Member], value: Data) -> str:
    return "\n".join(f"- {m.label}: {_inline(m, value[m.name])}" for m in members if m.name in value)


def _json(value: JSON) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNPRINTED.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _list(value: JSON) -> list[JSON]:
    return cast("list[JSON]", value)
