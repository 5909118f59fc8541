"""The API contract: the design of a feature's API as a document that a backend is held to.

Source: `docs/prd-format.md`, "The API that follows from a PRD".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.feature import Feature, Operation
from schemas.handoffs import ApiContract, ApiOperation, ApiParameter, Endpoint
from skills.design.aspect import Subject
from skills.design.aspects import Aspects, SubjectAspects, built_in
from skills.design.endpoints import endpoints
from skills.design.names import BASE_PATH, METHODS, item_parameter, operation_id, operation_path, schema_name
from skills.design.schemas import api_schemas, field_type


class _Shape(NamedTuple):
    """What an endpoint is called and exchanges, beside what `Endpoint` says."""

    operation_id: str
    request: str | None = None
    response: str | None = None
    parameters: tuple[ApiParameter, ...] = ()


_FIXED: Final = {
    f"POST {BASE_PATH}/auth/register": _Shape("register", "RegisterRequest", "UserResponse"),
    f"POST {BASE_PATH}/auth/login": _Shape("login", "LoginRequest", "TokenResponse"),
    f"POST {BASE_PATH}/auth/refresh": _Shape("refresh", None, "TokenResponse"),
    f"POST {BASE_PATH}/auth/logout": _Shape("logout"),
    f"GET {BASE_PATH}/auth/me": _Shape("read_me", None, "UserResponse"),
    "GET /health": _Shape("health", None, "Health"),
    "GET /ready": _Shape("ready", None, "Readiness"),
    "GET /metrics": _Shape("metrics"),
}


def api_contract(feature: Feature, aspects: Aspects | None = None) -> ApiContract:
    """Return the contract of the API that `feature` leads to, endpoints in the design's order, with their schemas.

    Without `aspects`, the built-in ones say what is sent, answered and refused. Endpoints that aspects add are not in
    it: nothing but their examples says what they exchange.
    """
    added = aspects or built_in()
    designed = added.designed(feature)
    subjects = [added.of(Subject(feature=designed, entity=entity)) for entity in designed.entities]
    shapes = {**_FIXED, **{key: shape for each in subjects for key, shape in _shapes(each)}}
    promised = [(each, shapes.get(f"{each.method} {each.path}")) for each in endpoints(designed, aspects=added)]
    operations = tuple(_operation(each, shape) for each, shape in promised if shape)
    return ApiContract(task=feature.title, endpoints=operations, schemas=api_schemas(designed, operations))


def _operation(endpoint: Endpoint, shape: _Shape) -> ApiOperation:
    return ApiOperation(
        method=endpoint.method,
        path=endpoint.path,
        operation_id=shape.operation_id,
        auth_required=endpoint.auth_required,
        scopes=endpoint.scopes,
        request=shape.request,
        response_status=endpoint.response_status,
        response=shape.response,
        parameters=shape.parameters,
        errors=endpoint.errors,
    )


def _shapes(added: SubjectAspects) -> Iterator[tuple[str, _Shape]]:
    for operation in added.subject.entity.operations:
        yield f"{METHODS[operation]} {operation_path(operation, added.subject.entity)}", _shape(operation, added)


def _shape(operation: Operation, added: SubjectAspects) -> _Shape:
    entity = added.subject.entity
    name = operation_id(operation, entity)
    which = (ApiParameter(name=item_parameter(entity), place="path", type="integer", required=True),)
    match operation:
        case "list":
            return _Shape(name, None, schema_name(entity, "Page"), tuple(_query(added)))
        case "create":
            return _Shape(name, schema_name(entity, "Create"), schema_name(entity, "Response"))
        case "read":
            return _Shape(name, None, schema_name(entity, "Response"), which)
        case "update":
            return _Shape(name, schema_name(entity, "Update"), schema_name(entity, "Response"), which)
        case "delete":
            return _Shape(name, None, None, which)


def _query(added: SubjectAspects) -> Iterator[ApiParameter]:
    yield _parameter("limit", "integer")
    yield _parameter("offset", "integer")
    for each in added.parameters():
        yield _parameter(each.name, field_type(each.field).removesuffix("[]"), each.field.type.values)
    if orders := added.orders():
        yield _parameter("sort", "enum", tuple(order.value for order in orders))


def _parameter(name: str, kind: str, values: tuple[str, ...] = ()) -> ApiParameter:
    return ApiParameter(name=name, place="query", type=kind, required=False, values=values)
