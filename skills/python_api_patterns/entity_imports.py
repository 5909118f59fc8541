"""What the service and the router of an entity import."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.feature import Entity, Feature
from skills.codegen.imports import Import
from skills.codegen.naming import class_name, link_name, module_name
from skills.design.fields import writable
from skills.design.queries import filter_parameters
from skills.python_api_patterns.entity_code import EntityCode


def service_imports(feature: Feature, entity: Entity, code: EntityCode) -> Iterable[Import]:
    """Yield what the service of `entity` names."""
    model, operations = class_name(entity.name), entity.operations
    module = f"app.models.{module_name(entity.name)}"
    schemas = f"app.schemas.{module_name(entity.name)}"
    yield from (("app.services", "access"), ("sqlalchemy.ext.asyncio", "AsyncSession"), (module, model))
    yield from ((schemas, f"{model}{s}") for o, s in (("create", "Create"), ("update", "Update")) if o in operations)
    if "list" in operations:
        yield from (("app.services", "listing"), (schemas, f"{model}Query"), ("typing", "Final"))
        yield "collections.abc", "Sequence"
        yield from ((module, link_name(entity, p.field)) for p in filter_parameters(entity) if p.comparison == "links")
    if code.references or ("list" in operations and (code.filters or code.orders)):
        yield from (("collections.abc", "Mapping"), ("typing", "Final"))
    if code.ruled:
        yield "app.services.rules", code.rules
    if code.references:
        yield "app.models.base", "Record"
        targets = [f.type.target for f in writable(entity) if f.type.target]
        yield from ((f"app.models.{module_name(target)}", class_name(target)) for target in targets)
    if _service_names_caller(code):
        yield f"app.models.{module_name(feature.user.name)}", class_name(feature.user.name)
    yield from _value_imports(code)


def rules_imports(feature: Feature, entity: Entity) -> Iterable[Import]:
    """Yield what the business rules of `entity` name."""
    model, operations = class_name(entity.name), entity.operations
    yield "sqlalchemy.ext.asyncio", "AsyncSession"
    yield f"app.models.{module_name(feature.user.name)}", class_name(feature.user.name)
    if {"update", "delete"} & {*operations}:
        yield f"app.models.{module_name(entity.name)}", model
    if "create" in operations:
        yield f"app.schemas.{module_name(entity.name)}", f"{model}Create"
    if "update" in operations:
        yield from (("collections.abc", "Mapping"), ("typing", "Any"))


def _value_imports(code: EntityCode) -> Iterable[Import]:
    """What a service needs to make and change values."""
    if code.slugs and "create" in code.operations:
        yield "app.services", "slugs"
        if any(scope == "true()" for slug in code.slugs for scope in slug.scopes):
            yield "sqlalchemy", "true"
    if code.null_defaults and "create" in code.operations:
        yield "sqlalchemy", "null"
    if code.many and "update" in code.operations:
        yield "sqlalchemy", "func"


def _service_names_caller(code: EntityCode) -> bool:
    reads = not code.public and bool({"list", "read"} & set(code.operations))
    creates = "create" in code.operations and code.create_caller
    return reads or creates or bool({"update", "delete"} & set(code.operations))


def router_imports(entity: Entity, code: EntityCode) -> Iterable[Import]:
    """Yield what the router of `entity` names."""
    model, operations = class_name(entity.name), set(entity.operations)
    schemas = f"app.schemas.{module_name(entity.name)}"
    yield from (("fastapi", "APIRouter"), ("app.core.database", "DbSession"), ("app.schemas.common", "responses"))
    yield "app.services", code.service
    if operations - {"delete"}:
        yield schemas, f"{model}Response"
    if "list" in operations:
        yield from ((schemas, f"{model}Page"), (schemas, f"{model}Query"))
        yield from (("fastapi", "Query"), ("typing", "Annotated"))
    if "create" in operations:
        yield from (("fastapi", "Request"), ("fastapi", "Response"), ("app.schemas.common", "CREATED"))
        yield schemas, f"{model}Create"
    if "update" in operations:
        yield schemas, f"{model}Update"
    if operations & {"create", "delete"}:
        yield "fastapi", "status"
    if operations & {"read", "update", "delete"}:
        yield "app.schemas.types", "IdParameter"
    if operations & {"create", "update", "delete"}:
        yield "app.dependencies.auth", code.writer
    if operations & {"list", "read"} and not code.public:
        yield "app.dependencies.auth", "CurrentUser"
