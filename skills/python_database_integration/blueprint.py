"""Turns the database handoff into SQLAlchemy models and the engine that the app reaches them with."""

from __future__ import annotations

from schemas.base import Document
from schemas.feature import Feature
from schemas.handoffs import DatabaseAgentOutput
from skills.codegen.imports import import_lines
from skills.codegen.naming import title
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.templates import Templates
from skills.python_database_integration.models import EntityModel, entity_models

_FLOAT = "double precision"
_ENGINE = "app/core/database.py"


class Input(Document):
    feature: Feature
    database: DatabaseAgentOutput


class Model(Document):
    """A mapped class: `from <module> import <name>`, storing `table`."""

    name: str
    module: str
    table: str


class Output(Contribution):
    """`models` in the order of the PRD, `User` first, each followed by the join tables of its fields."""

    models: tuple[Model, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return the models of every table and the engine's module.

    Raises:
        DatabaseNotMappable: The handoff does not fit the feature, or says something the models cannot.
    """
    models = entity_models(request.feature, request.database, templates.aspects)
    uses_float = any(c.type == _FLOAT for table in request.database.tables for c in table.columns)
    return Output(
        files=(
            ContributedFile(path=_ENGINE, content=templates.read(_ENGINE)),
            _package(templates, models),
            ContributedFile(
                path="app/models/base.py",
                content=templates.render("app/models/base.py.j2", uses_float=uses_float),
            ),
            *(_module(templates, model) for model in models),
        ),
        dependencies=(
            Dependency(ecosystem="python", name="asyncpg", version=">=0.30", group="runtime"),
            Dependency(ecosystem="python", name="sqlalchemy[asyncio]", version=">=2.1", group="runtime"),
        ),
        models=tuple(fact for model in models for fact in _facts(model)),
    )


def _package(templates: Templates, models: tuple[EntityModel, ...]) -> ContributedFile:
    exported = sorted(("Base", *(name for model in models for name in model.exports)))
    content = templates.render("app/models/__init__.py.j2", models=models, exported=exported)
    return ContributedFile(path="app/models/__init__.py", content=content)


def _module(templates: Templates, model: EntityModel) -> ContributedFile:
    content = templates.render(
        "app/models/entity.py.j2",
        model=model,
        heading=f"The {title(model.name).lower()} as the database stores it.",
        imports=import_lines(model.imports),
    )
    return ContributedFile(path=f"app/models/{model.module}.py", content=content)


def _facts(model: EntityModel) -> list[Model]:
    module = f"app.models.{model.module}"
    return [
        Model(name=model.name, module=module, table=model.table),
        *(Model(name=link.name, module=module, table=link.table) for link in model.many),
    ]
