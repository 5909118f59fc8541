"""The lines of an entity's schemas, and the aliases and imports they need.

A type that is more than a name is said once, as a private alias of the module, and used by every schema of the entity.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from schemas.base import JSON
from schemas.feature import Entity, FeatureField
from skills.codegen.escaping import decimal_literal, py
from skills.codegen.imports import Import
from skills.codegen.naming import attribute, json_name
from skills.design.aspect import QueryParameter, SortOrder
from skills.design.fields import readable, writable
from skills.pydantic_validation.annotations import MOST_PLAIN_PLACES, Annotation, in_body, in_query, in_response

COMMON = "app.schemas.common"

DefaultValue = tuple[str, list[Import]]  # a Python expression, and what it needs


@dataclass(frozen=True, slots=True)
class Alias:
    """A module-level name for a type."""

    name: str
    expression: str


@dataclass(slots=True)
class SchemaLines:
    """The bodies of an entity's schemas, a line a field, and what their module needs."""

    create: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    response: list[str] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)

    def named(self, f: FeatureField, annotation: Annotation) -> str:
        """Return the expression to write for a type: its own, or the alias that stands for it."""
        self.imports += annotation.imports
        if annotation.simple:
            return annotation.expression
        return self._alias(f, annotation.expression)

    def _alias(self, f: FeatureField, expression: str) -> str:
        for alias in self.aliases:
            if alias.expression == expression and _same_field(alias.name, f.name):
                return alias.name
        name = _alias_name(f.name)
        while any(alias.name == name for alias in self.aliases):
            name += "_"
        self.aliases.append(Alias(name, expression))
        return name


def _alias_name(name: str) -> str:
    return "_" + "".join(word.capitalize() for word in name.split("_"))


def _same_field(alias: str, name: str) -> bool:
    return alias.rstrip("_") == _alias_name(name)


def schema_lines(
    entity: Entity, parameters: Sequence[QueryParameter] = (), orders: Sequence[SortOrder] = ()
) -> SchemaLines:
    """Return the lines of all schemas that `entity`'s operations need; its list takes `parameters` and `orders`."""
    lines = SchemaLines(imports=[("datetime", "datetime")])
    if "create" in entity.operations:
        lines.create = [_create_line(lines, f) for f in writable(entity)]
    if "update" in entity.operations:
        lines.update = [_update_line(lines, f) for f in writable(entity)]
    lines.response = [_response_line(lines, f) for f in readable(entity)]
    if "list" in entity.operations:
        lines.query = _query_lines(lines, parameters, [order.value for order in orders])
    return lines


def _nullable(f: FeatureField, expression: str) -> str:
    return expression if f.required or f.type.kind == "references" else f"{expression} | None"


def _create_line(lines: SchemaLines, f: FeatureField) -> str:
    name, shown = attribute(json_name(f)), json_name(f)
    annotation = _nullable(f, lines.named(f, in_body(f)))
    options = _default(lines, f)
    if name != shown:
        options = [f"alias={py(shown)}", *options]
    elif len(options) == 1 and options[0].startswith("default="):
        return f"{name}: {annotation} = {options[0].removeprefix('default=')}"
    return f"{name}: {annotation}{_field(lines, options)}"


def _update_line(lines: SchemaLines, f: FeatureField) -> str:
    name, shown = attribute(json_name(f)), json_name(f)
    lines.imports.append((COMMON, "omitted"))
    alias = f"alias={py(shown)}" if name != shown else ""
    return f"{name}: {_nullable(f, lines.named(f, in_body(f)))} = omitted({alias})"


def _response_line(lines: SchemaLines, f: FeatureField) -> str:
    name, shown = attribute(json_name(f)), json_name(f)
    options = [f"serialization_alias={py(shown)}"] if name != shown else []
    return f"{name}: {_nullable(f, lines.named(f, in_response(f)))}{_field(lines, options)}"


def _query_lines(lines: SchemaLines, parameters: Sequence[QueryParameter], sorts: Sequence[str]) -> list[str]:
    written = []
    for parameter in parameters:
        annotation = in_query(parameter.field)
        lines.imports += annotation.imports
        is_enum = parameter.field.type.kind == "enum"
        expression = lines.named(parameter.field, annotation) if is_enum else annotation.expression
        if parameter.attribute == parameter.name:
            written.append(f"{parameter.attribute}: {expression} | None = None")
        else:
            options = [f"alias={py(parameter.name)}", "default=None"]
            written.append(f"{parameter.attribute}: {expression} | None{_field(lines, options)}")
    if sorts:
        lines.imports.append(("typing", "Literal"))
        written.append(f"sort: Literal[{', '.join(map(py, sorts))}] | None = None")
    return written


def _field(lines: SchemaLines, options: list[str]) -> str:
    if not options:
        return ""
    lines.imports.append(("pydantic", "Field"))
    return f" = Field({', '.join(options)})"


def _default(lines: SchemaLines, f: FeatureField) -> list[str]:
    """Return the arguments of `Field` that say what an omitted field becomes; none if it may not be omitted."""
    if f.type.kind == "references":
        return [] if f.required else ["default_factory=list"]
    if not f.has_default or f.default is None:
        return [] if f.required else ["default=None"]
    if f.type.kind == "json" and isinstance(f.default, dict | list):
        lines.imports.append(("json", ""))
        return [f"default_factory=lambda: json.loads({py(json.dumps(f.default, ensure_ascii=False))})"]
    expression, imports = _literal(f, f.default)
    lines.imports += imports
    return [f"default={expression}", *_described_default(f)]


def _described_default(f: FeatureField) -> list[str]:
    """Return what keeps the published default a valid input, where Pydantic would write it with an exponent."""
    if f.type.kind != "decimal" or (f.type.scale or 0) <= MOST_PLAIN_PLACES:
        return []
    return [f"json_schema_extra={{'default': {py(f'{_to_scale(f, str(f.default)):f}')}}}"]


def _literal(f: FeatureField, value: JSON) -> DefaultValue:
    """Return a default as the Python value that the field holds after validation."""
    build = _DEFAULTS.get(f.type.kind)
    return build(f, str(value)) if build else (py(value), [])


def _decimal(f: FeatureField, text: str) -> DefaultValue:
    return decimal_literal(_to_scale(f, text)), [("decimal", "Decimal")]


def _to_scale(f: FeatureField, text: str) -> Decimal:
    return Decimal(text).quantize(Decimal(1).scaleb(-(f.type.scale or 0)))


def _date(_: FeatureField, text: str) -> DefaultValue:
    day = date.fromisoformat(text)
    return f"date({day.year}, {day.month}, {day.day})", [("datetime", "date")]


def _time(_: FeatureField, text: str) -> DefaultValue:
    return f"time.fromisoformat({py(time.fromisoformat(text).isoformat())})", [("datetime", "time")]


def _datetime(_: FeatureField, text: str) -> DefaultValue:
    moment = datetime.fromisoformat(text)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"datetime.fromisoformat({py(utc.isoformat())})", []


_DEFAULTS: dict[str, Callable[[FeatureField, str], DefaultValue]] = {
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "uuid": lambda _, text: (f"UUID({py(str(UUID(text)))})", []),
    "float": lambda _, text: (py(float(text)), []),
    "email": lambda _, text: (py(text.lower()), []),
}
