"""Turns a feature's entities into a PostgreSQL schema: one Alembic migration, up and down, and its environment."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.base import Document
from schemas.feature import Feature
from schemas.handoffs import Migration, Table
from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.templates import Templates
from skills.database_schema_expander.plans import TablePlan
from skills.database_schema_expander.tables import plan_tables

REVISION = "0001"
_SLUG_CHARACTERS = 60
_COPIED = ("alembic.ini", "alembic/env.py", "alembic/script.py.mako")


class Input(Document):
    feature: Feature


class Output(Contribution):
    """`tables` in creation order, each as the live database must have it once the migrations ran."""

    tables: tuple[Table, ...]
    migrations: tuple[Migration, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return the migration that creates every table of the feature, and what Alembic needs to run it.

    Raises:
        SchemaImpossible: The feature's names cannot all exist in one schema.
    """
    feature = request.feature
    plans = plan_tables(feature, templates.aspects)
    slug = feature.slug.replace("-", "_")[:_SLUG_CHARACTERS].rstrip("_")
    path = f"alembic/versions/{REVISION}_{slug}.py"
    migration = templates.render(
        "alembic/versions/migration.py.j2", feature=feature, tables=plans, revision=REVISION, jsonb=_uses_jsonb(plans)
    )
    return Output(
        files=(
            *(ContributedFile(path=name, content=templates.read(name)) for name in _COPIED),
            ContributedFile(path=path, content=migration),
        ),
        dependencies=(
            Dependency(ecosystem="python", name="alembic", version=">=1.16", group="runtime"),
            Dependency(ecosystem="python", name="asyncpg", version=">=0.30", group="runtime"),
            Dependency(ecosystem="python", name="sqlalchemy", version=">=2.0.40", group="runtime"),
        ),
        tables=tuple(plan.table() for plan in plans),
        migrations=(Migration(revision=REVISION, file=path, summary=f"Create {_listed([p.name for p in plans])}."),),
    )


def _uses_jsonb(plans: Sequence[TablePlan]) -> bool:
    return any(column.type.sql == "jsonb" for plan in plans for column in plan.columns)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
