"""Turns a feature's entities into Pydantic schemas: what a client may send, what it receives, what a list can do."""

from __future__ import annotations

from schemas.base import Document
from schemas.feature import Entity, Feature, FeatureField
from skills.codegen.imports import import_lines
from skills.codegen.naming import class_name, json_name, module_name, title, with_article
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.templates import Templates
from skills.design.aspect import Subject
from skills.design.aspects import Aspects
from skills.design.fields import readable, writable
from skills.pydantic_validation.annotations import TYPES
from skills.pydantic_validation.lines import COMMON, SchemaLines, schema_lines
from skills.pydantic_validation.module_types import types_context

_COMMON_FILE = "app/schemas/common.py"
_USER_MODULE = "app.schemas.user"
_ACCOUNT = ("email", "name")
_MOMENTS = ("created_at", "updated_at")


class Input(Document):
    feature: Feature


class SchemaFact(Document):
    """A schema: `from <module> import <name>`, with its fields as JSON names them."""

    name: str
    module: str
    fields: tuple[str, ...]


class Output(Contribution):
    """`schemas` of bodies and records; pages and queries follow from them."""

    schemas: tuple[SchemaFact, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return the schemas of every entity, and what they share."""
    feature = request.feature
    user = schema_lines(feature.user.model_copy(update={"operations": ("create",)}))
    entities = [(entity, _lines(feature, entity, templates.aspects)) for entity in feature.entities]
    named = {name for lines in (user, *(lines for _, lines in entities)) for m, name in lines.imports if m == TYPES}
    return Output(
        files=(
            ContributedFile(path=_COMMON_FILE, content=templates.read(_COMMON_FILE)),
            ContributedFile(
                path="app/schemas/types.py", content=templates.render("app/schemas/types.py.j2", **types_context(named))
            ),
            ContributedFile(
                path="app/schemas/user.py", content=templates.render("app/schemas/user.py.j2", **_user_context(user))
            ),
            *(_entity_file(templates, entity, lines) for entity, lines in entities),
        ),
        dependencies=(Dependency(ecosystem="python", name="pydantic[email]", version=">=2.12", group="runtime"),),
        schemas=(*_user_facts(feature.user), *(fact for entity in feature.entities for fact in _facts(entity))),
    )


def _lines(feature: Feature, entity: Entity, aspects: Aspects) -> SchemaLines:
    added = aspects.of(Subject(feature=feature, entity=entity))
    return schema_lines(entity, added.parameters(), added.orders())


def _user_context(lines: SchemaLines) -> dict[str, object]:
    fixed = [
        (COMMON, "Schema"), (TYPES, "Email"), (TYPES, "NoNul"),
        ("pydantic", "Field"), ("typing", "Annotated"), ("typing", "Literal"),
    ]  # fmt: skip
    lines.imports += fixed
    return _context(lines)


def _entity_file(templates: Templates, entity: Entity, lines: SchemaLines) -> ContributedFile:
    lines.imports.append((COMMON, "Schema"))
    if "list" in entity.operations:
        lines.imports += [(COMMON, "Page"), (COMMON, "PageParams")]
    content = templates.render(
        "app/schemas/entity.py.j2",
        entity=entity,
        name=class_name(entity.name),
        one=with_article(title(entity.name).lower()),
        **_context(lines),
    )
    return ContributedFile(path=f"app/schemas/{module_name(entity.name)}.py", content=content)


def _context(lines: SchemaLines) -> dict[str, object]:
    return {
        "imports": import_lines(lines.imports),
        "aliases": lines.aliases,
        "create": lines.create,
        "update": lines.update,
        "response": lines.response,
        "query": lines.query,
    }


def _user_facts(user: Entity) -> list[SchemaFact]:
    received = ("id", *_ACCOUNT, "role", *_names(readable(user)), *_MOMENTS)
    return [
        SchemaFact(name="UserCreate", module=_USER_MODULE, fields=(*_ACCOUNT, *_names(writable(user)))),
        SchemaFact(name="UserResponse", module=_USER_MODULE, fields=received),
    ]


def _facts(entity: Entity) -> list[SchemaFact]:
    name, module = class_name(entity.name), f"app.schemas.{module_name(entity.name)}"
    owner = ("owner_id",) if entity.owner else ()
    fields = {
        f"{name}{suffix}": _names(writable(entity))
        for operation, suffix in (("create", "Create"), ("update", "Update"))
        if operation in entity.operations
    }
    fields[f"{name}Response"] = ("id", *owner, *_names(readable(entity)), *_MOMENTS)
    return [SchemaFact(name=schema, module=module, fields=names) for schema, names in fields.items()]


def _names(fields: list[FeatureField]) -> tuple[str, ...]:
    return tuple(json_name(f) for f in fields)
