from __future__ import annotations

import itertools
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from handoff.compatible import compatible
from schemas.base import Document, Field
from schemas.contract import HANDOFF_MODELS, Contract, contract_of
from schemas.handoffs import DatabaseAgentOutput

SCALARS = [None, True, False, -1, 0, 1, 2, 1.5, "", "a", "ab", "abc"]
ARRAYS = [
    [],
    *([x] for x in SCALARS),
    *(list(pair) for pair in itertools.product([None, 0, 1, "a"], repeat=2)),
    [[1]],
    [{"a": 1}],
]
MEMBERS: list[Any] = [None, 0, 1, "a", "abc", [], ["a"], {"a": {}}]
OBJECTS = [
    {},
    *({k: v} for k in "abx" for v in MEMBERS),
    *({"a": x, "b": y} for x in MEMBERS for y in MEMBERS),
    {"a": {"a": {"a": 1}}},
]
VALUES = [*SCALARS, *ARRAYS, *OBJECTS]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> Any:  # noqa: ANN401, C901, PLR0911 (JSON; one case a kind of schema)
    kinds = ["any", "string", "number", "enum", "const", "types", "ref"]
    if depth:
        kinds += ["array", "array", "object", "object", "object", "anyOf", "allOf", "oneOf", "odd"]
    inner = schemas(depth=depth - 1)
    few = st.integers(0, 2)
    optional: dict[str, Any] = {}
    match draw(st.sampled_from(kinds)):
        case "any":
            return draw(st.sampled_from([True, {}, False, {"title": "x"}]))
        case "string":
            optional = {"minLength": few, "maxLength": few, "pattern": st.sampled_from(["^a", "b"])}
            return {"type": "string", **draw(st.fixed_dictionaries({}, optional=optional))}
        case "number":
            bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
            optional = {word: st.sampled_from([0, 1, 1.5]) for word in bounds} | {"multipleOf": st.sampled_from([1, 2])}
            return {
                "type": draw(st.sampled_from(["integer", "number"])),
                **draw(st.fixed_dictionaries({}, optional=optional)),
            }
        case "enum":
            return {"enum": draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3))}
        case "const":
            return {"const": draw(st.sampled_from([*SCALARS, {"a": 1}, ["a"]]))}
        case "types":
            types = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
            return {"type": draw(st.lists(types, min_size=1, max_size=3, unique=True))}
        case "ref":
            return {"$ref": draw(st.sampled_from(["#/$defs/A", "#/$defs/B", "#"]))}
        case "array":
            optional = {"items": inner, "minItems": few, "maxItems": few, "uniqueItems": st.booleans()}
            optional["prefixItems"] = st.lists(inner, min_size=1, max_size=2)
            return {"type": "array", **draw(st.fixed_dictionaries({}, optional=optional))}
        case "object":
            optional = {
                "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                "required": st.lists(st.sampled_from("ab"), unique=True),
                "additionalProperties": st.one_of(st.just(False), st.just(False), inner),
                "patternProperties": st.dictionaries(st.sampled_from(["^a", "x"]), inner, min_size=1, max_size=1),
                "minProperties": few,
            }
            return {"type": "object", **draw(st.fixed_dictionaries({}, optional=optional))}
        case "odd":
            return {"not": draw(inner)}
        case word:
            beside = draw(st.sampled_from([{}, {}, {"type": "string"}, {"title": "x"}]))
            return {word: draw(st.lists(inner, min_size=1, max_size=3)), **beside}


