"""Checks of the database: the migrations run both ways, and what they leave is what was claimed.

Not here: reading the live schema (`agents.checks.postgres.introspection`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from agents.checks.outcomes import failed_tool
from agents.checks.postgres.databases import database_errors
from agents.checks.postgres.introspection import differences, live_tables, server_version
from agents.checks.scratch import Scratch
from agents.contracts import Evidence, Outcome, Work
from schemas.handoffs import DatabaseAgentOutput, Table

_ALEMBIC = Path(__file__).parent / "probes" / "alembic_steps.py"
MIGRATIONS = "migrations"
LIVE_SCHEMA = "live-schema"


class MigrationsCheck:
    """Upgrade, downgrade to nothing, upgrade again, on a fresh PostgreSQL database."""

    name = MIGRATIONS
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        steps = ("upgrade:head", "downgrade:base", "empty", "upgrade:head")
        evidence, output = await run_alembic(scratch, self.name, MIGRATIONS, steps)
        if evidence.exit_code:
            return failed_tool("the migrations do not run up, down and up", evidence, output)
        return Outcome(passed=True, summary="up, down and up", evidence=(evidence,))


class LiveSchemaCheck:
    """The schema that the migrations leave equals what the skill claims, in PostgreSQL's own spelling."""

    name = LIVE_SCHEMA
    after = (MIGRATIONS,)

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        claimed = claimed_tables(work)
        evidence, live = await measure_tables(scratch, self.name, MIGRATIONS)
        problems = differences(claimed, live)
        if problems:
            summary = f"the live schema differs from the plan in {len(problems)} places"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(problems))
        described = {table.name: table for table in claimed}
        stated = [
            table.model_copy(
                update={"entity": described[table.name].entity, "description": described[table.name].description}
            )
            for table in live
        ]
        return Outcome(
            passed=True,
            summary=f"{len(live)} tables",
            evidence=(evidence,),
            measured={"tables": [table.model_dump(mode="json") for table in stated]},
        )


class OrmCheck:
    """The models declare the schema that the migrations make, which is the one the database handoff states."""

    name = "orm"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        evidence, output = await run_alembic(scratch, self.name, self.name, ("upgrade:head", "check"))
        if evidence.exit_code:
            return failed_tool("the models and the migrations disagree", evidence, output)
        measured, live = await measure_tables(scratch, self.name, self.name)
        handoff = work.handoffs["database"]
        assert isinstance(handoff, DatabaseAgentOutput)  # noqa: S101  # the step validated it
        problems = differences(handoff.tables, live)
        return Outcome(
            passed=not problems,
            summary=f"{len(live)} tables" if not problems else "the live schema is not the database handoff's",
            evidence=(evidence, measured),
            problems=tuple(problems),
        )


async def run_alembic(scratch: Scratch, check: str, label: str, steps: Sequence[str]) -> tuple[Evidence, str]:
    """Run Alembic steps (`upgrade:head`, `downgrade:base`, `empty`, `check`) on the scratch database `label`."""
    python, dsn = await scratch.python(), await scratch.database(label)
    argv: list[str | Path] = [python, _ALEMBIC, *steps]
    return await scratch.tool(check, argv, env={"DATABASE_URL": dsn, "PYTHONPATH": str(scratch.tree)}, tool="alembic")


async def measure_tables(scratch: Scratch, check: str, label: str) -> tuple[Evidence, tuple[Table, ...]]:
    """Read the live schema of the scratch database `label`, and leave it in the log."""
    started = time.monotonic()
    dsn = await scratch.database(label)
    with database_errors("a scratch database cannot be read"):
        tables, version = await live_tables(dsn), await server_version(dsn)
    text = "\n".join(table.model_dump_json(indent=2) for table in tables)
    return scratch.record(check, f"PostgreSQL {version}", text, time.monotonic() - started), tables


def claimed_tables(work: Work) -> tuple[Table, ...]:
    """Return the tables that the step's skills state."""
    return tuple(table for output in work.outputs.values() for table in getattr(output, "tables", ()))
