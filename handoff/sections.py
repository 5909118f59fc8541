"""Which section holds which member, and what a section holds that the contract does not name."""

from __future__ import annotations

from difflib import get_close_matches

from handoff.blocks import Section, Source
from handoff.inline import NO_ITEMS, NULL
from handoff.layout import Member, Object, key
from handoff.preamble import fenced_text


def headed(layout: Object, title: str) -> Member | None:
    """Return the member whose section a person would title `title`."""
    members = [*layout.placed("section"), *([layout.extras] if layout.extras else [])]
    return next((member for member in members if key(member.label) == key(title)), None)


def nearest(layout: Object, title: str) -> Member | None:
    """Return the member whose section `title` is probably a misspelling of."""
    labels = {key(member.label): member for member in layout.placed("section")}
    near = get_close_matches(key(title)[:200], labels, n=1, cutoff=0.8)
    return labels[near[0]] if near else None


def is_reserved(layout: Object, title: str) -> bool:
    """Tell whether a section titled so would be taken for one the contract names, or for a misspelling of it."""
    return headed(layout, title) is not None or nearest(layout, title) is not None


def note_text(section: Section, text: Source) -> str:
    """Return all that stands under a heading, its sub-sections included, as written."""
    only = section.blocks[0] if len(section.blocks) == 1 and not section.children else None
    if only is not None and (fenced := fenced_text(only)) is not None:
        return fenced
    return text.raw(section.start + heading_lines(section, text), section.end)


def heading_lines(section: Section, text: Source) -> int:
    """Return how many lines a heading takes: an underlined (setext) one takes more than one."""
    first = (
        section.blocks[0].start if section.blocks else section.children[0].start if section.children else section.end
    )
    if text.lines[section.start].lstrip().startswith("#"):
        return 1
    for line in range(section.start + 1, first):
        if text.lines[line].strip() and set(text.lines[line].strip()) <= {"=", "-"}:
            return line + 1 - section.start
    return 1


def is_note(text: str) -> bool:
    """Tell whether `text` may stand under a heading as it is."""
    return bool(text) and text not in (NULL, NO_ITEMS)
