"""How a field's value is shown, and how a list is filtered by it, as JSX."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.feature import Entity, Feature, FeatureField
from skills.codegen.naming import class_name, json_name, query_name
from skills.design.queries import filter_parameters, listed_field
from skills.react_pages.controls import choices_name, choosable, field_label

_SHOWN_AS = {
    "boolean": "BooleanValue",
    "date": "DateValue",
    "time": "TimeValue",
    "datetime": "DateTimeValue",
    "email": "EmailValue",
    "url": "UrlValue",
    "json": "JsonValue",
}
_RANGE_TYPES = {
    "integer": "number",
    "decimal": "number",
    "float": "number",
    "date": "date",
    "time": "time",
    "datetime": "datetime-local",
}
_READ_BY = {"integer": "numberIn", "float": "numberIn", "reference": "numberIn", "references": "numberIn"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldValue:
    """A shown field. `component` is taken from `components/values`; `target` is the entity whose name it shows."""

    label: str
    element: str
    component: str
    wide: bool
    choices: str = ""
    target: Entity | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A control of a list's filter panel, taken from `components/filters` or, with `target`, from its entity."""

    element: str
    component: str
    choices: str = ""
    target: Entity | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A query parameter and the function of `api/query-string` that reads it from the address."""

    name: str
    reader: str


def value(field: FeatureField, feature: Feature) -> FieldValue:
    """Return how `record`'s field is shown."""
    name, kind, label = json_name(field), field.type.kind, field_label(field)
    record = f"record.{name}"
    wide = kind in ("text", "json", "references")
    if field.type.target:
        return _reference(field, feature.entity(field.type.target), record, wide=wide)
    if kind == "enum":
        choices = choices_name(field)
        element = f"<ChoiceValue value={{{record}}} choices={{{choices}}} />"
        return FieldValue(label=label, element=element, component="ChoiceValue", wide=False, choices=choices)
    component = _SHOWN_AS.get(kind, "TextValue")
    return FieldValue(label=label, element=f"<{component} value={{{record}}} />", component=component, wide=wide)


def filters(entity: Entity, feature: Feature) -> list[Filter]:
    """Return the controls that filter the list of `entity`, in the PRD's order."""
    ranges = {(p.field.name, p.comparison): p.parameter for p in filter_parameters(entity)}
    found = []
    for field in (listed_field(entity, name) for name in entity.filters):
        bounds = ranges.get((field.name, ">=")), ranges.get((field.name, "<="))
        found.append(_range(field, *bounds) if all(bounds) else _filter(field, feature))
    return found


def parameters(entity: Entity) -> list[Parameter]:
    """Return every filter of `entity`'s list."""
    found = []
    for parameter in filter_parameters(entity):
        kind = parameter.field.type.kind
        reader = "booleanIn" if kind == "boolean" else _READ_BY.get(kind, "textIn")
        found.append(Parameter(name=parameter.parameter, reader=reader))
    return found


def _reference(field: FeatureField, target: Entity, record: str, *, wide: bool) -> FieldValue:
    is_user = target.name == "User"
    name = "UserValue" if is_user else f"{class_name(target.name)}Name"
    attribute = "value" if is_user else "id"
    element = f"<{name} {attribute}={{{record}}} />"
    component = name if is_user else ""
    if field.type.kind == "references":
        element = f"<Several>{{{record}.map((id) => <{name} key={{id}} {attribute}={{id}} />)}}</Several>"
    return FieldValue(
        label=field_label(field),
        element=element,
        component=component,
        wide=wide,
        target=None if is_user else target,
    )


def _filter(field: FeatureField, feature: Feature) -> Filter:
    kind, label = field.type.kind, field_label(field)
    names = f'name="{_query(field)}" label="{label}"'
    if field.type.target:
        target = feature.entity(field.type.target)
        if choosable(target):
            return Filter(element=f"<{class_name(target.name)}Filter {names} />", component="", target=target)
        if target.name == "User":
            return Filter(element=f"<UserFilter {names} />", component="UserFilter")
        return Filter(element=f'<InputFilter {names} type="number" />', component="InputFilter")
    if kind == "enum":
        choices = choices_name(field)
        element = f"<SelectFilter {names} choices={{{choices}}} />"
        return Filter(element=element, component="SelectFilter", choices=choices)
    if kind == "boolean":
        return Filter(element=f"<BooleanFilter {names} />", component="BooleanFilter")
    return Filter(element=f"<InputFilter {names} />", component="InputFilter")


def _range(field: FeatureField, low: str | None, high: str | None) -> Filter:
    kind = _RANGE_TYPES[field.type.kind]
    element = f'<RangeFilter from="{low}" to="{high}" label="{field_label(field)}" type="{kind}" />'
    return Filter(element=element, component="RangeFilter")


def _query(field: FeatureField) -> str:
    return query_name(json_name(field))
