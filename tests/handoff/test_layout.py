"""What a contract looks like as markdown, by its schema and its hints."""

from __future__ import annotations

from typing import Any

import pytest

from handoff.codec import parse, render
from handoff.inline import Scalar, Unreadable, decoded, encoded
from handoff.problems import HandoffInvalid
from schemas.base import JSON, markdown
from schemas.contract import Contract

TEXT: dict[str, JSON] = {"type": "string"}
NUMBER = {"type": "number"}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def contract(properties: dict[str, Any], *required: str, **hints: Any) -> Contract:  # noqa: ANN401 (JSON)
    return Contract.from_schema(closed(properties, *required) | markdown(**hints), id="my-report", version="1")


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def written(properties: dict[str, Any], data: dict[str, Any], **hints: Any) -> str:  # noqa: ANN401 (JSON)
    made = contract(properties, **hints)
    text = render(made, data)
    assert parse(made, text).data == data
    return text.removeprefix("# My Report\n\n")


def test_scalars_are_label_lines() -> None:
    properties = {"name": TEXT, "is_done": {"type": "boolean"}, "size": NUMBER}

    assert written(properties, {"name": "a_b *c*", "is_done": True, "size": 1.5}) == (
        "**Name:** a_b *c*\n**Is Done:** yes\n**Size:** 1.5\n"
    )


def test_an_object_is_a_section_and_a_deep_one_a_section_within() -> None:
    inner = closed({"b": TEXT, "c": closed({"d": TEXT})})

    assert written({"a": inner}, {"a": {"b": "x", "c": {"d": "y"}}}) == "## A\n\n**B:** x\n\n### C\n\n**D:** y\n"


def test_an_array_of_flat_objects_is_a_table() -> None:
    row = closed({"name": TEXT, "tags": array(TEXT), "size": NUMBER}, "name")
    data = {"rows": [{"name": "a|b", "tags": ["x", "y"], "size": 1}, {"name": ""}]}

    assert written({"rows": array(row)}, data) == (
        "## Rows\n\n| Name | Tags | Size |\n|------|------|------|\n| a\\|b | x, y | 1 |\n| | | |\n"
    )


def test_an_array_of_deep_objects_is_one_heading_an_item() -> None:
    item = closed({"name": TEXT, "more": {}}, "name")
    data = {"items": [{"name": "a"}, {"name": "b", "more": {"k": [1]}}]}

    assert written({"items": array(item)}, data) == (
        '## Items\n\n### a\n\n### b\n\n**More:**\n\n```json\n{\n  "k": [\n    1\n  ]\n}\n```\n'
    )


def test_missing_null_empty_text_and_an_empty_list_are_told_apart() -> None:
    properties = {"a": {"type": ["string", "null"]}, "b": array(TEXT)}

    assert written(properties, {}) == "# My Report\n"
    assert written(properties, {"a": None, "b": []}) == "**A:** `null`\n\n## B\n"
    assert written(properties, {"a": "", "b": [""]}) == '**A:** `""`\n\n## B\n\n- `""`\n'
    assert written(properties, {"a": "null", "b": ["null"]}) == "**A:** null\n\n## B\n\n- null\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ordinary text, with `code`: 100 % of it", "ordinary text, with `code`: 100 % of it"),
        ("^[a-z0-9_]+$ \\d", "^[a-z0-9_]+$ \\d"),
        (" edge", '`" edge"`'),
        ("two\nlines", '`"two\\nlines"`'),
        ("<script>", '`"<script>"`'),
        ("[a](javascript:b)", '`"[a](javascript:b)"`'),
        ("a\u2028b\u202e", '`"a\\u2028b\\u202e"`'),
        ('`"x"`', '`"\\u0060\\"x\\"\\u0060"`'),
        ("# no heading", '`"# no heading"`'),
        ("1. no list", '`"1. no list"`'),
        ("-5", '`"-5"`'),
        ("👩‍👧 é", "👩‍👧 é"),
    ],
)
def test_only_text_that_would_not_survive_or_not_be_inert_is_quoted(text: str, expected: str) -> None:
    assert written({"a": array(TEXT)}, {"a": [text]}) == f"## A\n\n- {expected}\n"


