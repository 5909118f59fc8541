"""Read what a skill says of stacks: conditions (`framework=FastAPI|Flask frontend!=none`) and choices (`ids=uuid`).

Words are separated by blanks and quoted as in a shell: `'orm=Django ORM'`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from schemas.stack import Choice, Condition

_CONDITION = re.compile(r"([^=!]+)(!?=)(.+)")
_PART = re.compile(r"[a-z][a-z0-9_]*")


def read_conditions(text: str, report: Callable[[str], None]) -> tuple[Condition, ...]:
    """Return the conditions of `metadata.when`, reporting words that are none."""
    conditions = []
    for word in _words("when", text, report):
        found = _CONDITION.fullmatch(word)
        choices = tuple(choice.strip() for choice in found[3].split("|")) if found else ()
        if not found or not all(choices):
            report(
                f"`metadata.when` has `{word}`; conditions read `part=choice`, `part=one|another` or `part!=choice`, "
                "for example `frontend=React`"
            )
        else:
            conditions.append(Condition(part=found[1], choices=choices, negated=found[2] == "!="))
    return tuple(conditions)


def read_choices(entry: str, text: str, report: Callable[[str], None]) -> tuple[Choice, ...]:
    """Return the choices of `metadata.provides` or `metadata.defaults`, reporting words that are none."""
    choices = []
    for word in _words(entry, text, report):
        part, _, choice = word.partition("=")
        if not _PART.fullmatch(part) or not choice.strip() or "|" in choice:
            report(f"`metadata.{entry}` has `{word}`; choices read `part=choice`, for example `frontend=React`")
        else:
            choices.append(Choice(part, choice.strip()))
    return tuple(choices)


def near(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean …?)` for the nearest allowed word, or nothing."""
    found = get_close_matches(word, list(allowed), 1)
    return f" (did you mean `{found[0]}`?)" if found else ""


def _words(entry: str, text: str, report: Callable[[str], None]) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        report(f"`metadata.{entry}` is `{text}`: {error}")
        return []
