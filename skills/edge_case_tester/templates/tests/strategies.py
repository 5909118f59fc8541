"""Hypothesis strategies for what a JSON Schema of the OpenAPI document admits, and for what it does not."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

JSON = Any
MAX_TEXT = 40  # characters; longer texts are the business of the tests of each field

CHARACTERS = st.characters(exclude_categories=["Cs"])  # all that UTF-8 has; a codec to try out would take a second
TEXTS = st.text(CHARACTERS, max_size=MAX_TEXT)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
FORMATS: dict[str, st.SearchStrategy[str]] = {
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "uuid": st.uuids().map(str),
    "email": st.from_regex(r"\A[a-z]{1,9}@example\.com\Z", alphabet=CHARACTERS),
    "uri": st.from_regex(r"\Ahttps://example\.com/[a-z]{0,9}\Z", alphabet=CHARACTERS),
}


def values(schema: dict[str, JSON], document: dict[str, JSON]) -> st.SearchStrategy[JSON]:
    """Return values that `schema` admits, or that only a finer rule of it refuses. References are into `document`."""
    if "$ref" in schema:
        return values(resolve(schema["$ref"], document), document)
    if "anyOf" in schema:
        return st.one_of([values(option, document) for option in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return _typed(schema, document)


def changed_objects(
    base: dict[str, JSON], schema: dict[str, JSON], document: dict[str, JSON]
) -> st.SearchStrategy[dict[str, JSON]]:
    """Return `base` with some properties of `schema` set to other values, right or wrong, and others left out."""
    if "$ref" in schema:
        schema = resolve(schema["$ref"], document)
    changes = st.fixed_dictionaries(
        {},
        optional={
            name: values(property_, document) | values(property_, document) | ANYTHING
            for name, property_ in schema["properties"].items()
        },
    )
    left_out = st.sets(st.sampled_from(sorted(schema["properties"])), max_size=1)
    return st.builds(
        lambda changed, missing: {name: value for name, value in {**base, **changed}.items() if name not in missing},
        changes,
        left_out,
    )


def resolve(reference: str, document: dict[str, JSON]) -> dict[str, JSON]:
    """Return the schema that a `$ref` into `document` points to."""
    found: JSON = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    schema: dict[str, JSON] = found
    return schema


def _typed(schema: dict[str, JSON], document: dict[str, JSON]) -> st.SearchStrategy[JSON]:
    kind = schema.get("type")
    if kind == "string":
        return FORMATS.get(schema.get("format", ""), TEXTS)
    if kind == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        return st.integers(low, high) | st.integers(low, low + 9 if low is not None else None)
    if kind == "number":
        return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
    if kind == "array":
        return st.lists(values(schema["items"], document), max_size=3)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind or "", ANYTHING)
