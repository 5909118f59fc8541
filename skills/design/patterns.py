"""Texts that a regular expression finds itself in, or does not, without chance: the same pattern, the same texts.

Python's own parser reads the pattern. What it cannot be asked for in advance (look-around, back-references) is left
out, and each text is tried on the pattern before it is offered; a pattern may therefore have no text here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any, Final

# Imported by name, for no stub describes them.
op: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ .,:/@#+!"
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: re.compile(r"\d"),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
_REFUSED_CANDIDATES: Final = ("!", " ", "?!", "é", "a", "0", "A", "-", "a b", "!!!!", "\N{SNOWMAN}", "aaaa", "0000")
_MOST_REPEATS: Final = 64


def matching(pattern: str, shortest: int, longest: int, count: int) -> tuple[str, ...]:
    """Return up to `count` different texts of `shortest`..`longest` characters that `pattern` is found in."""
    return tuple(islice(_distinct(_candidates(pattern, shortest, longest, count)), count))


def not_matching(pattern: str, shortest: int, longest: int) -> str | None:
    """Return a text of `shortest`..`longest` characters that `pattern` is not found in, if there is a simple one."""
    for candidate in _REFUSED_CANDIDATES:
        text = candidate
        while len(text) < shortest:
            text += candidate
        if len(text) <= longest and re.search(pattern, text) is None:
            return text
    return None


def _candidates(pattern: str, shortest: int, longest: int, count: int) -> Iterator[str]:
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return
    for repeats in range(1, min(longest, _MOST_REPEATS) + 1):
        for number in range(count * 2):
            text = _Sampler(number, repeats).text(tree)
            if text and len(text) < shortest:
                text += text[-1] * (shortest - len(text))  # for a pattern without anchors
            if text is not None and len(text) <= longest and re.search(pattern, text):
                yield text


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text


class _Sampler:
    """Walks a parsed pattern. `number` decides every choice, like the digits of a mixed-radix numeral."""

    def __init__(self, number: int, repeats: int) -> None:
        self._number, self._repeats = number, repeats

    def text(self, tree: Iterable[tuple[Any, Any]]) -> str | None:
        parts = [self._part(code, argument) for code, argument in tree]
        return None if None in parts else "".join(part for part in parts if part is not None)

    def _part(self, code: Any, argument: Any) -> str | None:  # noqa: ANN401, PLR0911  # an untyped tree; a line a kind
        if code is op.LITERAL:
            return chr(argument)
        if code is op.NOT_LITERAL:
            return self._choose([char for char in _ALPHABET if char != chr(argument)])
        if code is op.ANY:
            return self._choose(_ALPHABET)
        if code is op.IN:
            return self._choose([char for char in _ALPHABET if _admits(argument, char)])
        if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(*argument)
        if code is op.SUBPATTERN:
            return self.text(argument[-1])
        if code is op.ATOMIC_GROUP:
            return self.text(argument)
        if code is op.BRANCH:
            return self.text(self._pick(argument[1]))
        return "" if code is op.AT else None

    def _repeat(self, least: int, most: int, tree: Any) -> str | None:  # noqa: ANN401  # as above
        parts = [self.text(tree) for _ in range(max(least, min(int(most), self._repeats)))]
        return None if None in parts else "".join(part for part in parts if part is not None)

    def _choose(self, options: list[str] | str) -> str | None:
        return self._pick(options) if options else None

    def _pick(self, options: Any) -> Any:  # noqa: ANN401  # characters or branches
        self._number, digit = divmod(self._number, len(options))
        return options[digit]


def _admits(items: list[tuple[Any, Any]], char: str) -> bool:
    negated = bool(items) and items[0][0] is op.NEGATE
    return negated != any(_item_admits(code, argument, char) for code, argument in items)


def _item_admits(code: Any, argument: Any, char: str) -> bool:  # noqa: ANN401  # as above
    if code is op.LITERAL:
        return bool(chr(argument) == char)
    if code is op.RANGE:
        return bool(argument[0] <= ord(char) <= argument[1])
    return code is op.CATEGORY and bool(_CATEGORIES[argument].match(char))
