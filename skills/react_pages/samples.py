"""A record for an entity's component tests, and what a person would enter to add one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.base import JSON
from schemas.feature import FeatureField
from skills.codegen.naming import json_name
from skills.design.fields import naming_field, readable, writable
from skills.react_pages.controls import Control
from skills.react_pages.pages import EntityPages

RECORD_ID, USER_ID, TARGET_ID = 5, 7, 3  # `USER` of `src/test/fake-api.ts` has the id 7
_MOMENT = "2026-05-01T08:30:00Z"
_FIXED: dict[str, JSON] = {
    "boolean": False,
    "date": "2026-05-01",
    "time": "08:30:00",
    "datetime": _MOMENT,
    "uuid": "3f2b8c1e-0d4a-4c6b-9a57-1f0e2d3c4b5a",
    "email": "grace@example.com",
    "url": "https://example.com/",
    "json": {"key": 1},
    "reference": TARGET_ID,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """`record` as the API answers it; `name` as pages call it; `entered` by label; `sent` is part of the request.

    `targets` are the records to choose from, by the path of their list.
    """

    record: dict[str, JSON]
    name: str
    entered: dict[str, str]
    sent: dict[str, JSON]
    targets: dict[str, JSON]


def sample(pages: EntityPages) -> Sample:
    """Return the sample of an entity."""
    owner: dict[str, JSON] = {"owner_id": USER_ID} if pages.entity.owner else {}
    fields: dict[str, JSON] = {json_name(f): _answered(f) for f in readable(pages.entity)}
    stamps: dict[str, JSON] = {"created_at": _MOMENT, "updated_at": _MOMENT}
    record: dict[str, JSON] = {"id": RECORD_ID, **owner, **fields, **stamps}
    needed = [(f, c) for f, c in zip(writable(pages.entity), pages.controls, strict=True) if _is_asked(c, pages)]
    name = record[pages.naming.name] if pages.naming else ""
    return Sample(
        record=record,
        name=str(name) if name else f"{pages.singular} {RECORD_ID}",
        entered={c.label: _entered(f) for f, c in needed},
        sent={c.name: _value(f) for f, c in needed if f.type.kind in ("string", "text", "integer", "reference")},
        targets=_targets([c for c in pages.controls if not c.target or c.target.name != pages.entity.name]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What a visitor enters to register, by label; `targets` as in `Sample`."""

    entered: dict[str, str]
    targets: dict[str, JSON]


def registration(fields: Sequence[FeatureField], controls: Sequence[Control]) -> Registration:
    """Return the sample of a registration with the fields that the PRD adds to it."""
    needed = {c.label: _entered(f) for f, c in zip(fields, controls, strict=True) if _is_empty(c)}
    account = {"Email": "ada@example.com", "Name": "Ada", "Password": "correct horse"}
    return Registration(entered={**account, **needed}, targets=_targets(controls))


def _is_asked(control: Control, pages: EntityPages) -> bool:
    prefilled = "required: true" in control.settings and control.name in pages.prefilled
    return prefilled or _is_empty(control)


def _is_empty(control: Control) -> bool:
    """Must something be entered into the control of a new record?"""
    return "required: true" in control.settings and control.blank == '""'


def _entered(field: FeatureField) -> str:
    value = _value(field)
    return {"json": '{"key": 1}', "datetime": "2026-05-01T08:30"}.get(field.type.kind, str(value))


def _answered(field: FeatureField) -> JSON:
    """Return a field's value in an answer; what is optional is left empty."""
    if field.type.kind == "references":
        return []
    return _value(field) if field.required else None


def _value(field: FeatureField) -> JSON:
    match field.type.kind:
        case "string" | "text":
            return _words(field)
        case "integer":
            return _number(field)
        case "float":
            return float(_number(field))
        case "decimal":
            return str(_number(field))
        case "enum":
            return field.type.values[0]
        case kind:
            return _FIXED[kind]


def _words(field: FeatureField) -> str:
    words = "Sample"
    shortest, longest = field.min_length or 0, field.max_length or len(words)
    return (words * (shortest // len(words) + 1))[: max(min(longest, len(words)), shortest)]


def _number(field: FeatureField) -> int:
    low, high = field.minimum, field.maximum
    if low is not None:
        return int(low.to_integral_value(rounding="ROUND_CEILING"))
    return min(1, int(high)) if high is not None else 1


def _targets(controls: Sequence[Control]) -> dict[str, JSON]:
    targets: dict[str, JSON] = {}
    for target in (control.target for control in controls if control.target):
        naming = naming_field(target)
        record: dict[str, JSON] = {"id": TARGET_ID, **({json_name(naming): "First"} if naming else {})}
        targets[f"GET /api/v1/{target.collection}"] = record
    return targets
