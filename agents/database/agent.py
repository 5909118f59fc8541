"""The Database agent: the schema and the migrations that make it."""

from __future__ import annotations

from typing import cast

from agents.checks.postgres.schema import LIVE_SCHEMA, LiveSchemaCheck, MigrationsCheck
from agents.checks.python.tools import RuffCheck
from agents.contracts import Agent, Reads, Work
from agents.guards.annotations import MissingTypeHints
from agents.guards.ownership import Ownership
from agents.guards.paths import PathEscape
from agents.guards.source import PythonSyntax
from schemas.base import JSON, Document
from schemas.handoffs import DatabaseAgentOutput, Migration, Table
from skills.core.contribution import Contribution

_MIGRATIONS = "alembic/"


def compose(work: Work) -> DatabaseAgentOutput:
    """Return the handoff: the tables as the live database has them."""
    live = cast("dict[str, list[JSON]]", work.measured[LIVE_SCHEMA])
    return DatabaseAgentOutput(
        task=work.task,
        files=work.files,
        tables=tuple(Table.model_validate(table) for table in live["tables"]),
        migrations=tuple(
            cast("Migration", migration)
            for output in work.outputs.values()
            for migration in getattr(output, "migrations", ())
        ),
        verification=work.verification,
        not_implemented=work.feature.gaps or None,
    )


class Claims(Contribution):
    """What a handoff states that the checks compare with the live database."""

    tables: tuple[Table, ...]
    migrations: tuple[Migration, ...]


def claims(handoff: Document) -> Claims:
    """Return what a handoff written outside states."""
    stated = DatabaseAgentOutput.model_validate(handoff)
    return Claims(tables=stated.tables, migrations=stated.migrations)


AGENT = Agent(
    name="database-agent",
    title="Database",
    reads=(
        Reads(
            contract="feature-prd",
            name="prd",
            question="I need the feature's entities and their fields. Where is the feature PRD?",
        ),
        Reads(contract="architect-output", name="architect", required=False),
    ),
    writes="database-agent-output",
    owns=("alembic/**", "alembic.ini"),
    fixed=("alembic/versions/**",),
    guards=(PathEscape(), Ownership(), PythonSyntax(), MissingTypeHints(_MIGRATIONS)),
    checks=(RuffCheck("alembic"), MigrationsCheck(), LiveSchemaCheck()),
    compose=compose,
    claims=claims,
)
