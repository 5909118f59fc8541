"""Read the labels that Baton knows and template skills do not implement yet.

Their words are checked, so that a mistake shows now and not when they are implemented. Each function returns whether
the label asks for anything; if so, it becomes a gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from handoff.prd_entities import MOMENTS
from handoff.prd_names import FIELD_NAME
from handoff.prd_report import Cursor, flag, words
from schemas.feature import FeatureField, Operation

Fields = Mapping[str, FeatureField | None]

_CHECK = re.compile(r"(\S+)\s*(<=|>=|!=|=|<|>)\s*(\S.*)")
_STATES = re.compile(r"([^:\s]+)\s*:(.*)", re.DOTALL)
_NO_OVERLAP = re.compile(r"(\S+?)\s*\.\.\s*(\S+)\s+per\s+(\S+)", re.IGNORECASE)


def _check(value: str, fields: Fields, spot: Cursor) -> bool:
    found = _CHECK.fullmatch(value.strip())
    if not found:
        spot.problem("`Check` cannot be read", got=value, expected="`ends_at > starts_at`")
        return False
    return _field(found[1], fields, spot)


def _states(value: str, fields: Fields, spot: Cursor) -> bool:
    found = _STATES.fullmatch(value.strip())
    if not found or not found[2].strip():
        spot.problem("`States` cannot be read", got=value, expected="`status: pending -> confirmed -> cancelled`")
        return False
    if not _field(found[1], fields, spot):
        return False
    field = fields.get(found[1])
    if field and field.type.kind != "enum":
        spot.problem(f"`States` needs an enum, but `{found[1]}` is `{field.type.kind}`")
        return False
    states = [state.strip() for chain in found[2].split(";") for state in chain.split("->")]
    missing = [state for state in states if field and state not in field.type.values]
    for state in missing:
        spot.unknown("state", state, field.type.values if field else ())
    return not missing


def _no_overlap(value: str, fields: Fields, spot: Cursor) -> bool:
    found = _NO_OVERLAP.fullmatch(value.strip())
    if not found:
        spot.problem("`No overlap` cannot be read", got=value, expected="`starts_at..ends_at per room`")
        return False
    return _fields(found.groups(), fields, spot)


def _soft_delete(value: str, _: Fields, spot: Cursor) -> bool:
    said = flag(value)
    if said is None:
        spot.problem("`Soft delete` must say yes or no", got=value, expected="`yes` or `no`")
    return bool(said)


def _search(value: str, fields: Fields, spot: Cursor) -> bool:
    return _fields(words(value), fields, spot)


def _toggle(value: str, fields: Fields, spot: Cursor) -> bool:
    name = value.strip()
    if not FIELD_NAME.fullmatch(name) or name in fields:
        spot.problem("`Toggle` needs a name in snake_case that is no field", got=value, expected="`favourite`")
        return False
    return True


def _nested_under(value: str, fields: Fields, spot: Cursor) -> bool:
    name = value.strip()
    if not _field(name, fields, spot):
        return False
    field = fields.get(name)
    if field and field.type.kind != "reference":
        spot.problem(f"`Nested under` needs a reference, but `{name}` is `{field.type.kind}`")
        return False
    return True


def _endpoints(value: str, _: Fields, spot: Cursor) -> bool:
    operations = get_args(Operation)
    named = [name.casefold() for name in words(value)]
    unknown = [name for name in named if name not in operations]
    for name in unknown:
        spot.unknown("endpoint", name, operations)
    return not unknown and set(named) != set(operations)


def _fields(names: Iterable[str], fields: Fields, spot: Cursor) -> bool:
    there = [_field(name, fields, spot) for name in names]  # every unknown one is reported
    return all(there)


def _field(name: str, fields: Fields, spot: Cursor) -> bool:
    if name in fields or name in MOMENTS or name == "owner":
        return True
    spot.unknown("field", name, fields)
    return False


LATER: Final[dict[str, Callable[[str, Fields, Cursor], bool]]] = {
    "check": _check,
    "states": _states,
    "no overlap": _no_overlap,
    "soft delete": _soft_delete,
    "search": _search,
    "toggle": _toggle,
    "nested under": _nested_under,
    "endpoints": _endpoints,
}
