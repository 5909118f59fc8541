"""Alembic: SQLAlchemy's migrations, on PostgreSQL."""

from __future__ import annotations

from agents.checks.postgres.schema import LiveSchemaCheck
from agents.checks.python.tools import RuffCheck
from agents.contracts import Binding, Toolchain
from agents.guards.annotations import MissingTypeHints
from agents.guards.source import PythonSyntax
from agents.toolchains.alembic.checks import BOOKKEEPING, MIGRATIONS, MigrationsCheck
from skills.core.conditions import choices, conditions

TOOLCHAIN = Toolchain(
    name="alembic",
    when=conditions("database=PostgreSQL orm=SQLAlchemy"),
    provides=choices("orm=SQLAlchemy"),
    bindings={
        "database-agent": Binding(
            owns=("alembic/**", "alembic.ini"),
            fixed=("alembic/versions/**",),
            guards=(PythonSyntax(), MissingTypeHints("alembic/")),
            checks=(RuffCheck("alembic"), MigrationsCheck(), LiveSchemaCheck(MIGRATIONS, bookkeeping=BOOKKEEPING)),
            locks={"python": "requirements-dev.lock"},
        ),
    },
)
