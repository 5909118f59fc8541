"""What the service and the router of an entity import, beside what aspects bring."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.feature import Entity, Feature
from skills.codegen.imports import Import
from skills.codegen.naming import class_name, module_name
from skills.design.aspect import Subject
from skills.python_api_patterns.entity_code import EntityCode

_MAPPING: tuple[Import, ...] = (("collections.abc", "Mapping"), ("typing", "Final"))


def service_imports(subject: Subject, code: EntityCode) -> Iterable[Import]:
    """Yield what the service of an entity names."""
    model, operations = code.model, subject.entity.operations
    module = f"app.models.{module_name(subject.entity.name)}"
    schemas = f"app.schemas.{module_name(subject.entity.name)}"
    yield from (("app.services", "access"), ("sqlalchemy.ext.asyncio", "AsyncSession"), (module, model))
    yield from ((schemas, f"{model}{s}") for o, s in (("create", "Create"), ("update", "Update")) if o in operations)
    if "list" in operations:
        yield from (("app.services", "listing"), (schemas, f"{model}Query"), ("typing", "Final"))
        yield "collections.abc", "Sequence"
        yield from (_MAPPING if code.parameters or code.orders else ())
        yield from (name for parameter in code.parameters for name in parameter.imports)
    if _names_caller(code):
        yield f"app.models.{module_name(subject.feature.user.name)}", class_name(subject.feature.user.name)
    yield from code.constants.imports
    changes = {"create": code.create, "update": code.update, "delete": code.delete}
    yield from (name for o, change in changes.items() if o in operations for name in change.whole.imports)
    yield from (name for route in code.routes for name in route.service.imports)


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


def _names_caller(code: EntityCode) -> bool:
    reads = not code.public and bool({"list", "read"} & set(code.operations))
    creates = "create" in code.operations and code.create_caller
    return reads or creates or bool({"update", "delete"} & set(code.operations))


def router_imports(entity: Entity, code: EntityCode) -> Iterable[Import]:
    """Yield what the router of `entity` names."""
    model, operations = code.model, set(entity.operations)
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
    yield from (name for route in code.routes for name in route.router.imports)
