"""What a field's type is in PostgreSQL and in SQLAlchemy, and how its default and its bounds are written.

Every value has two spellings: the one the migration says, and the one PostgreSQL prints back
(`format_type`, `pg_get_expr`, `pg_get_constraintdef`), which the handoff states and the live schema must equal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from uuid import UUID

from schemas.base import JSON
from schemas.feature import FeatureField, FieldType
from skills.database_schema_expander.sql import literal

STRING = 255  # characters, unless the PRD bounds them
EMAIL = 320
URL = 2048
_INT4 = range(-(2**31), 2**31)
_INT8 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Spelling:
    """One thing said twice: `python` for the migration, `sql` as PostgreSQL prints it."""

    python: str
    sql: str


def varchar(length: int) -> Spelling:
    return Spelling(f"sa.String({length})", f"character varying({length})")


BIGINT = Spelling("sa.BigInteger()", "bigint")
TIMESTAMP = Spelling("sa.DateTime(timezone=True)", "timestamp with time zone")
NOW = Spelling("sa.func.now()", "now()")

_PLAIN = {
    "text": Spelling("sa.Text()", "text"),
    "integer": BIGINT,
    "float": Spelling("sa.Double()", "double precision"),
    "boolean": Spelling("sa.Boolean()", "boolean"),
    "date": Spelling("sa.Date()", "date"),
    "time": Spelling("sa.Time()", "time without time zone"),
    "datetime": TIMESTAMP,
    "uuid": Spelling("sa.Uuid()", "uuid"),
    "email": varchar(EMAIL),
    "url": varchar(URL),
    "json": Spelling("postgresql.JSONB()", "jsonb"),
    "reference": BIGINT,
}


def column_type(field: FeatureField) -> Spelling:
    """Return the type of the column that stores `field` (not for `references`, which is a table of its own)."""
    kind = field.type
    if kind.kind == "string":
        return varchar(field.max_length or STRING)
    if kind.kind == "enum":
        return varchar(max(field.max_length or 0, *(len(value) for value in kind.values)))
    if kind.kind == "decimal":
        precision, scale = _decimal(kind)
        return Spelling(f"sa.Numeric({precision}, {scale})", f"numeric({precision},{scale})")
    return _PLAIN[kind.kind]


def characters(field: FeatureField) -> int | None:
    """Return the most characters the type of a textual column admits, or None if it sets no limit."""
    limits = {"string": field.max_length or STRING, "email": EMAIL, "url": URL}
    return limits.get(field.type.kind)


def default(field: FeatureField) -> Spelling | None:
    """Return the server default of `field`, or None if it has none."""
    if not field.has_default or field.default is None:
        return None
    return _DEFAULTS[field.type.kind](field.default)


def number(value: Decimal, column: str) -> Spelling:
    """Return a number as compared with a column of type `column` (`bigint`, `numeric(8,2)`, `double precision`)."""
    plain = _plain(value)
    constant = _constant(plain)
    if column == "bigint":
        return Spelling(plain, constant)
    target = "double precision" if column == "double precision" else "numeric"
    needs_cast = target != "numeric" or "." not in plain
    return Spelling(plain, f"({constant})::{target}" if needs_cast else constant)


def whole(bound: Decimal, comparison: str) -> Decimal:
    """Return the whole number that bounds an integer as `bound` does: `x >= 0.5` is `x >= 1`."""
    return bound.to_integral_value(ROUND_CEILING if comparison == ">=" else ROUND_FLOOR)


def _decimal(kind: FieldType) -> tuple[int, int]:
    return kind.precision or 10, kind.scale or 0


def _plain(value: Decimal) -> str:
    """Write `value` without an exponent; a whole number without a point."""
    if value == value.to_integral_value():
        return str(int(value))
    return format(value.normalize(), "f")


def _constant(plain: str) -> str:
    """Return a number as PostgreSQL prints a constant: bare if it reads back as the same type, else quoted and cast."""
    if "." in plain:
        return f"'{plain}'::numeric" if plain.startswith("-") else plain
    value = int(plain)
    if value in _INT4:
        return plain if value >= 0 else f"'{plain}'::integer"
    return f"'{plain}'::{'bigint' if value in _INT8 else 'numeric'}"


def _number(value: JSON) -> Spelling:
    plain = _plain(Decimal(str(value)))
    return Spelling(f'sa.text("{plain}")', _constant(plain))


def _boolean(value: JSON) -> Spelling:
    return Spelling("sa.true()", "true") if value else Spelling("sa.false()", "false")


def _typed(type_: str, text: Callable[[JSON], str] = str) -> Callable[[JSON], Spelling]:
    """Make the spelling of a default written as a string literal that PostgreSQL reads as `type_`."""

    def spell(value: JSON) -> Spelling:
        written = text(value)
        return Spelling(repr(written), f"{literal(written)}::{type_}")

    return spell


def _date(value: JSON) -> str:
    return date.fromisoformat(str(value)).isoformat()


def _time(value: JSON) -> str:
    return _fraction(time.fromisoformat(str(value)))


def _datetime(value: JSON) -> str:
    moment = datetime.fromisoformat(str(value))
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{utc.date().isoformat()} {_fraction(utc.time())}+00"


def _fraction(moment: time) -> str:
    """Return `HH:MM:SS` with the fraction PostgreSQL prints: none, or up to six digits without trailing zeros."""
    text = moment.replace(tzinfo=None).isoformat()
    return text.rstrip("0") if "." in text else text


def _uuid(value: JSON) -> str:
    return str(UUID(str(value)))


def jsonb(value: JSON) -> str:
    """Return `value` as PostgreSQL prints `jsonb`: keys by length, then bytes; numbers without an exponent."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{jsonb(key)}: {jsonb(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(jsonb(item) for item in value) + "]"
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    return json.dumps(value, ensure_ascii=False)


_DEFAULTS: dict[str, Callable[[JSON], Spelling]] = {
    "string": _typed("character varying"),
    "email": _typed("character varying"),
    "url": _typed("character varying"),
    "enum": _typed("character varying"),
    "text": _typed("text"),
    "integer": _number,
    "decimal": _number,
    "float": _number,
    "boolean": _boolean,
    "date": _typed("date", _date),
    "time": _typed("time without time zone", _time),
    "datetime": _typed("timestamp with time zone", _datetime),
    "uuid": _typed("uuid", _uuid),
    "json": _typed("jsonb", jsonb),
}
