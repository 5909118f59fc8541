"""The Python type that says what a field may hold: in a request's body, in a query, in a response.

Each is an expression over the names of `app.schemas.types`, with the imports it needs. Lengths are in characters,
bounds inclusive.

Not here: which fields a schema has and their defaults (`lines`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from schemas.feature import FeatureField, FieldType
from skills.codegen.escaping import py
from skills.codegen.imports import Import

TYPES = "app.schemas.types"
STRING = 255  # characters, unless the PRD bounds them
MAX_INTEGER = 2**53 - 1
MOST_PLAIN_PLACES = 6  # of a decimal that Python never writes with an exponent


@dataclass(frozen=True, slots=True)
class Annotation:
    """A type expression and the `(module, name)` pairs it needs."""

    expression: str
    imports: tuple[Import, ...] = ()

    @property
    def simple(self) -> bool:
        """Whether it is short enough to need no alias."""
        return "Annotated[" not in self.expression and "Literal[" not in self.expression


_ANNOTATED = (("typing", "Annotated"), ("pydantic", "Field"))


def _ours(name: str) -> Annotation:
    return Annotation(name, ((TYPES, name),))


def in_body(f: FeatureField) -> Annotation:
    """Return what a client may send for `f`, null aside."""
    return _BODY[f.type.kind](f)


def in_query(f: FeatureField) -> Annotation:
    """Return what a client may filter `f` by. Text is read leniently: `?done=1` is true."""
    return _QUERY[f.type.kind](f)


def in_response(f: FeatureField) -> Annotation:
    """Return what a client receives for `f`, null aside."""
    return _RESPONSE[f.type.kind](f)


# ---- bodies -----------------------------------------------------------------------------------------------------


def _text(f: FeatureField) -> Annotation:
    """Annotate free text. Pydantic matches patterns in linear time, whatever a client sends."""
    longest = f.max_length or (STRING if f.type.kind == "string" else None)
    rules = {"min_length": f.min_length, "max_length": longest, "pattern": f.pattern}
    listed = ", ".join(f"{name}={py(rule)}" for name, rule in rules.items() if rule)
    parts = ["str", *([f"Field({listed})"] if listed else []), "NoNul"]
    return Annotation(f"Annotated[{', '.join(parts)}]", (*(_ANNOTATED if listed else _ANNOTATED[:1]), (TYPES, "NoNul")))


def _integer(f: FeatureField) -> Annotation:
    if f.minimum is None and f.maximum is None:
        return _ours("Integer")
    return Annotation(f"Annotated[int, Field(strict=True, {_integer_bounds(f)})]", _ANNOTATED)


def _integer_bounds(f: FeatureField) -> str:
    low = -MAX_INTEGER if f.minimum is None else max(_whole(f.minimum, ROUND_CEILING), -MAX_INTEGER)
    high = MAX_INTEGER if f.maximum is None else min(_whole(f.maximum, ROUND_FLOOR), MAX_INTEGER)
    return f"ge={low}, le={high}"


def _whole(bound: Decimal, rounding: str) -> int:
    return int(bound.to_integral_value(rounding))


def _float(f: FeatureField) -> Annotation:
    bounds = [f"ge={float(f.minimum)!r}"] if f.minimum is not None else []
    bounds += [f"le={float(f.maximum)!r}"] if f.maximum is not None else []
    return Annotation(
        f"Annotated[float, Field({', '.join(['strict=True', 'allow_inf_nan=False', *bounds])})]", _ANNOTATED
    )


def _decimal(f: FeatureField) -> Annotation:
    bounds = [f"ge={_decimal_literal(f.minimum)}"] if f.minimum is not None else []
    bounds += [f"le={_decimal_literal(f.maximum)}"] if f.maximum is not None else []
    digits = _digits(f.type)
    return Annotation(
        f"Annotated[Decimal, Field({', '.join([digits, *bounds])}), {_exact(f.type)}]",
        (*_ANNOTATED, ("decimal", "Decimal"), (TYPES, "Exact")),
    )


def _digits(kind: FieldType) -> str:
    return f"max_digits={kind.precision or 10}, decimal_places={kind.scale or 0}"


def _exact(kind: FieldType) -> str:
    return f"Exact({kind.precision or 10}, {kind.scale or 0})"


def _decimal_literal(value: Decimal) -> str:
    whole = value == value.to_integral_value()
    return f"Decimal({int(value)})" if whole else f"Decimal({py(format(value, 'f'))})"


def _enum(f: FeatureField) -> Annotation:
    return Annotation(f"Literal[{', '.join(map(py, f.type.values))}]", (("typing", "Literal"),))


def _references(f: FeatureField) -> Annotation:
    if not f.required:
        return _ours("Ids")
    return Annotation("Annotated[Ids, Field(min_length=1)]", (*_ANNOTATED, (TYPES, "Ids")))


def _always(annotation: Annotation) -> Callable[[FeatureField], Annotation]:
    return lambda _: annotation


_UUID = _always(Annotation("UUID", (("uuid", "UUID"),)))

_BODY: dict[str, Callable[[FeatureField], Annotation]] = {
    "string": _text,
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "boolean": _always(Annotation("StrictBool", (("pydantic", "StrictBool"),))),
    "date": _always(_ours("Day")),
    "time": _always(_ours("TimeInput")),
    "datetime": _always(_ours("Moment")),
    "uuid": _UUID,
    "email": _always(_ours("Email")),
    "url": _always(_ours("Url")),
    "json": _always(_ours("JsonDocument")),
    "enum": _enum,
    "reference": _always(_ours("Id")),
    "references": _references,
}

# ---- queries ----------------------------------------------------------------------------------------------------

_CLEAN_TEXT = Annotation("Annotated[str, NoNul]", (("typing", "Annotated"), (TYPES, "NoNul")))


def _decimal_query(f: FeatureField) -> Annotation:
    return Annotation(
        f"Annotated[Decimal, Field({_digits(f.type)}), {_exact(f.type)}]",
        (*_ANNOTATED, ("decimal", "Decimal"), (TYPES, "Exact")),
    )


_QUERY: dict[str, Callable[[FeatureField], Annotation]] = {
    **_BODY,
    "string": _always(_CLEAN_TEXT),
    "text": _always(_CLEAN_TEXT),
    "email": _always(
        Annotation(
            "Annotated[str, NoNul, AfterValidator(str.lower)]", (*_CLEAN_TEXT.imports, ("pydantic", "AfterValidator"))
        )
    ),
    "url": _always(_CLEAN_TEXT),
    "integer": _always(_ours("IntegerParameter")),
    "decimal": _decimal_query,
    "float": _always(Annotation("FiniteFloat", (("pydantic", "FiniteFloat"),))),
    "boolean": _always(Annotation("bool")),
    "reference": _always(_ours("IdParameter")),
    "references": _always(_ours("IdParameter")),
}

# ---- responses --------------------------------------------------------------------------------------------------

_TEXT = _always(Annotation("str"))


def _decimal_answer(f: FeatureField) -> Annotation:
    if (f.type.scale or 0) > MOST_PLAIN_PLACES:
        return _ours("Plain")
    return Annotation("Decimal", (("decimal", "Decimal"),))


_RESPONSE: dict[str, Callable[[FeatureField], Annotation]] = {
    "string": _TEXT,
    "text": _TEXT,
    "integer": _always(Annotation("int")),
    "decimal": _decimal_answer,
    "float": _always(Annotation("float")),
    "boolean": _always(Annotation("bool")),
    "date": _always(Annotation("date", (("datetime", "date"),))),
    "time": _always(_ours("TimeOfDay")),
    "datetime": _always(Annotation("datetime", (("datetime", "datetime"),))),
    "uuid": _UUID,
    "email": _TEXT,
    "url": _TEXT,
    "json": _always(Annotation("JsonValue", (("pydantic", "JsonValue"),))),
    "enum": _enum,
    "reference": _always(Annotation("int")),
    "references": _always(Annotation("list[int]")),
}
