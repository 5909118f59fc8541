"""Example values: what a field, a request and a record look like, valid under every rule and always the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from schemas.base import JSON
from schemas.feature import Entity, FeatureField, Kind
from skills.codegen.naming import json_name, title
from skills.design.fields import readable, writable
from skills.design.patterns import matching

MOMENT = "2030-01-15T09:30:00Z"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"  # noqa: S105  # an example in the documentation
_STRING_LENGTH = 255
_TEXT_LENGTH = 5_000


def request_body(entity: Entity) -> dict[str, JSON]:
    """Return a body that creates a record: every field a client may send."""
    return {json_name(field): example(field, entity) for field in writable(entity)}


def change(entity: Entity) -> dict[str, JSON]:
    """Return a body that changes a record: its first field that is no reference."""
    plain = [field for field in writable(entity) if field.type.kind not in ("reference", "references")]
    return {json_name(field): example(field, entity) for field in (plain or writable(entity))[:1]}


def record(entity: Entity) -> dict[str, JSON]:
    """Return a record as the API answers it."""
    owner: dict[str, JSON] = {"owner_id": 1} if entity.owner else {}
    fields = {json_name(field): example(field, entity) for field in readable(entity)}
    return {"id": 1, **owner, **fields, "created_at": MOMENT, "updated_at": MOMENT}


def page(entity: Entity) -> dict[str, JSON]:
    """Return a list's answer with one record."""
    return {"items": [record(entity)], "total": 1, "limit": 20, "offset": 0}


def registration(user: Entity) -> dict[str, JSON]:
    """Return a body that makes an account."""
    return {"email": EMAIL, "name": "Ada Lovelace", "password": PASSWORD, **request_body(user)}


def account(user: Entity) -> dict[str, JSON]:
    """Return an account as the API answers it."""
    known: dict[str, JSON] = {"id": 1, "email": EMAIL, "name": "Ada Lovelace", "role": "user"}
    return {
        **known,
        **record(user.model_copy(update={"owner": False})),
    }


def example(field: FeatureField, entity: Entity) -> JSON:
    """Return a value that `field` of `entity` accepts, as JSON."""
    if field.slug_of is not None:
        return _slug(field, entity)
    return _VALUES[field.type.kind](field)


def _slug(field: FeatureField, entity: Entity) -> str:
    source = next((other for other in entity.fields if other.name == field.slug_of), field)
    text = str(_VALUES[source.type.kind](source))
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[: field.max_length or _STRING_LENGTH].strip("-")


def _text(field: FeatureField) -> str:
    if field.has_default and isinstance(field.default, str):
        return field.default
    longest = field.max_length or (_STRING_LENGTH if field.type.kind == "string" else _TEXT_LENGTH)
    shortest = field.min_length or 0
    if field.pattern is not None:
        return next(iter(matching(field.pattern, max(shortest, 1), longest, 1)), "")
    words = again = title(field.name)
    while len(words) < shortest:
        words += f" {again.lower()}"
    return words[:longest].strip().ljust(shortest, "x")


def _integer(field: FeatureField) -> int:
    if field.has_default and isinstance(field.default, int):
        return field.default
    lowest = math.ceil(field.minimum) if field.minimum is not None else 1
    highest = math.floor(field.maximum) if field.maximum is not None else lowest
    return min(lowest, highest) if field.minimum is None else lowest


def _decimal(field: FeatureField) -> str:
    scale = field.type.scale or 0
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(1).scaleb((field.type.precision or 10) - scale) - step
    if field.has_default and field.default is not None:
        wanted = Decimal(str(field.default))
    else:
        wanted = _within(Decimal("12.5"), [field.minimum], [field.maximum, limit])
    return f"{wanted.quantize(step):f}"


def _float(field: FeatureField) -> float:
    if field.has_default and isinstance(field.default, int | float):
        return float(field.default)
    return float(_within(Decimal("1.5"), [field.minimum], [field.maximum]))


def _within(value: Decimal, lowest: Iterable[Decimal | None], highest: Iterable[Decimal | None]) -> Decimal:
    value = max([value, *(bound for bound in lowest if bound is not None)])
    return min([value, *(bound for bound in highest if bound is not None)])


def _default_or(value: JSON) -> Callable[[FeatureField], JSON]:
    return lambda field: field.default if field.has_default and field.default is not None else value


def _reference(field: FeatureField) -> JSON:
    return 1 if field.required else None


def _references(field: FeatureField) -> JSON:
    return [1] if field.required else []


def _enum(field: FeatureField) -> JSON:
    return field.default if field.has_default else field.type.values[0]


_VALUES: dict[Kind, Callable[[FeatureField], JSON]] = {
    "string": _text,
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "boolean": _default_or(value=False),
    "date": _default_or("2030-01-15"),
    "time": _default_or("09:30:00"),
    "datetime": _default_or(MOMENT),
    "uuid": _default_or("6f1c2a90-3b5d-4e8f-9a7c-1d2e3f4a5b6c"),
    "email": _default_or(EMAIL),
    "url": _default_or("https://example.com/"),
    "json": _default_or({"key": "value"}),
    "enum": _enum,
    "reference": _reference,
    "references": _references,
}