@st.composite
def changed(draw: st.DrawFn, schema: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return `schema` with something small changed, or another one."""
    if draw(st.integers(0, 5)) == 0 or not isinstance(schema, dict) or not schema:
        return draw(schemas(depth=1))
    word = draw(st.sampled_from(sorted(schema)))
    if draw(st.booleans()):
        return {key: value for key, value in schema.items() if key != word}
    value = schema[word]
    if isinstance(value, dict) and word in ("items", "additionalProperties", "not"):
        return {**schema, word: draw(changed(value))}
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**schema, word: {**value, name: draw(changed(value[name]))}}
    if isinstance(value, list) and value and word in ("anyOf", "allOf", "oneOf", "prefixItems"):
        return {**schema, word: [draw(changed(value[0])), *value[1:]]}
    return schema


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    definitions = {"A": draw(schemas(depth=2)), "B": draw(schemas(depth=1))}
    made = draw(schemas())
    read = draw(changed(made))
    other = {**definitions, "A": draw(st.one_of(st.just(definitions["A"]), changed(definitions["A"])))}
    return ({"$defs": definitions, "allOf": [made]}, {"$defs": other, "allOf": [read]})


def admits(schema: dict[str, Any]) -> Any:  # noqa: ANN401 (a function)
    return jsonschema_rs.Draft202012Validator(schema).is_valid


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs())
def test_a_yes_is_never_wrong(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    made, read = pair
    reasons = compatible(made, read)
    event("yes" if not reasons else "no")

    if not reasons:
        is_made, is_read = admits(made), admits(read)
        assert [value for value in VALUES if is_made(value) and not is_read(value)] == []


class Tag(Document):
    label: str = Field(min_length=1, max_length=40)
    parent: Tag | None = None


class Made(Document):
    name: str
    size: int = Field(ge=1, le=9)
    colour: str | None = None
    tags: tuple[Tag, ...] = ()


def reasons(made: type[Document], read: type[Document]) -> list[str]:
    sides = [Contract.from_model(model, id="x", version="1") for model in (made, read)]
    return [str(reason) for reason in compatible(*sides)]


@pytest.mark.parametrize("contract_id", HANDOFF_MODELS)
def test_every_contract_is_compatible_with_itself(contract_id: str) -> None:
    assert compatible(contract_of(contract_id), contract_of(contract_id)) == []


def test_a_recursive_contract_is_compatible_with_a_wider_one() -> None:
    class Wider(Document):
        name: str
        size: float
        colour: str | None = None
        tags: tuple[Tag, ...] | None = None
        more: str = ""

    assert reasons(Made, Wider) == []


def test_each_field_that_does_not_fit_is_named_with_its_reason() -> None:
    class ShortTag(Document):
        label: str = Field(max_length=20)
        parent: ShortTag | None = None

    class Read(Document):
        name: str = Field(pattern="^[a-z]+$")
        size: int = Field(ge=2)
        colour: str
        owner: str
        tags: tuple[ShortTag, ...] = ()

    assert reasons(Made, Read) == [
        "`colour`: may be missing, the reader requires it",
        "`owner`: may be missing, the reader requires it",
        '`name`: `pattern` is not set, the reader expects "^[a-z]+$"',
        "`size`: has `minimum` 1, `maximum` 9, the reader expects `minimum` 2",
        "`colour`: may be null, the reader expects string",
        "`tags[].label`: `maxLength` is 40, the reader expects 20",
        "`tags[].parent.label`: `maxLength` is 40, the reader expects 20",
    ]


def test_a_field_the_reader_does_not_know_breaks_it() -> None:
    class Read(Document):
        name: str
        size: int

    assert reasons(Made, Read) == [
        "`colour`: may be present, the reader does not know it",
        "`tags`: may be present, the reader does not know it",
    ]


def test_a_removed_choice_is_named() -> None:
    narrow = contract_of("database-agent-output")
    wide: Any = Contract.from_model(DatabaseAgentOutput, id="wide", version="2").schema
    kinds = wide["$defs"]["Constraint"]["properties"]["kind"]
    changed_kind = {**kinds, "enum": [*kinds["enum"], "exclude"]}
    constraint = wide["$defs"]["Constraint"]
    wide = {
        **wide,
        "$defs": {
            **wide["$defs"],
            "Constraint": {**constraint, "properties": {**constraint["properties"], "kind": changed_kind}},
        },
    }

    assert [str(reason) for reason in compatible(wide, narrow)] == [
        '`tables[].constraints[].kind`: may be `"exclude"`, which the reader refuses'
    ]


@pytest.mark.parametrize(
    "word", ["not", "oneOf", "if", "dependentRequired", "contains", "unevaluatedProperties", "patternProperties"]
)
def test_what_is_not_understood_is_not_called_compatible(word: str) -> None:
    value: Any = [{}] if word == "oneOf" else {}

    assert compatible({"type": "object"}, {"type": "object", word: value})


def test_a_schema_that_leads_back_to_itself_is_not_called_compatible() -> None:
    loop: dict[str, Any] = {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}

    assert compatible({"type": "string"}, loop)
    assert compatible(loop, {"type": "string"})
