"""What the providers demand of the schema of a tool's arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tests.wire.exchange import JSON, Refused, require

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_PROPERTY = re.compile(r"^[a-zA-Z0-9_.-]{1,64}$")


def require_json_schema(name: str, schema: JSON) -> None:
    """Refuse what is not a JSON Schema of an object (draft 2020-12), or leads nowhere."""
    require(NAME.match(name), f"tools: `{name}` does not match {NAME.pattern}")
    require(isinstance(schema, dict) and schema.get("type") == "object", f"{name}: the schema's type must be object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Refused(400, f"{name}: not valid JSON Schema: {error.message}") from error
    for at, part in _parts(schema):
        for property_name in part.get("properties", {}):
            require(_PROPERTY.match(property_name), f"{name}: property `{property_name}` of {at}")
        reference = part.get("$ref")
        known = f"#/$defs/{str(reference).rpartition('/')[2]}"
        require(
            reference is None or (reference == known and reference.rpartition("/")[2] in schema.get("$defs", {})),
            f"{name}: `{reference}` at {at} leads nowhere",
        )
        require(part.get("type") != "array" or "items" in part, f"{name}: array schema missing items at {at}")


def require_closed_top(name: str, schema: JSON) -> None:
    """Refuse alternatives at the top, which no provider takes."""
    found = sorted({"oneOf", "anyOf", "allOf", "enum", "not"} & set(schema))
    require(not found, f"{name}: {', '.join(found)} at the top level of a tool's schema")


def _parts(schema: JSON, at: str = "$") -> Iterator[tuple[str, dict[str, JSON]]]:
    """Yield every schema within a schema, with where it is."""
    if not isinstance(schema, dict):
        return
    yield at, schema
    for keyword in ("properties", "$defs"):
        for name, value in schema.get(keyword, {}).items():
            yield from _parts(value, f"{at}.{name}")
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for number, value in enumerate(schema.get(keyword, ())):
            yield from _parts(value, f"{at}.{keyword}[{number}]")
    for keyword in ("items", "additionalProperties"):
        yield from _parts(schema.get(keyword), f"{at}.{keyword}")


# What `Schema` of Google's API knows. https://ai.google.dev/api/caching#Schema
_GOOGLE_FIELDS = frozenset(
    {
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "maxItems",
        "minItems",
        "properties",
        "required",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "pattern",
        "example",
        "anyOf",
        "propertyOrdering",
        "default",
        "items",
        "minimum",
        "maximum",
    }
)
_GOOGLE_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_GOOGLE_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")


def require_google_function(declaration: JSON) -> JSON:
    """Refuse what Google's API would of a function's declaration; return its schema. Fields go by either spelling."""
    declaration = {("parametersJsonSchema" if k == "parameters_json_schema" else k): v for k, v in declaration.items()}
    name = declaration.get("name", "")
    require(_GOOGLE_NAME.match(name), f"Invalid function name: `{name}`")
    unknown = sorted(set(declaration) - {"name", "description", "parameters", "parametersJsonSchema", "behavior"})
    require(not unknown, f'Invalid JSON payload received. Unknown name "{unknown}" at `{name}`')
    require(
        not ("parameters" in declaration and "parametersJsonSchema" in declaration),
        f"{name}: only one of parameters and parametersJsonSchema may be set",
    )
    if "parametersJsonSchema" in declaration:
        require_json_schema(name, declaration["parametersJsonSchema"])
        return declaration["parametersJsonSchema"]
    if "parameters" in declaration:
        _require_google(name, declaration["parameters"])
    return declaration.get("parameters", {})


def _require_google(at: str, schema: JSON) -> None:
    unknown = sorted(set(schema) - _GOOGLE_FIELDS)
    require(not unknown, f'Invalid JSON payload received. Unknown name "{unknown}" at `{at}`: Cannot find field.')
    if "anyOf" in schema:
        for number, part in enumerate(schema["anyOf"]):
            _require_google(f"{at}.anyOf[{number}]", part)
        return
    kind = schema.get("type")
    require(kind in _GOOGLE_TYPES, f"{at}.type: `{kind}` is not a type")
    require("enum" not in schema or kind == "STRING", f"{at}.enum: only allowed for STRING type")
    require(kind != "ARRAY" or "items" in schema, f"{at}.items: missing field.")
    require(kind != "OBJECT" or schema.get("properties"), f"{at}.properties: should be non-empty for OBJECT type")
    for name in schema.get("required", ()):
        require(name in schema.get("properties", {}), f"{at}.required: property `{name}` is not defined")
    for name, part in schema.get("properties", {}).items():
        _require_google(f"{at}.{name}", part)
    if "items" in schema:
        _require_google(f"{at}.items", schema["items"])
