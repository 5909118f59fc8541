"""Compare an OpenAPI document with the API contract: what is promised is there, under its name and of its type.

Rules of values (lengths, bounds, patterns) are not compared: the contract does not have them. A document may have more
than the contract; whether it may is for whoever plans it (`check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from agents.checks.openapi.document import (
    REF,
    Operation,
    body_schema,
    needs_sign_in,
    operations,
    resolved,
    response_schema,
    statuses,
)
from schemas.base import JSON
from schemas.handoffs import ApiContract, ApiField, ApiOperation, ApiParameter, ApiSchema

_NULL: Final = {"type": "null"}
_JSON_TYPES: Final[Mapping[str, tuple[str, str | None]]] = {
    "string": ("string", None),
    "email": ("string", None),
    "url": ("string", None),
    "decimal": ("string", None),
    "date": ("string", "date"),
    "time": ("string", None),
    "datetime": ("string", "date-time"),
    "uuid": ("string", "uuid"),
    "integer": ("integer", None),
    "float": ("number", None),
    "boolean": ("boolean", None),
}


def differences(contract: ApiContract, document: Mapping[str, JSON]) -> Iterator[str]:
    """Say, one line each, where the document does not keep the contract."""
    found = {(method, path): operation for method, path, operation in operations(document)}
    for endpoint in contract.endpoints:
        name = f"{endpoint.method} {endpoint.path}"
        operation = found.get((endpoint.method, endpoint.path))
        if operation is None:
            yield f"{name}: the API contract has it, the app has no such endpoint"
        else:
            yield from (f"{name}: {fault}" for fault in _endpoint_faults(endpoint, operation, document))
    requests = {endpoint.request for endpoint in contract.endpoints}
    for schema in contract.schemas:
        yield from _schema_faults(schema, document, sent=schema.name in requests)


def _endpoint_faults(endpoint: ApiOperation, operation: Operation, document: Mapping[str, JSON]) -> Iterator[str]:
    if operation.get("operationId") != endpoint.operation_id:
        yield f"`operationId` is `{operation.get('operationId')}`, in the API contract `{endpoint.operation_id}`"
    if needs_sign_in(operation, document) != endpoint.auth_required:
        wanted = "must" if endpoint.auth_required else "need not"
        yield f"a caller {wanted} be signed in by the API contract, the document says otherwise"
    if endpoint.response_status not in statuses(operation):
        yield f"it never answers {endpoint.response_status}, as in the API contract"
    for status in sorted({error.status for error in endpoint.errors} - statuses(operation)):
        yield f"error {status} is in the API contract, but not in the document"
    yield from _body_fault("request", endpoint.request, body_schema(operation))
    yield from _body_fault("response", endpoint.response, response_schema(operation, endpoint.response_status))
    yield from _parameter_faults(endpoint.parameters, operation, document)


def _body_fault(what: str, wanted: str | None, schema: JSON) -> Iterator[str]:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    there = str(reference).removeprefix(REF) if reference else "a schema without a name" if schema else None
    if there != wanted:
        yield f"the {what} is {_named(there)}, in the API contract {_named(wanted)}"


def _named(schema: str | None) -> str:
    return f"`{schema}`" if schema else "no JSON body"


def _parameter_faults(
    wanted: Sequence[ApiParameter], operation: Operation, document: Mapping[str, JSON]
) -> Iterator[str]:
    listed = cast("list[dict[str, JSON]]", operation.get("parameters") or [])
    found = {(each["in"], each["name"]): each for each in listed}
    for parameter in wanted:
        there = found.get((parameter.place, parameter.name))
        if there is None:
            yield f"it has no {parameter.place} parameter `{parameter.name}`, as in the API contract"
        elif not _is(parameter.type, parameter.values, there.get("schema"), document):
            yield f"the parameter `{parameter.name}` is not {_words(parameter.type, parameter.values)}"
        elif bool(there.get("required")) != parameter.required:
            yield f"the parameter `{parameter.name}` is {_required(parameter.required)} in the API contract alone"


def _schema_faults(schema: ApiSchema, document: Mapping[str, JSON], *, sent: bool) -> Iterator[str]:
    whole = resolved({"$ref": f"{REF}{schema.name}"}, document)
    if not whole:
        yield f"schema `{schema.name}`: the API contract has it, the document has no such schema"
        return
    properties = cast("Mapping[str, JSON]", whole.get("properties") or {})
    required = cast("list[str]", whole.get("required") or [])
    for extra in sorted(properties.keys() - {field.name for field in schema.fields}):
        yield f"schema `{schema.name}`: the API contract has no field `{extra}`"
    for field in schema.fields:
        if field.name not in properties:
            yield f"schema `{schema.name}`: there is no field `{field.name}`, as in the API contract"
            continue
        there = properties[field.name]
        # What has a default is always in a response, and need not be in a request.
        always = field.name in required or (not sent and isinstance(there, dict) and "default" in there)
        yield from (
            f"schema `{schema.name}`: {fault}" for fault in _field_faults(field, there, document, always=always)
        )


def _field_faults(field: ApiField, schema: JSON, document: Mapping[str, JSON], *, always: bool) -> Iterator[str]:
    if not _is(field.type, field.values, schema, document):
        yield f"`{field.name}` is not {_words(field.type, field.values)}, as in the API contract"
    elif field.type != "json" and (_NULL in _alternatives(schema, document)) != field.nullable:
        yield f"`{field.name}` may be null in the {'API contract' if field.nullable else 'document'} alone"
    if always != field.required:
        yield f"`{field.name}` is {_required(field.required)} in the API contract alone"


def _required(required: bool) -> str:  # noqa: FBT001  # a word for it
    return "required" if required else "optional"


def _words(kind: str, values: Sequence[str]) -> str:
    return f"one of {', '.join(f'`{value}`' for value in values)}" if values else f"`{kind}`"


def _is(kind: str, values: Sequence[str], schema: JSON, document: Mapping[str, JSON]) -> bool:
    """Say whether a value of that type is what the schema takes, or one of what it takes, null aside."""
    if kind == "json":
        return True
    taken = [each for each in _alternatives(schema, document) if each != _NULL]
    return any(_fits(kind, values, each, document) for each in taken)


def _fits(kind: str, values: Sequence[str], schema: Mapping[str, JSON], document: Mapping[str, JSON]) -> bool:
    if kind.endswith("[]"):
        items = schema.get("items")
        return schema.get("type") == "array" and _is(kind.removesuffix("[]"), values, items, document)
    if values:
        enum = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
        return set(cast("list[str]", enum)) == set(values)
    if kind not in _JSON_TYPES:
        return schema.get("$ref") == f"{REF}{kind}"
    name, form = _JSON_TYPES[kind]
    return schema.get("type") == name and (form is None or schema.get("format") == form)


def _alternatives(schema: JSON, document: Mapping[str, JSON]) -> list[Mapping[str, JSON]]:
    """Return what a schema takes, one of each kind: objects stay references, other references are followed."""
    if not isinstance(schema, dict):
        return []
    if "$ref" in schema:
        whole = resolved(schema, document)
        return [schema] if "properties" in whole else _alternatives(whole, document)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(word), list):
            return [each for part in cast("list[JSON]", schema[word]) for each in _alternatives(part, document)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [_NULL if kind == "null" else {**schema, "type": kind} for kind in kinds]
    return [_NULL if kinds == "null" else schema]
