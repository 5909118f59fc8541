"""From markdown to data, with the line of every value and every problem on the way.

Forgiving about layout (letter case of headings, labels and columns, order, spacing), never about content: what cannot
be placed is a problem, not a loss. Whether the data satisfies its contract is checked afterwards, by
`handoff.validation`.

Here: objects and their sections. Values that take a block are read by `handoff.block_values`, those on one line by
`handoff.reading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, cast

from handoff.block_values import BlockReader
from handoff.blocks import Section, Source
from handoff.inline import NO_ITEMS, NULL
from handoff.layout import Items, Labels, Layout, Member, Notes, Object, Prose, key
from handoff.preamble import LabelLine, lead_of
from handoff.reading import ABSENT, Place, Reading, listed
from handoff.sections import headed, nearest, note_text
from schemas.base import JSON


def read(layout: Layout, text: Source, file: str) -> Reading:
    """Read a document. Problems are in `Reading.problems`; nothing is raised."""
    return _Reader(layout, text, file).read()


class _Reader(BlockReader):
    """Reads one document."""

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

    def _label_lines(self, data: dict[str, JSON], layout: Object, labels: Sequence[LabelLine], place: Place) -> None:
        catch_all = next((m for m in layout.placed("lead") if isinstance(m.shape, Labels)), None)
        for label in labels:
            if label.member is not None:
                self._labelled(data, layout, label, label.member, place)
            elif catch_all is not None:
                self._free_label(data, catch_all, label, place)
            else:
                self._unknown_label(layout, label, place)

    def _unknown_label(self, layout: Object, label: LabelLine, place: Place) -> None:
        known = {key(member.label): member for member in layout.placed("line", "label")}
        near = get_close_matches(key(label.text)[:200], known, n=1)
        if near:
            member = known[near[0]]
            self.found.failed.add(place.member(member.name).pointer)  # its absence is explained
            hint = f"Did you mean `**{member.label}:**`?"
        else:
            hint = listed("Labels here", [f"`**{member.label}:**`" for member in known.values()])
        self._problem(place, label.line, f"unknown label `**{label.text}:**`", hint=hint)

    def _labelled(self, data: dict[str, JSON], layout: Object, label: LabelLine, member: Member, place: Place) -> None:
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

    def _free_label(self, data: dict[str, JSON], member: Member, label: LabelLine, place: Place) -> None:
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
            if value is not ABSENT:
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
        if value is ABSENT:
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
            hint = f"Did you mean `{near.label}`?" if near else listed("Sections here", labels)
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
