"""A markdown text as sections of blocks, with the lines they stand on.

`markdown-it-py` decides what is a heading, a table, a list, a fence. Inline markup is never interpreted: texts are
taken from the source as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

BlockKind = Literal["paragraph", "list", "table", "fence", "rule", "comment", "other"]

_KINDS: dict[str, BlockKind] = {
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
    "fence": "fence",
    "hr": "rule",
}
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a section. `start` and `end` are lines of the text, counted from 0, `end` excluded."""

    kind: BlockKind
    start: int
    end: int
    tokens: Sequence[Token]

    @property
    def content(self) -> str:
        """Return the raw text of a paragraph, or what stands inside a fence."""
        return self.tokens[1].content if self.kind == "paragraph" else self.tokens[0].content

    @property
    def language(self) -> str:
        return self.tokens[0].info.strip()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it. The whole text is a section of level 0."""

    level: int
    title: str
    start: int  # line of the heading, counted from 0
    end: int
    blocks: list[Block] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """A text taken apart. `offset` is the number of lines of the file that precede it."""

    lines: list[str]
    top: Section
    offset: int

    def raw(self, start: int, end: int) -> str:
        """Return the lines `start` to `end` as written, without blank lines around them."""
        return "\n".join(self.lines[start:end]).strip()


def source(text: str, offset: int = 0) -> Source:
    """Take a text apart. Cost is linear in its size."""
    lines = text.split("\n")
    headings: list[tuple[int, int, str]] = []
    blocks: list[Block] = []
    for tokens in _top_level(_parser().parse(text)):
        first = tokens[0]
        start, end = first.map or (0, 0)
        if first.type == "heading_open":
            headings.append((start, int(first.tag[1]), " ".join(tokens[1].content.split("\n"))))
        else:
            blocks.append(Block(_kind(first), start, end, tokens))
    return Source(lines, _tree(headings, blocks, len(lines)), offset)


@cache
def _parser() -> MarkdownIt:
    # Reference definitions would vanish from the tokens. Only blocks are wanted: texts are read from the source.
    parser = MarkdownIt("commonmark").enable("table").disable("reference")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _kind(token: Token) -> BlockKind:
    if token.type == "html_block" and token.content.lstrip().startswith("<!--"):
        return "comment"
    return _KINDS.get(token.type, "other")


def _top_level(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each block at the outermost level."""
    start = 0
    for place, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            yield tokens[start : place + 1]
            start = place + 1


def _tree(headings: list[tuple[int, int, str]], blocks: list[Block], length: int) -> Section:
    ends = _ends([level for _, level, _ in headings], [start for start, _, _ in headings], length)
    top = Section(0, "", 0, length)
    open_sections = [top]
    rest = iter([*blocks, None])
    block = next(rest)
    for (start, level, title), end in zip([*headings, (length + 1, 0, "")], [*ends, length], strict=True):
        while block is not None and block.start < start:
            open_sections[-1].blocks.append(block)
            block = next(rest)
        while len(open_sections) > 1 and open_sections[-1].level >= level:
            open_sections.pop()
        if level:
            section = Section(level, title, start, end)
            open_sections[-1].children.append(section)
            open_sections.append(section)
    return top


def _ends(levels: list[int], starts: list[int], length: int) -> list[int]:
    """Return the line after each section: where the next heading of its level or above stands."""
    ends = [length] * len(levels)
    waiting: list[int] = []
    for place, level in enumerate(levels):
        while waiting and levels[waiting[-1]] >= level:
            ends[waiting.pop()] = starts[place]
        waiting.append(place)
    return ends


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table. `cells` has as many as the header; `written` is how many the line really has."""

    line: int
    cells: list[str]
    written: int


def rows(block: Block, lines: Sequence[str]) -> list[TableRow]:
    """Return the rows of a table, its header first."""
    found: list[TableRow] = []
    for token in block.tokens:
        if token.type == "tr_open":
            line = token.map[0] if token.map else block.start
            found.append(TableRow(line, [], _cell_count(lines[line])))
        elif token.type == "inline":
            found[-1].cells.append(token.content)
    return found


def _cell_count(line: str) -> int:
    text = line.strip().removeprefix("|")
    return len(_PIPE.findall(text)) + (0 if text.endswith("|") and not text.endswith("\\|") else 1)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list: its text, wrapped lines joined by a space, and the line it starts on."""

    line: int
    text: str


def items(block: Block, text: Source) -> list[Item]:
    """Return the items of a list. An item that holds more than one paragraph keeps its source text."""
    found: list[Item] = []
    inside = [token for token in block.tokens if token.type == "list_item_open" or token.level >= 2]  # noqa: PLR2004
    starts = [place for place, token in enumerate(inside) if token.type == "list_item_open" and token.level == 1]
    for start, end in zip(starts, [*starts[1:], len(inside)], strict=True):
        line, after = inside[start].map or (block.start, block.start + 1)
        parts = inside[start + 1 : end]
        if [token.type for token in parts] == ["paragraph_open", "inline", "paragraph_close"]:
            found.append(Item(line, " ".join(part.strip() for part in parts[1].content.split("\n"))))
        else:
            found.append(Item(line, _dedented(text, line, after, inside[start].markup)))
    return found


def _dedented(text: Source, start: int, end: int, markup: str) -> str:
    first, _, rest = text.raw(start, end).partition("\n")
    body = first.partition(markup)[2].strip() if markup else first
    lines = [line.strip() for line in rest.split("\n") if line.strip()]
    return "\n".join([body, *lines]).strip()
