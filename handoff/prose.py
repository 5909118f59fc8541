"""Take free text apart into statements, word for word: what a PRD made of it must account for, one by one.

A statement is a sentence, a list item, a row of a table, a heading or a block of code, whatever the language. Marks of
layout (`#`, `-`, `>`, `|---|`) belong to no statement; every word belongs to exactly one.

Not here: what the statements mean (`skills.prd_drafter`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_STRUCTURED = re.compile(
    r"^ {0,3}##[ \t]+entities[ \t]*#*[ \t]*$.*?^ {0,3}###[ \t]+\S", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_HANDOFF = re.compile(r"---\r?\n(?:.*\r?\n)??contract:")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<text>.*?)(?:[ \t]+#*)?[ \t]*$")
_ITEM = re.compile(r"[ \t>]*(?:[-*+\u2022\u2023\u2013]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(?P<text>\S.*)$")
_QUOTE = re.compile(r"^(?:[ \t]*>)+[ \t]?")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
# The end of a sentence: a mark, closing quotes, a blank. Not after a word of one or two letters (`z. B.`, `Dr.`), nor
# before a small letter: joining two sentences loses nothing, cutting one in two confuses.
_CLOSING = r"[)\]\"'»”\u2019`*]"
_END = re.compile(
    rf"(?:(?<=\w{{3}}[.!?…])|(?<=[!?…])|(?<={_CLOSING}\.)){_CLOSING}*\s+(?=\S)"
    r"|(?<=[\u3002\uff01\uff1f])"
)
_MARKS = "#*-_=+|:>~`.\\\N{BULLET}\N{TRIANGULAR BULLET}\N{EN DASH}\N{EM DASH}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement. `number` counts from 1; `heading`: it names what follows rather than saying something."""

    number: int
    text: str
    heading: bool = False


def is_prose(text: str) -> bool:
    """Return whether a PRD's text is prose: no entities are written down, and it is no other file of Baton's."""
    return not _STRUCTURED.search(text) and not _HANDOFF.match(text)


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of `text`, in order."""
    found = [(said.strip(), heading) for said, heading in _said(text.splitlines()) if not _is_layout(said)]
    return tuple(
        Statement(number=number, text=said, heading=heading) for number, (said, heading) in enumerate(found, start=1)
    )


def _said(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield each statement, and whether it is a heading."""
    paragraph: list[str] = []
    for block, after in pairwise([*_blocks(lines), ""]):
        heading, item, row = _HEADING.match(block), _ITEM.match(block), _ROW.match(block)
        alone = heading or row or _FENCE.match(block) or _is_layout(block)
        if alone or item:
            yield from _sentences(paragraph)
            paragraph = []
        if alone:
            headed = row and _ROW.match(after) and _is_layout(after)
            yield (heading["text"], True) if heading else (block, bool(headed))
        else:
            paragraph.append(item["text"] if item else _QUOTE.sub("", block))
    yield from _sentences(paragraph)


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    """Yield each line, those of a fenced block together."""
    code: list[str] = []
    fence = ""
    for line in lines:
        if not code and (opened := _FENCE.match(line)):
            code, fence = [line], opened[1]
        elif not code:
            yield line
        else:
            code.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield "\n".join(code)
                code = []
    if code:
        yield "\n".join(code)


def _sentences(paragraph: Sequence[str]) -> Iterator[tuple[str, bool]]:
    joined = " ".join(" ".join(line.split()) for line in paragraph)
    start = 0
    for end in _END.finditer(joined):
        if joined[end.end() : end.end() + 1].islower():
            continue
        closing = end.group().rstrip()
        yield joined[start : end.start()] + closing, False
        start = end.end()
    yield joined[start:], False


def _is_layout(text: str) -> bool:
    """Return whether there is nothing in `text` but marks: a word in any script, a number or an emoji is more."""
    return all(each.isspace() or each in _MARKS for each in text)
