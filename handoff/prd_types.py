"""Read a field's type: `string`, `decimal(8,2)`, `enum(open, closed)`, `Room`, `Tag[]`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final, cast

from handoff.prd_report import Cursor
from handoff.prd_type_words import meant_by
from schemas.feature import FieldType, Kind

PLAIN: Final = (
    "string", "text", "integer", "float", "boolean", "date", "time", "datetime", "uuid", "email", "url", "json",
)  # fmt: skip
MAX_PRECISION = 100  # digits; PostgreSQL would take 1000
MAX_VALUE = 100  # characters of an enum value

_DECIMAL = re.compile(r"decimal\s*\(\s*([0-9]{1,4})\s*,\s*([0-9]{1,4})\s*\)")
_ENUM = re.compile(r"enum\s*\((.*)\)", re.DOTALL)
_REFERENCE = re.compile(r"([^\s\[\]()]+)\s*(\[\s*\])?")
_EXPECTED = (
    "`string`, `text`, `integer`, `decimal(p,s)`, `float`, `boolean`, `date`, `time`, `datetime`, `uuid`, `email`, "
    "`url`, `json`, `enum(a, b, c)`, an entity, or `Entity[]`"
)


def read_type(text: str, entities: Collection[str], spot: Cursor) -> FieldType | None:
    """Return the type that `text` says, or report why it says none and return None."""
    text = text.strip()
    if text in PLAIN:
        return FieldType(kind=cast("Kind", text))
    if text.startswith("decimal"):
        return _decimal(text, spot)
    if text.startswith("enum"):
        return _enum(text, spot)
    reference = _REFERENCE.fullmatch(text)
    if reference and reference[1] in entities:
        return FieldType(kind="references" if reference[2] else "reference", target=reference[1])
    if text.casefold() not in {name.casefold() for name in (*PLAIN, *entities)} and (meaning := meant_by(text)):
        spot.problem(f"unknown type `{text}`", expected=_EXPECTED, hint=f"write {meaning}")
        return None
    spot.unknown(
        "type", text, [*PLAIN, "decimal(p,s)", "enum(a, b, c)", *entities, *_lists(text, entities)], expected=_EXPECTED
    )
    return None


def _lists(text: str, entities: Collection[str]) -> list[str]:
    return [f"{entity}[]" for entity in entities] if text.endswith("]") else []


def _decimal(text: str, spot: Cursor) -> FieldType | None:
    found = _DECIMAL.fullmatch(text)
    if not found:
        spot.problem("a decimal needs its digits", got=text, expected="`decimal(8,2)`: 8 digits, 2 after the point")
        return None
    precision, scale = int(found[1]), int(found[2])
    if not 1 <= precision <= MAX_PRECISION:
        spot.problem("a decimal has too many or too few digits", got=text, expected=f"1 to {MAX_PRECISION} digits")
        return None
    if scale > precision:
        spot.problem(
            "a decimal has more digits after the point than digits",
            got=text,
            expected=f"at most {precision} after the point",
        )
        return None
    return FieldType(kind="decimal", precision=precision, scale=scale)


def _enum(text: str, spot: Cursor) -> FieldType | None:
    found = _ENUM.fullmatch(text)
    values = enum_values(found[1]) if found else None
    if values is None:
        spot.problem(
            "an enum cannot be read",
            got=text,
            expected='`enum(open, closed)`; a value with a comma, a parenthesis or a quote in front: `"a, b"`',
        )
        return None
    problems = list(_value_problems(values))
    for message, value in problems:
        spot.problem(message, got=value, expected=f"distinct values of 1 to {MAX_VALUE} printable characters")
    return None if problems else FieldType(kind="enum", values=values)


def enum_values(text: str) -> tuple[str, ...] | None:
    """Return the values in the parentheses of an enum, or None if they cannot be told apart.

    A value is bare (no comma, no parenthesis, no double quote in front) or a JSON string.
    """
    values, at = [], 0
    while True:
        at = _after_blanks(text, at)
        if text.startswith('"', at):
            try:
                value, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                return None
            at = _after_blanks(text, at)
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            value, at = text[at:end].strip(), end
            if "(" in value or ")" in value:
                return None
        values.append(value)
        if at == len(text):
            return tuple(values)
        if text[at] != ",":
            return None
        at += 1


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _value_problems(values: tuple[str, ...]) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    seen = set()
    for value in values:
        if not value:
            problems.append(("an enum has an empty value", value))
        elif len(value) > MAX_VALUE:
            problems.append(("an enum value is too long", value))
        elif value != value.strip() or not _printable(value):
            problems.append(("an enum value has invisible characters, or blanks around it", value))
        elif value in seen:
            problems.append((f"an enum has the value `{value}` twice", value))
        seen.add(value)
    return problems


def _printable(value: str) -> bool:
    # The joiners are part of emoji and of words in several scripts.
    return value.replace("\u200c", "").replace("\u200d", "").isprintable()
