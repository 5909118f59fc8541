"""How a field is edited and shown: its control, its rule, and its way between the API and the form, as TypeScript.

A control holds text, a yes or no, or a list of ids. `Control` says, for one field, what its draft is (`draft_type`,
`blank`), how a record becomes a draft (`from_record`) and a draft a request (`to_request`).

Not here: which fields a page shows (`skills.react_pages.pages`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from schemas.feature import Entity, Feature, FeatureField
from skills.codegen.escaping import ts
from skills.codegen.naming import class_name, json_name, title

LONGEST = {"string": 255, "email": 320, "url": 2048}  # characters a column holds unless the PRD says less
DEFAULT_PRECISION, DEFAULT_SCALE = 12, 2
_PLAIN_WORD = re.compile(r"[a-z0-9_-]+")
_INPUT_TYPES = {"date": "date", "time": "time", "datetime": "datetime-local", "email": "email", "url": "url"}
_INPUT_MODES = {"integer": "numeric", "decimal": "decimal", "float": "decimal"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """One field of a form. Everything but `name` and `label` is a TypeScript or JSX fragment.

    `uses` maps a module's short name (`controls`, `convert`, `rules`) to the names the fragments take from it;
    `target` is the entity whose picker the control is, if any.
    """

    name: str  # as JSON has it
    label: str
    settings: tuple[str, ...]  # `required: true`, `rule: integer()`
    draft_type: str
    blank: str  # of a new record
    from_record: str
    to_request: str
    element: str  # `<InputField {...form.field("title")} />`
    secret: bool  # never comes back: blank on an existing record, which keeps it
    uses: dict[str, set[str]]
    target: Entity | None = None


def control(field: FeatureField, feature: Feature, request_type: str, *, visitor: bool = False) -> Control:
    """Return how `field` is edited. A `visitor` chooses only among records that anyone may read."""
    return _Builder(field, feature, request_type, visitor=visitor).build()


def choosable(target: Entity, *, visitor: bool = False) -> bool:
    """Return whether a form can offer the records of `target`: users cannot be listed."""
    return "list" in target.operations and target.name != "User" and (not visitor or target.access.read == "public")


def choice_label(value: str) -> str:
    """Return an enum value as people read it: `in_progress` as `In progress`; anything unusual as it is."""
    return title(value) if _PLAIN_WORD.fullmatch(value) else value


def choices_name(field: FeatureField) -> str:
    """Return the constant that holds an enum's choices: `COLOUR_CHOICES`."""
    return f"{field.name.upper()}_CHOICES"


def field_label(field: FeatureField) -> str:
    """Return a field's label: `Due at`."""
    return title(field.name)