def test_text_that_looks_like_another_type_is_quoted_only_where_that_type_is_allowed() -> None:
    assert written({"a": TEXT}, {"a": "1"}) == "**A:** 1\n"
    assert written({"a": {"type": ["string", "number"]}}, {"a": "1"}) == '**A:** `"1"`\n'


def test_prose_stands_as_written_and_falls_back_to_a_fence() -> None:
    properties = {"a": TEXT | markdown(layout="prose")}

    assert written(properties, {"a": "One.\n\n- two\n- three"}) == "One.\n\n- two\n- three\n"
    assert written(properties, {"a": "# One\n"}) == "```text\n# One\n\n```\n"
    assert written(properties, {"a": "```\nopen"}) == "````text\n```\nopen\n````\n"
    assert written(properties, {"a": "a\rb"}) == '```json\n"a\\rb"\n```\n'


def test_an_open_object_keeps_what_its_schema_does_not_name() -> None:
    made = Contract.from_schema({"type": "object", "properties": {"a": TEXT}}, id="my-report", version="1")
    data: dict[str, JSON] = {"a": "x", "b": 1}

    assert render(made, data) == '# My Report\n\n**A:** x\n\n## Other Members\n\n```json\n{\n  "b": 1\n}\n```\n'
    assert parse(made, render(made, data)).data == data


def test_unions_and_recursion_are_json() -> None:
    schema = closed({"u": {"anyOf": [TEXT, array(TEXT)]}, "t": {"$ref": "#/$defs/T"}})
    schema["$defs"] = {"T": closed({"next": {"$ref": "#/$defs/T"}})}
    made = Contract.from_schema(schema, id="my-report", version="1")
    data: dict[str, JSON] = {"u": ["x"], "t": {"next": {"next": {}}}}

    assert parse(made, render(made, data)).data == data


def test_a_hint_makes_anything_json() -> None:
    properties = {"rows": array(closed({"a": TEXT})) | markdown(layout="json", place="label")}

    assert written(properties, {"rows": []}) == "**Rows:**\n\n```json\n[]\n```\n"


def test_more_levels_than_markdown_has_headings_are_json() -> None:
    schema: dict[str, Any] = closed({"x": TEXT})
    data: dict[str, Any] = {"x": "y"}
    for _ in range(10):
        schema, data = closed({"a": schema}), {"a": data}
    made = Contract.from_schema(schema, id="my-report", version="1")

    assert "###### A\n\n**A:**\n\n```json" in render(made, data)
    assert parse(made, render(made, data)).data == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": 1}, "`a` has the wrong type"),
        ({"a": "\ud800"}, "not JSON"),
        ({"b": float("nan")}, "not JSON"),
        ({"b": nested(101)}, "nested too deeply"),
        ({"b": 10**5000}, "not JSON"),
    ],
)
def test_data_that_is_not_of_the_contract_is_not_written(data: dict[str, Any], message: str) -> None:
    with pytest.raises(HandoffInvalid, match=message):
        render(contract({"a": TEXT, "b": {}}), data)


@pytest.mark.parametrize(
    ("fence", "message"),
    [
        ("{", "not valid JSON"),
        ('{"a": 1, "a": 2}', "the key `a` stands twice"),
        ("NaN", "not a JSON number"),
        ("1e999", "out of range"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("1" * 5000, "not valid JSON"),
        ('"\\ud800"', "not valid JSON"),
    ],
)
def test_json_in_a_fence_is_read_strictly(fence: str, message: str) -> None:
    with pytest.raises(HandoffInvalid, match=message) as caught:
        parse(contract({"b": {}}), f"# My Report\n\n## B\n\n```json\n{fence}\n```\n", "x.md")

    assert caught.value.problems[0].line in (5, 6, 7)


def test_a_choice_is_read_in_any_letter_case_and_a_number_only_as_a_number() -> None:
    choice = Scalar(frozenset({"string"}), ("set null", "cascade"))

    assert decoded(choice, "Set Null") == "set null"
    assert encoded(choice, "cascade") == "cascade"
    with pytest.raises(Unreadable):
        decoded(Scalar(frozenset({"number"})), "01")
