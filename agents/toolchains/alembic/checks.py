"""Checks of Alembic's migrations: they run both ways, and the models declare the schema that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.checks.evidence import Evidence
from agents.checks.outcomes import failed_tool
from agents.checks.postgres.introspection import differences
from agents.checks.postgres.schema import measure_tables
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from schemas.handoffs import DatabaseAgentOutput

MIGRATIONS = "migrations"
BOOKKEEPING = "alembic_version"
_PROBE = Path(__file__).parent / "probes" / "alembic_steps.py"


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


class OrmCheck:
    """The models declare the schema that the migrations make, which is the one the database handoff states."""

    name = "orm"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        evidence, output = await run_alembic(scratch, self.name, self.name, ("upgrade:head", "check"))
        if evidence.exit_code:
            return failed_tool("the models and the migrations disagree", evidence, output)
        measured, live = await measure_tables(scratch, self.name, self.name, bookkeeping=BOOKKEEPING)
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
    argv: list[str | Path] = [python, _PROBE, *steps]
    env = {"DATABASE_URL": dsn, "PYTHONPATH": str(scratch.tree)}
    return await scratch.tool(check, argv, env=env, tool="alembic", reads=[_PROBE])
