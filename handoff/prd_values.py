"""Read a default value: from the words after `default` to the JSON value that a field of its type holds.

Decimals, dates, times and UUIDs are kept as text in one canonical spelling; datetimes in UTC.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final, NoReturn, cast
from uuid import UUID

from handoff.prd_report import flag
from schemas.base import JSON
from schemas.feature import FieldType, Kind

MAX_INTEGER: Final = 2**53 - 1  # the largest that every JSON reader keeps exactly
STRING_LENGTH: Final = 255  # of a string without a rule
MAX_LENGTH: Final = 10_485_760  # PostgreSQL's limit of varchar(n), in characters
EMAIL_LENGTH: Final = 320
URL_LENGTH: Final = 2048

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?")
_FLOAT = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_DATETIME = re.compile(rf"({_DATE.pattern})[Tt ]({_TIME.pattern})(Z|z|[+-][0-9]{{2}}:[0-9]{{2}})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)


class NotAValue(Exception):
    """The text is no value of the type. Its argument says what would be; never leaves this package."""


def read_default(text: str, type_: FieldType) -> JSON:
    """Return the value that `text` says for a field of `type_`.

    Raises:
        NotAValue: Saying what is expected.
    """
    return _READERS[type_.kind](_unquoted(text, type_), type_)


def read_number(text: str, kind: Kind) -> Decimal:
    """Return a bound (`min`, `max`) of a number.

    Raises:
        NotAValue: Saying what is expected.
    """
    if kind == "integer":
        return Decimal(_integer(text, FieldType(kind="integer")))
    pattern, expected = (
        (_FLOAT, "a number, as `-1.5` or `2e6`") if kind == "float" else (_NUMBER, "a number, as `-1.5`")
    )
    if not pattern.fullmatch(text):
        raise NotAValue(expected)
    return Decimal(format(Decimal(text), "f"))  # without an exponent


def largest(type_: FieldType) -> Decimal:
    """Return the largest value that a decimal of this type holds."""
    return Decimal((0, (9,) * (type_.precision or 0), -(type_.scale or 0)))


def _unquoted(text: str, type_: FieldType) -> str:
    """Return the text of a JSON string; JSON itself and bare text as they are."""
    if type_.kind == "json" or not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return str(value)


def _text(text: str, _: FieldType) -> str:
    if "\0" in text or not _encodable(text):
        raise NotAValue("text without NUL characters and half surrogate pairs")
    return text


def _integer(text: str, _: FieldType) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > MAX_INTEGER:
        raise NotAValue(f"a whole number from -{MAX_INTEGER} to {MAX_INTEGER}")
    return int(text)


def _decimal(text: str, type_: FieldType) -> str:
    scale = type_.scale or 0
    if not _NUMBER.fullmatch(text):
        raise NotAValue("a number, as `-1.5`")
    sign, digits, exponent = Decimal(text).as_tuple()
    places = -cast("int", exponent)
    if places > scale or Decimal(text).copy_abs() > largest(type_):
        raise NotAValue(f"a number from -{largest(type_)} to {largest(type_)}, at most {scale} digits after the point")
    padded = Decimal((0 if not any(digits) else sign, (*digits, *(0,) * (scale - places)), -scale))
    return format(padded, "f")


def _float(text: str, _: FieldType) -> float:
    if not _FLOAT.fullmatch(text) or not math.isfinite(float(text)):
        raise NotAValue("a finite number, as `-1.5` or `2e6`")
    return float(text)


def _boolean(text: str, _: FieldType) -> bool:
    value = flag(text)
    if value is None:
        raise NotAValue("`true` or `false`")
    return value


def _date(text: str, _: FieldType) -> str:
    return _iso(text, _DATE, lambda: date.fromisoformat(text).isoformat(), "a date, as `2025-12-31`")


def _time(text: str, _: FieldType) -> str:
    return _iso(text, _TIME, lambda: time.fromisoformat(text).isoformat(), "a time, as `23:59` or `23:59:30`")


def _datetime(text: str, _: FieldType) -> str:
    def utc() -> str:
        return datetime.fromisoformat(text.upper()).astimezone(UTC).isoformat()

    return _iso(text, _DATETIME, utc, "a moment with its offset, as `2025-12-31T23:59:00+01:00`")


def _uuid(text: str, _: FieldType) -> str:
    return _iso(text, _UUID, lambda: str(UUID(text)), "a UUID, as `123e4567-e89b-12d3-a456-426614174000`")


def _iso(text: str, pattern: re.Pattern[str], canonical: Callable[[], str], expected: str) -> str:
    if not pattern.fullmatch(text):
        raise NotAValue(expected)
    try:
        return canonical()
    except (ValueError, OverflowError) as error:
        raise NotAValue(expected) from error


def _email(text: str, _: FieldType) -> str:
    if not _EMAIL.fullmatch(text) or len(text) > EMAIL_LENGTH:
        raise NotAValue(f"an e-mail address of at most {EMAIL_LENGTH} characters")
    return text.lower()


def _url(text: str, _: FieldType) -> str:
    if not _URL.fullmatch(text) or len(text) > URL_LENGTH or not text.isprintable():
        raise NotAValue(f"a URL of at most {URL_LENGTH} characters that begins with `http://` or `https://`")
    return text


def _json(text: str, _: FieldType) -> JSON:
    def no_constant(_: str) -> NoReturn:
        raise ValueError

    try:
        value = json.loads(text, parse_constant=no_constant)
        plain = json.dumps(value, ensure_ascii=False, allow_nan=False)  # refuses 1e999, which was read as infinite
    except (ValueError, RecursionError) as error:
        raise NotAValue('JSON, as `{"a": [1, true]}`') from error
    if "\0" in "".join(_strings(value)) or not _encodable(plain):
        raise NotAValue("JSON without NUL characters and half surrogate pairs")
    return cast("JSON", value)


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _enum(text: str, type_: FieldType) -> str:
    if text not in type_.values:
        raise NotAValue(f"one of the enum's values: {', '.join(f'`{value}`' for value in type_.values[:30])}")
    return text


def _reference(_: str, __: FieldType) -> JSON:
    raise NotAValue("no default: a reference cannot have one")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_READERS: Final[dict[Kind, Callable[[str, FieldType], JSON]]] = {
    "string": _text,
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "uuid": _uuid,
    "email": _email,
    "url": _url,
    "json": _json,
    "enum": _enum,
    "reference": _reference,
    "references": _reference,
}
