"""Read what skills and toolchains say of stacks.

They state conditions (`framework=FastAPI|Flask frontend!=none`) and choices (`ids=uuid`). Words are
separated by blanks and quoted as in a shell: `'orm=Django ORM'`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from schemas.parts import PARTS
from schemas.stack import Choice, Condition

Said = TypeVar("Said")
_CONDITION = re.compile(r"([^=!]+)(!?=)(.+)")
_PART = re.compile(r"[a-z][a-z0-9_]*")


def conditions(text: str) -> tuple[Condition, ...]:
    """Return the conditions that `text` says.

    Raises:
        ValueError: With every word that is none.
    """
    return _read(partial(read_conditions, "when"), text)


def choices(text: str) -> tuple[Choice, ...]:
    """Return the choices that `text` says.

    Raises:
        ValueError: With every word that is none.
    """
    return _read(partial(read_choices, "provides"), text)


def read_conditions(entry: str, text: str, report: Callable[[str], None]) -> tuple[Condition, ...]:
    """Return the conditions of `metadata.when`, reporting words that are none."""
    found = []
    for word in _words(entry, text, report):
        parts = _CONDITION.fullmatch(word)
        named = tuple(choice.strip() for choice in parts[3].split("|")) if parts else ()
        if not parts or not all(named):
            report(
                f"`{entry}` has `{word}`; conditions read `part=choice`, `part=one|another` or `part!=choice`, "
                "for example `frontend=React`"
            )
        else:
            found.append(Condition(part=parts[1], choices=named, negated=parts[2] == "!="))
            _check_spelling(entry, parts[1], named, report)
    return tuple(found)


def read_choices(entry: str, text: str, report: Callable[[str], None]) -> tuple[Choice, ...]:
    """Return the choices of `metadata.provides` or `metadata.defaults`, reporting words that are none."""
    found = []
    for word in _words(entry, text, report):
        part, _, choice = word.partition("=")
        if not _PART.fullmatch(part) or not choice.strip() or "|" in choice:
            report(f"`{entry}` has `{word}`; choices read `part=choice`, for example `frontend=React`")
        else:
            found.append(Choice(part, choice.strip()))
            _check_spelling(entry, part, (choice.strip(),), report)
    return tuple(found)


def _check_spelling(entry: str, key: str, choices: Iterable[str], report: Callable[[str], None]) -> None:
    """Report choices that the language has in another spelling: conditions are compared letter by letter."""
    for part in (part for part in PARTS if part.key == key):
        for choice in choices:
            if part.spelled(choice) not in {None, choice}:
                report(f"`{entry}` has `{key}={choice}`; that choice is spelled `{part.spelled(choice)}`")


def near(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean …?)` for the nearest allowed word, or nothing."""
    found = get_close_matches(word, list(allowed), 1)
    return f" (did you mean `{found[0]}`?)" if found else ""


def _read(read: Callable[[str, Callable[[str], None]], tuple[Said, ...]], text: str) -> tuple[Said, ...]:
    problems: list[str] = []
    found = read(text, problems.append)
    if problems:
        raise ValueError("; ".join(problems))
    return found


def _words(entry: str, text: str, report: Callable[[str], None]) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        report(f"`{entry}` is `{text}`: {error}")
        return []
