"""The OpenAPI document that a feature's API follows from, as `docs/prd-format.md` says, without running a backend."""

from __future__ import annotations

from typing import Any

from schemas.feature import Entity, Feature, FeatureField
from skills.codegen import naming
from skills.design.queries import filter_parameters

_FORMATS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "text": {"type": "string"},
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
    "reference": {"type": "integer"},
    "references": {"type": "array", "items": {"type": "integer"}},
}
_ID = {"type": "integer"}


def openapi(feature: Feature) -> dict[str, Any]:
    """Return the API of `feature`: accounts, and each entity's operations and schemas."""
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": feature.title, "version": "0.1.0"},
        "paths": {},
        "components": {"schemas": _accounts(feature)},
    }
    _add_auth(document["paths"])
    for entity in feature.entities:
        document["components"]["schemas"].update(_schemas(entity))
        _add_paths(document["paths"], entity)
    return document


def _accounts(feature: Feature) -> dict[str, Any]:
    added = [field for field in feature.user.fields if not (field.read_only or field.slug_of)]
    user = {"id": _ID, "email": _FORMATS["email"], "name": {"type": "string"}, "role": _enum(("user", "admin"))}
    user |= _stamps() | {naming.json_name(f): _property(f) for f in feature.user.fields if not f.write_only}
    register = {
        "email": _FORMATS["email"],
        "name": {"type": "string", "minLength": 1, "maxLength": 120},
        "password": {"type": "string", "minLength": 8, "maxLength": 128, "writeOnly": True},
    }
    needed = [*register, *(naming.json_name(f) for f in added if f.required and not f.has_default)]
    login = {name: register[name] for name in ("email", "password")}
    token = {"access_token": {"type": "string"}, "token_type": {"const": "bearer"}, "expires_in": _ID}
    problem = {"field": {"type": "string"}, "message": {"type": "string"}}
    error = {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": "array", "items": _object(problem)},
        "request_id": {"type": "string"},
    }
    return {
        "UserResponse": _object(user),
        "RegisterRequest": _object(register | {naming.json_name(f): _property(f) for f in added}, required=needed),
        "LoginRequest": _object(login),
        "TokenResponse": _object(token),
        "ErrorResponse": _object({"error": _object(error)}),
    }


def _add_auth(paths: dict[str, Any]) -> None:
    base = "/api/v1/auth"
    paths[f"{base}/register"] = {"post": _operation("register", 201, "UserResponse", body="RegisterRequest")}
    paths[f"{base}/login"] = {"post": _operation("login", 200, "TokenResponse", body="LoginRequest")}
    paths[f"{base}/refresh"] = {"post": _operation("refresh", 200, "TokenResponse")}
    paths[f"{base}/logout"] = {"post": _operation("logout", 204, None)}
    paths[f"{base}/me"] = {"get": _operation("read_me", 200, "UserResponse")}


def _schemas(entity: Entity) -> dict[str, Any]:
    stem = naming.class_name(entity.name)
    written = [field for field in entity.fields if not (field.read_only or field.slug_of)]
    create = {naming.json_name(field): _property(field) for field in written}
    needed = [naming.json_name(f) for f in written if f.required and not f.has_default and f.type.kind != "references"]
    owner = {"owner_id": _ID} if entity.owner else {}
    shown = {naming.json_name(field): _property(field) for field in entity.fields if not field.write_only}
    response = {"id": _ID} | owner | shown | _stamps()
    page = {"items": {"type": "array", "items": _ref(f"{stem}Response")}, "total": _ID, "limit": _ID, "offset": _ID}
    return {
        f"{stem}Create": _object(create, required=needed),
        f"{stem}Update": _object(create, required=[]),
        f"{stem}Response": _object(response),
        f"{stem}Page": _object(page),
    }


def _add_paths(paths: dict[str, Any], entity: Entity) -> None:
    stem, many = naming.class_name(entity.name), f"/api/v1/{entity.collection}"
    one = f"{many}/{{{entity.singular}_id}}"
    identifier = {"name": f"{entity.singular}_id", "in": "path", "required": True, "schema": _ID}
    operations = {
        "list": (many, "get", _operation(f"list_{entity.table}", 200, f"{stem}Page", query=_query(entity))),
        "create": (
            many,
            "post",
            _operation(f"create_{entity.singular}", 201, f"{stem}Response", body=f"{stem}Create"),
        ),
        "read": (one, "get", _operation(f"read_{entity.singular}", 200, f"{stem}Response")),
        "update": (
            one,
            "patch",
            _operation(f"update_{entity.singular}", 200, f"{stem}Response", body=f"{stem}Update"),
        ),
        "delete": (one, "delete", _operation(f"delete_{entity.singular}", 204, None)),
    }
    for name in entity.operations:
        path, method, operation = operations[name]
        if path == one:
            operation["parameters"] = [identifier]
        paths.setdefault(path, {})[method] = operation


def _query(entity: Entity) -> list[dict[str, Any]]:
    names: dict[str, Any] = {"limit": _ID, "offset": _ID, "sort": {"type": "string"}}
    for parameter in filter_parameters(entity):
        names[parameter.parameter] = _filter_schema(parameter.field)
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in names.items()]


def _filter_schema(field: FeatureField) -> dict[str, Any]:
    if field.type.target:
        return _ID
    return _enum(field.type.values) if field.type.kind == "enum" else _FORMATS[field.type.kind]


def _operation(
    name: str,
    status: int,
    response: str | None,
    *,
    body: str | None = None,
    query: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if response:
        answer["content"] = {"application/json": {"schema": _ref(response)}}
    failure = {"description": "Error", "content": {"application/json": {"schema": _ref("ErrorResponse")}}}
    operation: dict[str, Any] = {"operationId": name, "responses": {str(status): answer, "400": failure}}
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    if query:
        operation["parameters"] = query
    return operation


def _property(field: FeatureField) -> dict[str, Any]:
    kind = field.type.kind
    schema: dict[str, Any] = _enum(field.type.values) if kind == "enum" else dict(_FORMATS[kind])
    if not field.required and kind not in ("references", "json"):
        schema = {"anyOf": [schema, {"type": "null"}]}
    if field.has_default:
        schema["default"] = field.default
    return schema


def _stamps() -> dict[str, Any]:
    return {"created_at": _FORMATS["datetime"], "updated_at": _FORMATS["datetime"]}


def _enum(values: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _object(properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
