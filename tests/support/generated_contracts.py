"""Hypothesis strategies: schemas with layout hints, each with the data it admits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Pair = tuple[dict[str, Any], st.SearchStrategy[Any]]

HOSTILE = [
    "", " ", "  x", "x  ", "\n", "a\nb", "a\n\nb", "\r", "a\r\nb", "\u2028", "a\u2029b", "\x85", "\t", "a\tb",
    "\x0b", "\x0c", "\x00", "|", "a|b", "\\|", "a\\", "\\", "`", "``", "```", "`a`", '`"', '`"a"`', '"',
    '"a"', "`null`", "null", "`[]`", "[]", "{}", "# x", "## x", "#", "x #", "---", "===", "- a", "* a", "+ a",
    "1. a", "1) a", "> a", "    a", "~~~", "```json\n{}\n```", "```text\na\n```", "```", "**a**", "**a:** b",
    "**a**: b", "**:** x", "*a*", "_a_", "__", "___", "<b>x</b>", "<!-- x -->", "<!--", "<script>", "&amp;",
    "[a]: b", "[a](b)", "![a](b)", "a | b\n---|---\nc | d", "| a |\n|---|\n| b |", "yes", "no", "Yes", "TRUE",
    "false", "1", "-1", "1.0", "1e5", "01", "0x1", "NaN", "None", ",", "a, b", "a,b", ", ", ":", "a: b",
    "{name}", "💩", "👩‍👧", "é", "\u00a0", "\ufeff", "\u202ea", "Item 1", "Name", "\U0010ffff", "\x7f",
    "a\n# b", "a\n**b:** c", "- a\n- b", "- a\n\n  b", "1. a\n2. b", "> a\n\nb", "a\n\n    code\n\nb",
    "a\n\n---\n\nb", "---\na: b\n---", "```\nopen", "Other Members", "Member 1",
]  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    plain = st.text(st.characters(codec="utf-8"), max_size=12)
    hostile = st.sampled_from(HOSTILE)
    return st.one_of(hostile, plain, st.lists(st.one_of(hostile, plain), max_size=3).map("".join))


def numbers() -> st.SearchStrategy[Any]:
    return st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(10**30))


def free() -> st.SearchStrategy[Any]:
    leaf = st.one_of(st.none(), st.booleans(), numbers(), texts())
    return st.recursive(
        leaf, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(texts(), x, max_size=3)), max_leaves=5
    )


NAMES = st.one_of(
    st.sampled_from(["name", "title", "id", "a", "b", "c", "auth_required", "Auth-Required", "status", "x y", "rules"]),
    texts(),
)


@st.composite
def scalars(draw: st.DrawFn) -> Pair:
    kind = draw(
        st.sampled_from(["string", "string", "integer", "number", "boolean", "enum", "types", "union", "const"])
    )
    pair: Pair
    if kind == "string":
        pair = {"type": "string"}, texts()
    elif kind == "integer":
        pair = {"type": "integer"}, st.integers()
    elif kind == "number":
        pair = {"type": "number"}, numbers()
    elif kind == "boolean":
        pair = {"type": "boolean"}, st.booleans()
    elif kind == "enum":
        options = draw(st.lists(st.one_of(texts(), st.integers(), st.none(), st.booleans()), min_size=1, max_size=4))
        pair = {"enum": options}, st.sampled_from(options)
    elif kind == "const":
        value = draw(st.one_of(texts(), st.integers()))
        pair = {"const": value}, st.just(value)
    elif kind == "types":
        pair = {"type": ["string", "boolean", "number"]}, st.one_of(texts(), st.booleans(), numbers())
    else:
        pair = {"anyOf": [{"type": "string"}, {"type": "integer"}]}, st.one_of(texts(), st.integers())
    if draw(st.integers(0, 3)) == 0:
        pair = {"anyOf": [pair[0], {"type": "null"}]}, st.one_of(st.none(), pair[1])
    code = draw(st.sampled_from([None, None, True, "read"]))
    return ({**pair[0], "x-markdown": {"code": code}}, pair[1]) if code else pair


def hinted(schema: dict[str, Any], **hints: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {**schema, "x-markdown": {**schema.get("x-markdown", {}), **hints}}


def built(properties: dict[str, Pair], required: list[str], *, extra: dict[str, Any] | None = None) -> Pair:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: pair[0] for name, pair in properties.items()},
        "required": required,
        **(extra or {}),
    }
    data = st.fixed_dictionaries(
        {name: properties[name][1] for name in required},
        optional={name: pair[1] for name, pair in properties.items() if name not in required},
    )
    return schema, data


@st.composite
def flat_objects(draw: st.DrawFn, *, first_required: bool = False) -> Pair:
    cell = st.one_of(scalars(), scalars().map(array_of))
    properties = draw(st.dictionaries(NAMES, cell, min_size=1, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    if first_required:
        required = list({next(iter(properties)): None, **dict.fromkeys(required)})
    return built(properties, required)


def array_of(pair: Pair) -> Pair:
    hints = pair[0].get("x-markdown")
    schema: dict[str, Any] = {"type": "array", "items": {k: v for k, v in pair[0].items() if k != "x-markdown"}}
    return (hinted(schema, **hints) if hints else schema), st.lists(pair[1], max_size=4)


def pairs_of(first: str, second: str) -> Pair:
    """Return an array of objects that hold two required texts."""
    return array_of(built({name: ({"type": "string"}, texts()) for name in (first, second)}, [first, second]))


def laid_out(pair: Pair, **hints: Any) -> Pair:  # noqa: ANN401 (JSON)
    return hinted(pair[0], **hints), pair[1]


def of_kind(kind: str, depth: int) -> st.SearchStrategy[Pair]:
    text: Pair = ({"type": "string"}, texts())
    fixed: dict[str, Pair] = {
        "prose": laid_out(text, layout="prose"),
        "labels": laid_out(pairs_of("label", "value"), layout="labels"),
        "free": ({}, free()),
        "open": ({"type": "object"}, st.dictionaries(texts(), free(), max_size=2)),
    }
    if kind in fixed:
        return st.just(fixed[kind])
    drawn: dict[str, Callable[[], st.SearchStrategy[Pair]]] = {
        "scalar": scalars,
        "lines": lambda: st.sampled_from(["", "text", "sh"]).map(
            lambda x: laid_out(array_of(text), layout="lines", language=x)
        ),
        "bullets": lambda: scalars().map(array_of),
        "cells": lambda: scalars().map(array_of).map(lambda pair: laid_out(pair, layout="cells")),
        "table": lambda: flat_objects().map(array_of),
        "groups": lambda: (
            flat_objects(first_required=True).map(array_of).map(lambda pair: laid_out(pair, layout="bullets"))
        ),
        "object": lambda: objects(depth - 1),
        "items": lambda: item_arrays(depth - 1),
    }
    return drawn[kind]()


def or_null(pair: Pair) -> Pair:
    hints = pair[0].get("x-markdown")
    inner = {key: value for key, value in pair[0].items() if key != "x-markdown"}
    return {"anyOf": [inner, {"type": "null"}], **({"x-markdown": hints} if hints else {})}, st.one_of(
        st.none(), pair[1]
    )


@st.composite
def members(draw: st.DrawFn, depth: int) -> Pair:
    kinds = ["scalar", "scalar", "prose", "bullets", "lines", "cells", "table", "groups", "free", "open", "labels"]
    kind = draw(st.sampled_from([*kinds, "object", "items", "items"] if depth else kinds))
    pair = draw(of_kind(kind, depth))
    if kind not in ("free", "open", "prose") and draw(st.integers(0, 4)) == 0:
        pair = or_null(pair)
    if kind in ("table", "bullets", "lines", "free", "groups") and draw(st.booleans()):
        pair = laid_out(pair, place=draw(st.sampled_from(["section", "label"])))
    return pair


@st.composite
def item_arrays(draw: st.DrawFn, depth: int) -> Pair:
    schema, data = draw(objects(depth))
    properties = schema["properties"]
    carried = [
        name
        for name in schema["required"]
        if name.isidentifier() and name.isascii() and properties[name].get("type") in ("string", "integer", "boolean")
        and properties[name].get("x-markdown", {}).get("layout") is None
    ]  # fmt: skip
    array: Any = {"type": "array", "items": schema}
    titled: bool = draw(st.booleans())
    if carried and titled:
        separator: str = draw(st.sampled_from([" ", ": ", " (", "/", " #"]))
        array = hinted(array, item=separator.join(f"{{{name}}}" for name in carried))
    return array, st.lists(data, max_size=3)


@st.composite
def objects(draw: st.DrawFn, depth: int) -> Pair:
    properties = draw(st.dictionaries(NAMES, members(depth), max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    one_prose = one_labels = False
    for name, (schema, data) in list(properties.items()):
        layout = schema.get("x-markdown", {}).get("layout")
        if (layout == "prose" and one_prose) or (layout == "labels" and one_labels):
            properties[name] = {k: v for k, v in schema.items() if k != "x-markdown"}, data
        one_prose, one_labels = one_prose or layout == "prose", one_labels or layout == "labels"
    if draw(st.integers(0, 3)) == 0:
        rows, data = array_of(draw(flat_objects()))
        properties["bare_table"] = hinted(rows, place="bare"), data
    if draw(st.integers(0, 3)) == 0 and "status" not in properties:
        properties["status"] = {"type": "integer"}, st.integers()
        properties["carrying"] = hinted({}, label="Response ({status})", place="label"), free()
        required = [*required, "status"]

    return built(properties, required)


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """Return a root schema and data it admits."""
    schema, data = draw(objects(draw(st.integers(0, 3))))
    properties = schema["properties"]
    value = draw(data)
    hints: dict[str, Any] = {"spacing": draw(st.sampled_from(["tight", "airy"]))}
    if draw(st.integers(0, 3)) == 0 and "{heading}" not in str(properties):
        properties["heading"] = {"type": "string"}
        schema["required"] = list({**dict.fromkeys(schema["required"]), "heading": None})
        value["heading"] = draw(texts())
        hints["title"] = "A kind of file: {heading}"
    if draw(st.integers(0, 3)) == 0:
        note, entries = pairs_of("heading", "text")
        properties["notes"] = hinted(note, layout="notes")
        value["notes"] = draw(entries)
        hints["lenient"] = draw(st.booleans())
    elif draw(st.integers(0, 3)) == 0:
        del schema["additionalProperties"]
        value.update(
            {k: v for k, v in draw(st.dictionaries(texts(), free(), max_size=2)).items() if k not in properties}
        )
    return {**schema, "x-markdown": hints}, value


def admitted(schema: Any, root: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: ANN401, PLR0911 (JSON; one return a kind)
    """Return data that a model's schema admits (the part of JSON Schema that models use here)."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return free() if name == "JsonValue" else admitted(root["$defs"][name], root)
    if "anyOf" in schema:
        return st.one_of(*(admitted(option, root) for option in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            required = schema.get("required", [])
            properties = {name: admitted(value, root) for name, value in schema["properties"].items()}
            return st.fixed_dictionaries(
                {name: properties[name] for name in required},
                optional={name: value for name, value in properties.items() if name not in required},
            )
        case "array":
            return st.lists(admitted(schema["items"], root), max_size=3)
        case "string" if "pattern" in schema:
            # Python's `$` matches before a last line break, JSON Schema's does not.
            matching = st.from_regex(schema["pattern"], alphabet=st.characters(codec="ascii", min_codepoint=32))
            return matching.filter(lambda text: not text.endswith("\n"))
        case "string":
            return texts().filter(lambda text: len(text) >= schema.get("minLength", 0))
        case "integer":
            return st.integers()
        case "boolean":
            return st.booleans()
        case _:
            return st.none()
