"""What the Frontend agent needs to call an endpoint, in words taken from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from agents.checks.openapi.document import (
    REF,
    Operation,
    body_schema,
    needs_sign_in,
    operations,
    resolved,
    response_schema,
)
from schemas.base import JSON
from schemas.handoffs import Endpoint, FrontendNote

BASE_URL = "http://localhost:8000"
_BOUNDS = {
    "minLength": "at least {} chars",
    "maxLength": "at most {} chars",
    "minimum": "min {}",
    "maximum": "max {}",
    "exclusiveMinimum": "over {}",
    "exclusiveMaximum": "under {}",
    "pattern": "matches {}",
}


def frontend_notes(endpoints: tuple[Endpoint, ...], document: Mapping[str, JSON]) -> tuple[FrontendNote, ...]:
    """Return one note an endpoint, in the endpoints' order."""
    found = {(method, path): operation for method, path, operation in operations(document)}
    return tuple(_note(endpoint, found[endpoint.method, endpoint.path], document) for endpoint in endpoints)


def _note(endpoint: Endpoint, operation: Operation, document: Mapping[str, JSON]) -> FrontendNote:
    body = body_schema(operation)
    answer = response_schema(operation, endpoint.response_status)
    return FrontendNote(
        base_url=BASE_URL,
        endpoint=f"{endpoint.method} {endpoint.path}",
        auth_header="Authorization: Bearer <token>" if needs_sign_in(operation, document) else "none",
        content_type="application/json" if body is not None else "none",
        request_fields=_request(operation, body, document),
        response_shape=f"{endpoint.response_status}: {_answer(answer, document)}",
    )


def _request(operation: Operation, body: JSON, document: Mapping[str, JSON]) -> str:
    parameters = cast("list[dict[str, JSON]]", operation.get("parameters") or [])
    parts = [
        f"{p['name']}: {type_words(p.get('schema'), document)} ({p['in']}{', required' if p.get('required') else ''})"
        for p in parameters
        if p["in"] in {"path", "query"}
    ]
    return "; ".join([*parts, *_fields(body, document, rules=True)]) or "none"


def _answer(schema: JSON, document: Mapping[str, JSON]) -> str:
    if schema is None:
        return "no JSON body"
    fields = _fields(schema, document, rules=False)
    return f"{{{'; '.join(fields)}}}" if fields else type_words(schema, document)


def _fields(schema: JSON, document: Mapping[str, JSON], *, rules: bool) -> list[str]:
    """List an object's fields, `title: string (required, at most 200 chars)`."""
    whole = resolved(schema, document)
    required = cast("list[str]", whole.get("required") or [])
    lines = []
    for name, field in cast("dict[str, JSON]", whole.get("properties") or {}).items():
        notes = (["required"] if name in required else []) + _rules(field, document) if rules else []
        suffix = f" ({', '.join(notes)})" if notes else ""
        lines.append(f"{name}: {type_words(field, document)}{suffix}")
    return lines


def type_words(schema: JSON, document: Mapping[str, JSON]) -> str:
    """Return a schema's type as TypeScript would say it: `string | null`, `Todo[]`, `"grey" | "red"`."""
    if not isinstance(schema, dict) or not schema:
        return "any"
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = resolved(schema, document)
        return type_words(target, document) if "enum" in target else reference.removeprefix(REF)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(word), list):
            return " | ".join(dict.fromkeys(type_words(s, document) for s in cast("list[JSON]", schema[word])))
    if "const" in schema or "enum" in schema:
        values = cast("list[JSON]", schema.get("enum") or [schema.get("const")])
        return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
    return _plain_type(schema, document)


def _plain_type(schema: dict[str, JSON], document: Mapping[str, JSON]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(str(word) for word in kind)
    if kind == "array":
        item = type_words(schema.get("items"), document)
        return f"({item})[]" if " | " in item else f"{item}[]"
    form = schema.get("format")
    return f"{kind} ({form})" if kind == "string" and form else str(kind or "any")


def _rules(schema: JSON, document: Mapping[str, JSON]) -> list[str]:
    """List the bounds of a field, those of its alternatives too."""
    whole = resolved(schema, document)
    nested = [s for word in ("anyOf", "allOf") for s in cast("list[JSON]", whole.get(word) or [])]
    own = [text.format(_shown(whole[word])) for word, text in _BOUNDS.items() if word in whole]
    own += [f"default {_shown(whole['default'])}"] if whole.get("default") is not None else []
    return [*own, *(rule for s in nested for rule in _rules(s, document))]


def _shown(value: JSON) -> str:
    """Return a bound or default in words: booleans as JSON has them, whole numbers without a point."""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
