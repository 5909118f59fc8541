"""Contributes the frontend's ground: packages, configuration, the typed client, the session, and each entity's calls.

The types come from `src/api/schema.d.ts`, which the Frontend agent's check makes from `openapi.json`.
"""

from __future__ import annotations

import json
from typing import cast, get_args

from schemas.base import JSON, Document
from schemas.feature import Entity, Feature, Operation
from schemas.handoffs import PythonBackendAgentOutput
from skills.codegen.naming import class_name, json_name, title, titles
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.templates import Templates
from skills.design.fields import naming_field
from skills.design.names import ACCOUNT_OPERATIONS, ACCOUNT_SCHEMAS
from skills.design.published import ApiDocument, Call, entity_calls
from skills.design.queries import sort_values

ROOT = "frontend"
_COPIED = (
    ".gitignore",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "src/api/auth.ts",
    "src/api/client.ts",
    "src/api/errors.ts",
    "src/api/paging.ts",
    "src/api/query-client.ts",
    "src/api/query-string.ts",
    "src/api/token.test.ts",
    "src/api/token.ts",
    "src/auth/access.ts",
    "src/auth/session.tsx",
)
# The lock holds hashes, so nobody writes it by hand; npm refuses it beside another list of packages.
GIVEN = (f"{ROOT}/package.json", f"{ROOT}/package-lock.json")


class Input(Document):
    feature: Feature
    backend: PythonBackendAgentOutput
    openapi: dict[str, JSON]


class HookFact(Document):
    """A hook and the operation it calls, as `GET /api/v1/todos`."""

    hook: str
    module: str
    endpoint: str


class Output(Contribution):
    """`hooks` that pages use; `account_endpoints` are called by the session."""

    hooks: tuple[HookFact, ...]
    account_endpoints: tuple[str, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return the frontend's configuration, client and query hooks.

    Raises:
        ApiMismatch: The published API lacks an operation, a schema or a query parameter the frontend needs.
    """
    feature, api = request.feature, ApiDocument(request.openapi)
    account = [api.call(operation) for operation in ACCOUNT_OPERATIONS]
    for schema in ACCOUNT_SCHEMAS:
        api.require_schema(schema)
    calls = {entity.name: entity_calls(api, entity) for entity in feature.entities}
    api.done()
    return Output(
        files=(
            *(ContributedFile(path=f"{ROOT}/{name}", content=templates.read(f"{ROOT}/{name}")) for name in _COPIED),
            *(_records_file(entity, calls[entity.name], templates) for entity in feature.entities),
        ),
        dependencies=_dependencies(templates),
        hooks=tuple(fact for entity in feature.entities for fact in _hooks(entity, calls[entity.name])),
        account_endpoints=tuple(str(call) for call in account),
    )


def records_module(entity: Entity) -> str:
    """Return the module of an entity's calls, relative to `src/`: `api/records/todo-lists`."""
    return f"api/records/{entity.collection}"


def _records_file(entity: Entity, calls: dict[str, Call], templates: Templates) -> ContributedFile:
    content = templates.render(
        f"{ROOT}/src/api/records/entity.ts.j2",
        entity=entity,
        stem=class_name(entity.name),
        calls={operation: calls.get(operation) for operation in get_args(Operation)},
        one=title(entity.name).lower(),
        many=titles(entity.name).lower(),
        options_sort=_options_sort(entity),
    )
    return ContributedFile(path=f"{ROOT}/src/{records_module(entity)}.ts", content=content)


def _options_sort(entity: Entity) -> str | None:
    """Return the order in which records are offered: by name where the API can."""
    field = naming_field(entity)
    return json_name(field) if field and json_name(field) in sort_values(entity) else None


def _hooks(entity: Entity, calls: dict[str, Call]) -> list[HookFact]:
    stem = class_name(entity.name)
    suffixes = {"list": "Page", "read": "Record", "create": "Create", "update": "Update", "delete": "Delete"}
    return [
        HookFact(hook=f"use{stem}{suffixes[name]}", module=records_module(entity), endpoint=str(call))
        for name, call in calls.items()
    ]


def _dependencies(templates: Templates) -> tuple[Dependency, ...]:
    package = cast("dict[str, dict[str, str]]", json.loads(templates.read(f"{ROOT}/package.json")))
    return (
        *(_dependency(name, version, dev=False) for name, version in package["dependencies"].items()),
        *(_dependency(name, version, dev=True) for name, version in package["devDependencies"].items()),
    )


def _dependency(name: str, version: str, *, dev: bool) -> Dependency:
    return Dependency(ecosystem="npm", name=name, version=version, group="dev" if dev else "runtime")
