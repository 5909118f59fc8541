"""Read an OpenAPI document: its operations, who may call them, what they take and answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from schemas.base import JSON

ANY_ENDPOINT: Final = frozenset({413, 500, 503, 504})  # may be answered whatever an endpoint does; designs leave it out
FIRST_ERROR: Final = 400
REF: Final = "#/components/schemas/"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_JSON_TYPE: Final = "application/json"

Operation = Mapping[str, JSON]


def operations(document: Mapping[str, JSON]) -> Iterator[tuple[str, str, Operation]]:
    """Yield every operation of an OpenAPI document as (METHOD, path, operation)."""
    paths = cast("Mapping[str, Mapping[str, JSON]]", document.get("paths") or {})
    for path, item in paths.items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, cast("Operation", item[method])


def needs_sign_in(operation: Operation, document: Mapping[str, JSON]) -> bool:
    """Say whether a caller without credentials is refused; `{}` among the requirements makes them optional."""
    security = operation.get("security", document.get("security"))
    return bool(security) and {} not in cast("list[JSON]", security)


def body_schema(operation: Operation) -> JSON:
    """Return the schema of the request's JSON body, or None."""
    return _schema(operation.get("requestBody"))


def response_schema(operation: Operation, status: int) -> JSON:
    """Return the schema of a response's JSON body, or None."""
    return _schema(cast("Mapping[str, JSON]", operation.get("responses") or {}).get(str(status)))


def resolved(schema: JSON, document: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a schema, or the component that it refers to; empty if there is none."""
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    components = cast("dict[str, dict[str, dict[str, JSON]]]", document.get("components") or {})
    return components.get("schemas", {}).get(reference.removeprefix(REF), {})


def _schema(holder: JSON) -> JSON:
    if not isinstance(holder, dict):
        return None
    content = holder.get("content")
    media = content.get(_JSON_TYPE) if isinstance(content, dict) else None
    return media.get("schema") if isinstance(media, dict) else None


def statuses(operation: Operation) -> set[int]:
    """Return every status that an operation may answer."""
    responses = cast("Mapping[str, JSON]", operation.get("responses") or {})
    return {int(status) for status in responses if status.isdigit()}


def error_statuses(operation: Operation) -> set[int]:
    """Return the errors that an operation of its own may answer."""
    return {status for status in statuses(operation) if status >= FIRST_ERROR} - ANY_ENDPOINT
