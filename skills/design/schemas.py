"""The schemas of the API: which fields each has, of which type, and whether they must be there.

Not here: rules of values (lengths, bounds, patterns), which are the PRD's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.feature import Entity, Feature, FeatureField
from schemas.handoffs import ApiField, ApiOperation, ApiSchema
from skills.codegen.naming import json_name
from skills.design.access import accounts_exist
from skills.design.fields import readable, writable
from skills.design.names import schema_name

_TYPES: Final = {"text": "string", "reference": "integer", "references": "integer[]"}
_ROLES: Final = ("user", "admin")


def field_type(f: FeatureField) -> str:
    """Return the type of a field's value in JSON, as `ApiField.type` has it."""
    return _TYPES.get(f.type.kind, f.type.kind)


def api_schemas(feature: Feature, endpoints: Iterable[ApiOperation]) -> tuple[ApiSchema, ...]:
    """Return the schemas that `endpoints` name, and those that they in turn are made of, each once."""
    known = {schema.name: schema for schema in _all(feature)}
    found: dict[str, ApiSchema] = {}
    wanted = [name for endpoint in endpoints for name in (endpoint.request, endpoint.response) if name]
    for name in (*wanted, "ErrorResponse"):
        found.update({each.name: each for each in _with_parts(known[name], known)})
    return tuple(found.values())


def _with_parts(schema: ApiSchema, known: dict[str, ApiSchema]) -> Iterator[ApiSchema]:
    yield schema
    for f in schema.fields:
        if (part := f.type.removesuffix("[]")) in known:
            yield from _with_parts(known[part], known)


def _all(feature: Feature) -> Iterator[ApiSchema]:
    if accounts_exist(feature):
        yield from _accounts(feature.user)
    for entity in feature.entities:
        yield from _entity(entity)
    yield _schema("Health", _always("status", "enum", values=("ok",)))
    yield _schema("Readiness", _always("status", "enum", values=("ready",)))
    yield _schema("ErrorResponse", _always("error", "ErrorBody"))
    yield _schema(
        "ErrorBody",
        _always("code", "string"),
        _always("message", "string"),
        _always("details", "ErrorDetail[]"),
        _always("request_id", "string"),
    )
    yield _schema("ErrorDetail", _always("field", "string"), _always("message", "string"))


def _accounts(user: Entity) -> Iterator[ApiSchema]:
    email, name, password = _always("email", "email"), _always("name", "string"), _always("password", "string")
    yield _schema("RegisterRequest", email, name, password, *map(_sent, writable(user)))
    yield _schema("LoginRequest", email, password)
    yield _schema(
        "TokenResponse",
        _always("access_token", "string"),
        _always("token_type", "enum", values=("bearer",)),
        _always("expires_in", "integer"),
    )
    role = _always("role", "enum", values=_ROLES)
    yield _schema("UserResponse", _always("id", "integer"), email, name, role, *map(_shown, readable(user)), *_stamps())


def _entity(entity: Entity) -> Iterator[ApiSchema]:
    owner = (_always("owner_id", "integer"),) if entity.owner else ()
    yield _schema(schema_name(entity, "Create"), *map(_sent, writable(entity)))
    yield _schema(schema_name(entity, "Update"), *map(_changed, writable(entity)))
    yield _schema(
        schema_name(entity, "Response"),
        _always("id", "integer"),
        *owner,
        *map(_shown, readable(entity)),
        *_stamps(),
    )
    yield _schema(
        schema_name(entity, "Page"),
        _always("items", f"{schema_name(entity, 'Response')}[]"),
        _always("total", "integer"),
        _always("limit", "integer"),
        _always("offset", "integer"),
    )


def _sent(f: FeatureField) -> ApiField:
    may_be_left_out = f.has_default and f.default is not None and f.type.kind != "references"
    return _field(f, required=f.required and not may_be_left_out)


def _changed(f: FeatureField) -> ApiField:
    return _field(f, required=False)


def _shown(f: FeatureField) -> ApiField:
    return _field(f, required=True)


def _field(f: FeatureField, *, required: bool) -> ApiField:
    return ApiField(
        name=json_name(f),
        type=field_type(f),
        required=required,
        nullable=not f.required and f.type.kind != "references",
        values=f.type.values,
    )


def _stamps() -> tuple[ApiField, ApiField]:
    return _always("created_at", "datetime"), _always("updated_at", "datetime")


def _always(name: str, kind: str, *, values: tuple[str, ...] = ()) -> ApiField:
    return ApiField(name=name, type=kind, required=True, values=values)


def _schema(name: str, *fields: ApiField) -> ApiSchema:
    return ApiSchema(name=name, fields=fields)
