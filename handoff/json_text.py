"""JSON as it may stand in a fenced block: strict, bounded in depth, one key once."""

from __future__ import annotations

import json
import math
from typing import NoReturn, cast

from handoff.problems import Problem
from schemas.base import JSON

MAX_DEPTH = 100


def loads(text: str) -> JSON:
    """Return the JSON value of `text`.

    Raises:
        ValueError: Not JSON, nested deeper than `MAX_DEPTH`, a key twice, or a number out of range.
    """
    if _depth(text) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode()
    return cast("JSON", value)


def unwritable(data: JSON) -> list[Problem]:
    """Return a problem if `data` is something that JSON text cannot hold."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        return [Problem(message=f"not JSON: {error}")]
    if _depth(text) > MAX_DEPTH:
        return [Problem(message="nested too deeply", expected=f"at most {MAX_DEPTH} levels")]
    return []


def _depth(text: str) -> int:
    """Return an upper bound of the nesting; brackets inside strings are left out."""
    deepest = depth = 0
    inside = escape = False
    for character in text:
        if inside:
            escape, inside = (character == "\\" and not escape), character != '"' or escape
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key `{name}` stands twice in one object")
        found[name] = value
    return found


def _refused(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"`{text}` is out of range")
    return value
