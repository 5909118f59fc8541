"""The Database agent: the schema and the migrations that make it."""

from __future__ import annotations

from agents.checks.results import LiveSchema
from agents.contracts import Reads, Role, Work
from agents.gaps import open_gaps
from schemas.base import Document
from schemas.handoffs import DatabaseAgentOutput, Migration, Table
from skills.core.contribution import Contribution


def compose(work: Work) -> DatabaseAgentOutput:
    """Return the handoff: the tables as the live database has them."""
    return DatabaseAgentOutput(
        task=work.task,
        files=work.files,
        tables=work.result(LiveSchema).tables,
        migrations=work.facts(Migration),
        verification=work.verification,
        not_implemented=open_gaps(work),
    )


class DatabaseClaims(Contribution):
    """What a handoff states that the checks compare with the live database."""

    tables: tuple[Table, ...]
    migrations: tuple[Migration, ...]


def claims(handoff: Document) -> DatabaseClaims:
    """Return what a handoff written outside states."""
    stated = DatabaseAgentOutput.model_validate(handoff)
    return DatabaseClaims(tables=stated.tables, migrations=stated.migrations)


ROLE = Role(
    name="database-agent",
    title="Database",
    reads=(
        Reads(
            contract="feature-prd",
            name="prd",
            question="I need the feature's entities and their fields. Where is the feature PRD?",
        ),
    ),
    writes="database-agent-output",
    compose=compose,
    claims=claims,
    required=(),
)
