"""Whether data satisfies its contract, said in the words of the file it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from handoff.layout import Items, Layout, Member, Object, Rows, Shape
from handoff.problems import Problem, shortened
from handoff.reading import Reading, escaped
from schemas.base import JSON
from schemas.contract import Breach, Contract

_BOUNDS = {
    "minLength": ("is too short", "at least {} characters"),
    "maxLength": ("is too long", "at most {} characters"),
    "minItems": ("has too few items", "at least {}"),
    "maxItems": ("has too many items", "at most {}"),
    "minimum": ("is too small", "at least {}"),
    "maximum": ("is too large", "at most {}"),
    "pattern": ("does not match its pattern", "`{}`"),
}


def breaches(contract: Contract, layout: Layout, reading: Reading, file: str) -> list[Problem]:
    """Return a problem for each way in which `reading.data` breaks the contract, those already told aside."""
    return [
        problem for breach in contract.breaches(reading.data) for problem in _problems(layout, reading, breach, file)
    ]


def _problems(layout: Layout, reading: Reading, breach: Breach, file: str) -> list[Problem]:
    pointer = "".join(f"/{escaped(str(step))}" for step in breach.path)
    line, section = nearest_line(reading, pointer)
    value = _value(reading.data, breach.path)
    if breach.keyword == "required":
        names = _missing(breach, value)
        return [
            Problem(
                file=file, line=line, section=section, message=f"{written_as(layout, breach.path, name)} is missing"
            )
            for name in names
            if f"{pointer}/{escaped(name)}" not in reading.failed
        ]
    if any(pointer == failed or pointer.startswith(f"{failed}/") for failed in _failed_above(reading, pointer)):
        return []
    name = _named(breach.path)
    message, expected = _said(breach, name)
    return [Problem(file=file, line=line, section=section, message=message, expected=expected, got=_shown(value))]


def nearest_line(reading: Reading, pointer: str) -> tuple[int, str]:
    """Return the line and section of the value at `pointer`, or of the nearest one around it."""
    while True:
        if pointer in reading.lines:
            return reading.lines[pointer], reading.sections.get(pointer, "")
        if not pointer:
            return 0, ""
        pointer = pointer.rpartition("/")[0]


def _failed_above(reading: Reading, pointer: str) -> list[str]:
    parts = pointer.split("/")
    return [above for end in range(1, len(parts) + 1) if (above := "/".join(parts[:end])) in reading.failed]


def _missing(breach: Breach, value: JSON) -> list[str]:
    """Return the missing name; JSON Schema reports each on its own, but only in its message."""
    names = breach.argument if isinstance(breach.argument, list) else []
    present = value if isinstance(value, Mapping) else {}
    absent = [str(name) for name in names if str(name) not in present]
    return [name for name in absent if breach.message.startswith(json.dumps(name, ensure_ascii=False))] or absent[:1]


def written_as(layout: Layout, path: Sequence[str | int], name: str) -> str:
    """Return how a person would write the member `name` of the object at `path`."""
    level, shape = _shape_at(layout.root, path)
    member = next((m for m in _members(shape) if m.name == name), None)
    if member is None:
        return f"`{name}`"
    if isinstance(shape, Rows):
        return f"a value in the column `{member.label}`"
    if member.placement == "section":
        return f"the section `{'#' * level} {member.label}`"
    if member.placement in ("line", "label"):
        return f"`**{member.template.text if member.template else member.label}:**`"
    return f"`{name}`"


def _shape_at(root: Object, path: Sequence[str | int]) -> tuple[int, Shape]:
    level, shape = 2, cast("Shape", root)
    for step in path:
        if isinstance(step, int):
            if isinstance(shape, Items):
                level, shape = level + 1, shape.item
            continue
        member = next((m for m in _members(shape) if m.name == step), None)
        if member is None:
            break
        level, shape = level + 1, member.shape
    return level, shape


def _members(shape: Shape) -> tuple[Member, ...]:
    if isinstance(shape, Object):
        return shape.members
    return shape.columns if isinstance(shape, Rows) else ()


def _named(path: Sequence[str | int]) -> str:
    names = [str(step) for step in path]
    return f"`{'.'.join(names)}`" if names else "the document"


def _said(breach: Breach, name: str) -> tuple[str, str]:
    """Return what is wrong and what was expected."""
    argument = breach.argument
    match breach.keyword:
        case "type":
            kinds = argument if isinstance(argument, list) else [argument]
            return f"{name} has the wrong type", " or ".join(str(kind) for kind in kinds)
        case "enum" if isinstance(argument, list):
            return f"{name} is not one of the allowed values", ", ".join(f"`{option}`" for option in argument)
        case "minLength" if argument == 1:
            return f"{name} is empty", "text"
        case keyword if keyword in _BOUNDS:
            return f"{name} {_BOUNDS[keyword][0]}", _BOUNDS[keyword][1].format(argument)
        case _:
            return f"{name}: {shortened(breach.message)}", f"{breach.keyword}: {shortened(json.dumps(argument))}"


def _value(data: JSON, path: Sequence[str | int]) -> JSON:
    """Return the value at `path`, or None where the validator's path lost a step (an empty key)."""
    value: Any = data
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value  # type: ignore[no-any-return]  # data is JSON


def _shown(value: JSON) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, default=str)) if not isinstance(value, dict) else ""