class _Builder:
    """Collects one field's fragments and the names they use."""

    def __init__(self, field: FeatureField, feature: Feature, request_type: str, *, visitor: bool) -> None:
        self._field, self._kind = field, field.type.kind
        self._name, self._request_type = json_name(field), request_type
        self._target = feature.entity(field.type.target) if field.type.target else None
        self._picks = self._target is not None and choosable(self._target, visitor=visitor)
        self._uses: dict[str, set[str]] = {}

    def build(self) -> Control:
        field = self._field
        return Control(
            name=self._name,
            label=field_label(field),
            settings=tuple(self._settings()),
            draft_type=self._draft_type(),
            blank=self._blank(),
            from_record=self._from_record(),
            to_request=self._to_request(),
            element=self._element(),
            secret=field.write_only,
            uses=self._uses,
            target=self._target if self._picks else None,
        )

    def _use(self, module: str, name: str) -> str:
        self._uses.setdefault(module, set()).add(name)
        return name

    # ---- settings: the label's companions

    def _settings(self) -> list[str]:
        settings = []
        if hint := self._hint():
            settings.append(f"hint: {ts(hint)}")
        if self._field.required and self._kind not in ("boolean", "references"):
            settings.append("required: true")
        if rule := self._rule():
            settings.append(f"rule: {rule}")
        return settings

    def _hint(self) -> str:
        field, kind = self._field, self._kind
        if field.type.target and not self._picks:
            many = " Separate several with commas." if kind == "references" else ""
            return f"The number of the {title(field.type.target).lower()}.{many}"
        low, high = _number(field.minimum), _number(field.maximum)
        if kind in _INPUT_MODES and (low or high):
            return f"From {low} to {high}" if low and high else f"{low} or more" if low else f"{high} or less"
        return {"url": "Begins with https:// or http://", "json": "JSON"}.get(kind, "")

    def _rule(self) -> str:
        field, kind = self._field, self._kind
        if kind in ("string", "text", "email", "url"):
            longest = field.max_length or LONGEST.get(kind)
            bounds = _object(min=field.min_length or None, max=longest)
            return f"{self._use('rules', 'length')}({bounds})" if bounds else ""
        bounds = _object(min=_quoted(field.minimum), max=_quoted(field.maximum))
        if kind in ("integer", "float"):
            return f"{self._use('rules', kind)}({bounds})"
        if kind == "decimal":
            precision, scale = field.type.precision or DEFAULT_PRECISION, field.type.scale
            digits = f"{precision}, {DEFAULT_SCALE if scale is None else scale}"
            return f"{self._use('rules', kind)}({digits}{', ' if bounds else ''}{bounds})"
        if kind in ("uuid", "json"):
            return self._use("rules", kind)
        if kind == "reference" and not self._picks:
            return f'{self._use("rules", "integer")}({{ min: "1" }})'
        return self._use("rules", "ids") if kind == "references" and not self._picks else ""

    # ---- the draft: what the control holds

    @property
    def _is_checkbox(self) -> bool:
        return self._kind == "boolean" and self._field.required

    @property
    def _is_checklist(self) -> bool:
        return self._kind == "references" and self._picks

    def _draft_type(self) -> str:
        return "boolean" if self._is_checkbox else "number[]" if self._is_checklist else "string"

    def _blank(self) -> str:
        default = self._field.default if self._field.has_default else None
        if self._is_checkbox:
            return ts(default is True)
        if self._is_checklist:
            return "[]"
        if default is None:
            return '""'
        convert = {"json": "toJson", "boolean": "toChoice", "datetime": "toLocal"}.get(self._kind)
        if convert:
            return f"{self._use('convert', convert)}({ts(default)})"
        return ts(default if isinstance(default, str) else str(default))

    def _from_record(self) -> str:
        if self._field.write_only:
            return {"boolean": "false", "number[]": "[]"}.get(self._draft_type(), '""')
        value = f"record.{self._name}"
        if self._is_checkbox or self._is_checklist:
            return value
        if self._kind == "references":
            return f'{value}.join(", ")'
        convert = {"boolean": "toChoice", "datetime": "toLocal", "time": "toClock", "json": "toJson"}
        return f"{self._use('convert', convert.get(self._kind, 'toText'))}({value})"

    def _to_request(self) -> str:
        value, kind = f"draft.{self._name}", self._kind
        if self._is_checkbox or self._is_checklist:
            return value
        if kind == "references":
            return f"{self._use('convert', 'toIds')}({value})"
        if kind == "boolean":
            return f'{value} === "" ? null : {value} === "true"'
        if kind == "enum":
            chosen = value if self._field.required else f"({value} || null)"
            return f'{chosen} as {self._request_type}["{self._name}"]'
        convert = {"integer": "Number", "float": "Number", "reference": "Number", "json": "JSON.parse"}.get(kind)
        if kind == "datetime":
            convert = self._use("convert", "toInstant")
        if convert is None:
            return value if self._field.required else f"{value} || null"
        converted = f"{convert}({value})"
        return converted if self._field.required else f"{value} ? {converted} : null"

    # ---- the control

    def _element(self) -> str:
        kind, field = self._kind, f'{{...form.field("{self._name}")}}'
        if self._picks and self._target:
            suffix = "Field" if kind == "reference" else "Checklist"
            return f"<{class_name(self._target.name)}{suffix} {field} />"
        if self._is_checkbox:
            return f"<{self._use('controls', 'CheckboxField')} {field} />"
        if kind in ("boolean", "enum"):
            choices = choices_name(self._field) if kind == "enum" else self._use("controls", "YES_OR_NO")
            return f"<{self._use('controls', 'SelectField')} {field} choices={{{choices}}} />"
        if kind in ("text", "json"):
            return f"<{self._use('controls', 'TextAreaField')} {field}{' code' if kind == 'json' else ''} />"
        extra = f' type="{_INPUT_TYPES[kind]}"' if kind in _INPUT_TYPES else ""
        mode = _INPUT_MODES.get(kind) or ("numeric" if kind == "reference" else None)
        extra += f' inputMode="{mode}"' if mode else ""
        return f"<{self._use('controls', 'InputField')} {field}{extra} />"


def _object(**items: object) -> str:
    listed = ", ".join(f"{name}: {value}" for name, value in items.items() if value is not None)
    return f"{{ {listed} }}" if listed else ""


def _quoted(bound: Decimal | None) -> str | None:
    return None if bound is None else ts(_number(bound))


def _number(bound: Decimal | None) -> str:
    """Return a bound without an exponent: `1000` for 1e3."""
    return "" if bound is None else format(bound, "f")
