r"""One value on one line, and back: in a table cell, after a label, in a bullet, in a heading.

Ordinary text stands as it is and is read back as it stands: markdown's own emphasis, escapes and links are never
interpreted, so `^[a-z0-9_]+$` needs no escaping. Text that would not survive (a line break, a leading space, a word
that looks like a number where numbers are allowed) or would not be inert (HTML, links) is written as a JSON string in
a code span: `"two\nlines"`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.base import JSON

QUOTED = r'`"(?:[^"\\`\n]|\\.)*"`'
NULL = "`null`"
NO_ITEMS = "`[]`"

ScalarType = Literal["string", "number", "boolean", "null"]

_QUOTED = re.compile(QUOTED)
_LEADING_QUOTED = re.compile(rf"\s*{QUOTED}")
# Characters that would not survive in a line, or that change how it looks: controls, separators, direction marks.
CONTROLS = r"[\x00-\x08\t\n\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
ACTIVE = re.compile(r"<[A-Za-z/!?]|\]\(|\]\[|!\[|&#?\w+;")  # HTML, links, images, entities
_UNSAFE = re.compile(CONTROLS)
_OPENS_BLOCK = re.compile(r"[-+*=#>|~<\[\\:]|``|\d{1,9}[.)](?:\s|$)|_[\s_]*$")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORDS = {"yes": True, "no": False, "true": True, "false": False}


class Unreadable(ValueError):
    """A piece of text is not a value of its type. The arguments are what was expected and a hint."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected, hint)
        self.expected, self.hint = expected, hint


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value that stands on one line. `code`: written as a code span, or only read as one if a person wrote it."""

    types: frozenset[ScalarType]
    choices: tuple[str, ...] = ()
    code: Literal["", "write", "read"] = ""

    @property
    def named(self) -> str:
        """What a person would call a value of this type."""
        if self.choices:
            return "one of " + ", ".join(f"`{choice}`" for choice in self.choices)
        names = {"string": "text", "number": "a number", "boolean": "yes or no", "null": NULL}
        return " or ".join(names[kind] for kind in ("string", "number", "boolean", "null") if kind in self.types)


def quoted(text: str) -> str:
    """Return `text` as a JSON string in a code span."""
    literal = json.dumps(text, ensure_ascii=False).replace("`", "\\u0060")
    return f"`{_UNSAFE.sub(_escape, literal)}`"


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def is_quoted(text: str) -> bool:
    """Tell whether `text` is a JSON string in a code span."""
    return _QUOTED.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Tell whether `text` may stand as it is inside a line: it comes back unchanged, and markdown leaves it alone."""
    return fits_a_line(text) and not text.startswith('`"') and text not in (NULL, NO_ITEMS) and not ACTIVE.search(text)


def fits_a_line(text: str) -> bool:
    """Tell whether `text` is one line that comes back unchanged when spaces around it are dropped."""
    return bool(text) and text == text.strip() and not _UNSAFE.search(text)


def opens_block(text: str) -> bool:
    """Tell whether a line of `text` might start a markdown block (a heading, a list, a table …)."""
    return bool(_OPENS_BLOCK.match(text))


def encoded(scalar: Scalar, value: JSON, *, starts_line: bool = False) -> str:
    """Return `value` as it stands in a line. `starts_line`: nothing but a bullet precedes it."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return json.dumps(value)
    if scalar.code == "write":
        return f"`{value}`" if fits_a_line(value) and _spans(value) else quoted(value)
    if not is_plain(value) or _ambiguous(scalar, value) or (starts_line and opens_block(value)):
        return quoted(value)
    return value


def blank(scalar: Scalar) -> JSON:
    """Return what an empty cell or label stands for where a value is required: null, else the empty text."""
    return None if "null" in scalar.types else ""


def _spans(text: str) -> bool:
    return "`" not in text and f"`{text}`" not in (NULL, NO_ITEMS) and not text.startswith('"')


def _ambiguous(scalar: Scalar, text: str) -> bool:
    return bool(
        ("boolean" in scalar.types and text.casefold() in _WORDS)
        or ("number" in scalar.types and _NUMBER.fullmatch(text))
        or (scalar.code == "read" and _code_span(text) is not None)
        or (scalar.choices and _choice(scalar, text) != text)
    )


def decoded(scalar: Scalar, text: str) -> JSON:
    """Return the value that `text` stands for.

    Raises:
        Unreadable: `text` is no value of the scalar's type.
    """
    text = text.strip()
    if _QUOTED.fullmatch(text):
        return _unquoted(scalar, text)
    if text == NULL and "null" in scalar.types:
        return None
    if "boolean" in scalar.types and text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if "number" in scalar.types and _NUMBER.fullmatch(text):
        return number(text)
    if "string" not in scalar.types:
        raise Unreadable(scalar.named)
    if scalar.code and (inside := _code_span(text)) is not None:
        text = inside
    return _choice(scalar, text)


def _unquoted(scalar: Scalar, text: str) -> str:
    if "string" not in scalar.types:
        raise Unreadable(scalar.named)
    try:
        value = json.loads(text[1:-1])
        value.encode()
    except ValueError as error:
        raise Unreadable("a JSON string between the backticks") from error
    return str(value)


def number(text: str) -> int | float:
    """Return the number `text` writes in JSON's notation.

    Raises:
        Unreadable: It is longer or larger than a number can be.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unreadable("a number of at most 4300 digits") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise Unreadable("a number within ±1.8e308")
    return value  # type: ignore[no-any-return]  # a JSON number literal is an int or a float


def _code_span(text: str) -> str | None:
    if len(text) > 2 and text[0] == text[-1] == "`" and "`" not in text[1:-1]:  # noqa: PLR2004 (two backticks)
        return text[1:-1]
    return None


def _choice(scalar: Scalar, text: str) -> str:
    """Return the allowed value that `text` means, forgiving its letter case; `text` itself if there is none."""
    if text in scalar.choices:
        return text
    matches = [choice for choice in scalar.choices if choice.casefold() == text.casefold()]
    return matches[0] if len(matches) == 1 else text


def encoded_list(scalar: Scalar, values: list[JSON]) -> str:
    """Return `values` on one line, separated by commas."""
    if not values:
        return NO_ITEMS
    if values == [None]:
        return f"{NULL},"  # a list of one null; without the comma it would be no list at all
    return ", ".join(_list_item(scalar, value) for value in values)


def _list_item(scalar: Scalar, value: JSON) -> str:
    text = encoded(scalar, value)
    return quoted(value) if isinstance(value, str) and "," in text and not text.startswith('`"') else text


def decoded_list(scalar: Scalar, text: str) -> list[JSON]:
    """Return the values of a line written by `encoded_list`, or by a person.

    Raises:
        Unreadable: One of them is no value of the scalar's type.
    """
    text = text.strip()
    if text in ("", NO_ITEMS):
        return []
    return [decoded(scalar, item) for item in _items(text) if item]


def _items(text: str) -> Iterator[str]:
    """Yield what stands between the commas of `text`, those inside quoted text aside."""
    place = 0
    while place < len(text):
        opening = _LEADING_QUOTED.match(text, place)
        comma = text.find(",", opening.end() if opening else place)
        end = len(text) if comma < 0 else comma
        yield text[place:end].strip()
        place = end + 1
