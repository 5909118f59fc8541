"""The OpenAPI document of an app that keeps its API contract to the letter, without running a backend."""

from __future__ import annotations

from typing import Any

from schemas.feature import Feature
from schemas.handoffs import ApiContract, ApiField, ApiOperation, ApiParameter, ApiSchema
from skills.design.contract import api_contract

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "decimal": {"type": "string"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "datetime": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "email": {"type": "string", "format": "email"},
    "url": {"type": "string", "format": "uri"},
    "json": {},
}


def openapi(feature: Feature) -> dict[str, Any]:
    """Return the document of the API of `feature`."""
    return document(api_contract(feature))


def document(contract: ApiContract) -> dict[str, Any]:
    """Return the document that says what `contract` says."""
    paths: dict[str, Any] = {}
    for endpoint in contract.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": contract.task, "version": "0.1.0"},
        "paths": paths,
        "components": {"schemas": {schema.name: _schema(schema) for schema in contract.schemas}},
    }


def _operation(endpoint: ApiOperation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done", **(_body(endpoint.response) if endpoint.response else {})}
    failure = {"description": "Error", **_body("ErrorResponse")}
    responses = {str(endpoint.response_status): answer, **{str(error.status): failure for error in endpoint.errors}}
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "parameters": [_parameter(parameter) for parameter in endpoint.parameters],
        "responses": responses,
        "security": [{"Bearer": []}] if endpoint.auth_required else [],
    }
    if endpoint.request:
        operation["requestBody"] = {"required": True, **_body(endpoint.request)}
    return operation


def _body(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": _type(schema)}}}


def _parameter(parameter: ApiParameter) -> dict[str, Any]:
    schema = _type(parameter.type, parameter.values)
    return {"name": parameter.name, "in": parameter.place, "required": parameter.required, "schema": schema}


def _schema(schema: ApiSchema) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in schema.fields},
        "required": [field.name for field in schema.fields if field.required],
        "additionalProperties": False,
    }


def _property(field: ApiField) -> dict[str, Any]:
    schema = _type(field.type, field.values)
    return {"anyOf": [schema, {"type": "null"}]} if field.nullable and schema else schema


def _type(name: str, values: tuple[str, ...] = ()) -> dict[str, Any]:
    if name.endswith("[]"):
        return {"type": "array", "items": _type(name.removesuffix("[]"), values)}
    if values:
        return {"type": "string", "enum": list(values)}
    return _TYPES.get(name, {"$ref": f"#/components/schemas/{name}"})
