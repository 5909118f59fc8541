"""Read markdown with front matter as it is found in the wild: whatever the bytes are, something comes of them.

What is not as it should be becomes a warning. Everything is text or a list or mapping of texts; nothing is taken for a
number or a date, no tag is followed, no alias is resolved.

Not here: what front matter should say (`orchestrator.interop.formats`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_FRONT = 64_000  # characters

_OPENING = re.compile(r"\s*\A\s*---[ \t]*\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_LINE = re.compile(r"(?P<key>[A-Za-z_][\w -]{0,60}?)[ \t]*:(?:[ \t]+(?P<value>.*)|[ \t]*)")
_BLOCKS = frozenset({"|", ">", "|-", ">-", "|+", ">+"})  # what follows is the value
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(kw_only=True, slots=True)
class Loose:
    """A file as it was understood. `front` holds texts, and lists and mappings of them; `body` is what follows it."""

    front: dict[str, Any] = field(default_factory=dict)
    body: str = ""
    warnings: list[str] = field(default_factory=list)

    def text(self, key: str) -> str:
        """Return what stands under `key` on one line, a list's items separated by commas; empty if it is not there."""
        value = self.front.get(key)
        if isinstance(value, list):
            return ", ".join(str(each) for each in value if isinstance(each, str))
        return " ".join(value.split()) if isinstance(value, str) else ""


def read(raw: bytes) -> Loose:
    """Return what a file says."""
    found = Loose()
    text = _decoded(raw, found.warnings)
    opening = _OPENING.match(text)
    if opening is None:
        found.warnings.append("has no front matter")
        found.body = text.strip("\n")
        return found
    closing = _CLOSING.search(text, opening.end())
    if closing is None or closing.start() - opening.end() > MAX_FRONT:
        found.warnings.append(f"its front matter {'has no end (`---`)' if closing is None else 'is too long'}")
        found.body = text[opening.end() :].strip("\n")
        return found
    found.body = text[closing.end() :].strip("\n")
    found.front = _front(text[opening.end() : closing.start()], found.warnings)
    return found


def _decoded(raw: bytes, warnings: list[str]) -> str:
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8-sig")
    try:
        text = raw.decode(encoding)
        if encoding != "utf-8-sig":
            warnings.append("is UTF-16, not UTF-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        warnings.append(f"line {line} is not UTF-8; what cannot be read is replaced")
        text = raw.decode("utf-8", errors="replace")
    if "\0" in text:
        warnings.append("holds NUL characters, which are left out")
    text = text.encode("utf-8", errors="replace").decode()  # half a surrogate pair is no text
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _front(text: str, warnings: list[str]) -> dict[str, Any]:
    loader = _Loader(text)
    try:
        front = loader.get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        warnings.append(f"its front matter is not YAML ({_reason(error)}); read line by line")
        return _by_lines(text, warnings)
    warnings += [f"`{key}` is there more than once; the last one counts" for key in loader.repeated]
    if front is None or front == "":
        return {}
    if not isinstance(front, dict):
        warnings.append("its front matter is not a mapping; read line by line")
        return _by_lines(text, warnings)
    return {key: value for key, value in front.items() if isinstance(key, str)}


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 2}: {problem}" if mark is not None else str(problem)


def _by_lines(text: str, warnings: list[str]) -> dict[str, Any]:
    """Return the front matter by its lines alone: `key: anything`, and what is indented or listed below it."""
    front: dict[str, Any] = {}
    key = ""
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.rstrip())
        if found is not None:
            key = found["key"]
            if key in front:
                warnings.append(f"`{key}` is there more than once; the last one counts")
            front[key] = _unquoted((found["value"] or "").strip())
        elif key and line.strip():
            front[key] = _longer(front[key], line.strip())
    return front


def _longer(value: str | list[str], line: str) -> str | list[str]:
    if line.startswith("- ") and (isinstance(value, list) or not value):
        return [*value, _unquoted(line[2:].strip())]
    if isinstance(value, list):
        return [*value[:-1], f"{value[-1]} {line}"]
    return line if value in _BLOCKS or not value else f"{value} {line}"


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


class _Loader(yaml.BaseLoader):
    """YAML of texts, lists and mappings, without aliases; remembers the keys that are there more than once."""

    def __init__(self, stream: str) -> None:
        self.repeated: list[str] = []
        super().__init__(_printable(stream))

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; an alias is an error, since a few of them can stand for any amount of data."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(problem="aliases are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's
        """Return a mapping whose last entry of a key counts."""
        keys = [each.value for each, _ in node.value if isinstance(each, yaml.ScalarNode)]
        self.repeated += sorted({key for key in keys if keys.count(key) > 1})
        return super().construct_mapping(node, deep=deep)


def _printable(text: str) -> str:
    """Return `text` without what YAML does not allow anywhere."""
    return yaml.reader.Reader.NON_PRINTABLE.sub("", text)
