"""What stands between an object's heading and its first sub-heading: label lines, prose, a table.

Writing and reading share it: text is written plainly only if this reading returns it unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from handoff.blocks import Block, Source, source
from handoff.inline import ACTIVE, CONTROLS, QUOTED
from handoff.layout import Bullets, Free, Groups, Labels, Lines, Member, Object, Prose, Rows, Shape, key

LABEL = re.compile(rf"\s*\*\*(?P<label>{QUOTED}|[^*\n]+?)(?::\*\*|\*\*[ \t]*:)[ \t]*(?P<value>.*)")
TEXT, DATA = "text", "json"  # languages of fenced text

_UNSAFE_LINES = re.compile(CONTROLS.replace("\\t\\n", ""))


@dataclass(slots=True)
class LabelLine:
    """A label line. `line` counts from 0; `block` is what stands below a label without a value."""

    text: str
    value: str
    line: int
    member: Member | None
    block: Block | None = None


@dataclass(slots=True)
class Lead:
    """An object's own part of its section. `stray` blocks belong to none of its members."""

    labels: list[LabelLine] = field(default_factory=list)
    prose: str | None = None
    prose_line: int = 0
    bare: list[Block] = field(default_factory=list)
    stray: list[Block] = field(default_factory=list)


def lead_of(blocks: Sequence[Block], text: Source, layout: Object) -> Lead:
    """Sort the blocks under an object's heading."""
    return _Sorter(text, layout).sort(blocks)


class _Sorter:
    def __init__(self, text: Source, layout: Object) -> None:
        self.text, self.layout = text, layout
        self.lead = Lead()
        self.has_prose = any(isinstance(member.shape, Prose) for member in layout.members)
        self.has_labels = any(isinstance(member.shape, Labels) for member in layout.members)
        self.has_bare = bool(layout.placed("bare"))
        self.runs: list[list[Block | tuple[int, int]]] = []
        self.running = False

    def sort(self, blocks: Sequence[Block]) -> Lead:
        for block in blocks:
            if block.kind == "paragraph":
                self._paragraph(block)
            elif self._belongs_to_label(block):
                self.lead.labels[-1].block = block
                self.running = False
            elif block.kind == "table" and self.has_bare:
                self.lead.bare.append(block)
                self.running = False
            elif block.kind in ("rule", "comment") and not (self.running and self.has_prose):
                continue
            else:
                self._passage(block, block)
        self._finish()
        return self.lead

    def _belongs_to_label(self, block: Block) -> bool:
        last = self.lead.labels[-1] if self.lead.labels else None
        if last is None or last.member is None or last.value or last.block is not None or self.running:
            return False
        return block.kind == block_kind(last.member.shape)

    def _paragraph(self, block: Block) -> None:
        lines = block.content.split("\n")
        found = [(place, self._label(line, block.start + place)) for place, line in enumerate(lines)]
        labels = [(place, label) for place, label in found if label is not None]
        if not labels:
            self._passage(block, block)
            return
        if labels[0][0]:
            self._passage(block, (block.start, block.start + labels[0][0]))
        self.running = False
        ends = [place for place, _ in labels[1:]] + [len(lines)]
        for (place, label), end in zip(labels, ends, strict=True):
            wrapped = [label.value, *(line.strip() for line in lines[place + 1 : end])]
            label.value = " ".join(part for part in wrapped if part)
            self.lead.labels.append(label)

    def _label(self, line: str, number: int) -> LabelLine | None:
        match = LABEL.fullmatch(line)
        if match is None:
            return None
        text = match["label"].strip()
        member = None if text.startswith("`") else labelled(self.layout, text)
        if member is None and not self.has_labels and self.has_prose:
            return None  # a person's own emphasis at the start of a paragraph
        return LabelLine(text, match["value"].strip(), number, member)

    def _passage(self, block: Block, what: Block | tuple[int, int]) -> None:
        if not self.has_prose:
            self.lead.stray.append(block)
        elif self.running:
            self.runs[-1].append(what)
        else:
            self.runs.append([what])
            self.running = True

    def _finish(self) -> None:
        for run in self.runs:
            while len(run) > 1 and isinstance(last := run[-1], Block) and last.kind in ("rule", "comment"):
                run.pop()
        if self.runs:
            first = self.runs[0][0]
            self.lead.prose_line = first.start if isinstance(first, Block) else first[0]
            self.lead.prose = "\n\n".join(self._run_text(run) for run in self.runs)

    def _run_text(self, run: list[Block | tuple[int, int]]) -> str:
        if len(run) == 1 and isinstance(only := run[0], Block) and (text := fenced_text(only)) is not None:
            return text
        spans = [(part.start, part.end) if isinstance(part, Block) else part for part in run]
        return self.text.raw(spans[0][0], spans[-1][1])


def labelled(layout: Object, text: str) -> Member | None:
    """Return the member whose label a person would call `text`."""
    for member in layout.placed("line", "label"):
        if member.template.read(text) is not None if member.template else key(member.label) == key(text):
            return member
    return None


def block_kind(shape: Shape) -> str:
    """Return the kind of block that holds a value of `shape` below its label or heading."""
    if isinstance(shape, Free | Lines):
        return "fence"
    if isinstance(shape, Rows):
        return "table"
    return "list" if isinstance(shape, Bullets | Groups) else ""


def fenced_text(block: Block) -> str | None:
    """Return the text that a fence of language `text` or a JSON string in one of language `json` holds."""
    if block.kind != "fence":
        return None
    if block.language == TEXT:
        return block.content.removesuffix("\n")
    if block.language == DATA:
        try:
            value = json.loads(block.content)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, str) and _is_unicode(value) else None
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def prose(text: str, layout: Object) -> str:
    """Return `text` as it stands under a heading: plainly if it reads back unchanged, else in a fence."""
    if is_inert(text):
        around = source(f"# x\n\n{text}\n\n# x\n")
        sections = around.top.children
        if [section.title for section in sections] == ["x", "x"] and not sections[0].children:
            found = lead_of(sections[0].blocks, around, layout)
            if found.prose == text and not (found.labels or found.bare or found.stray):
                return text
    return fenced(text)


def is_inert(text: str) -> bool:
    """Tell whether markdown shows `text` as written, in any number of lines."""
    return bool(text) and not _UNSAFE_LINES.search(text) and not ACTIVE.search(text)


def fenced(text: str) -> str:
    """Return `text` in a fence: as it stands, or as a JSON string if it holds characters that a line cannot."""
    if _UNSAFE_LINES.search(text):
        return fence(DATA, json.dumps(text))
    return fence(TEXT, text)


def fence(language: str, content: str) -> str:
    """Return a fenced block around `content`, its marks longer than any in it."""
    marks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", content)), default=0))
    return f"{marks}{language}\n{content}\n{marks}"
