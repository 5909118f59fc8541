"""Check of the database: the schema that migrations leave is what was claimed.

Not here: running migrations (a toolchain's), reading the live schema (`agents.checks.postgres.introspection`).
"""

from __future__ import annotations

import time

from agents.checks.evidence import Evidence
from agents.checks.postgres.databases import database_errors
from agents.checks.postgres.introspection import differences, live_tables, server_version
from agents.checks.results import LiveSchema
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from schemas.handoffs import Table


class LiveSchemaCheck:
    """The schema that the migrations leave equals what the skill claims, in PostgreSQL's own spelling."""

    name = "live-schema"

    def __init__(self, migrations: str, *, bookkeeping: str) -> None:
        """Look at the database that the check `migrations` left, but not at the migrations' own table."""
        self.after: tuple[str, ...] = (migrations,)
        self._migrations, self._bookkeeping = migrations, bookkeeping

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        claimed = work.facts(Table)
        evidence, live = await measure_tables(scratch, self.name, self._migrations, bookkeeping=self._bookkeeping)
        problems = differences(claimed, live)
        if problems:
            summary = f"the live schema differs from the plan in {len(problems)} places"
            return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(problems))
        described = {table.name: table for table in claimed}
        stated = tuple(
            table.model_copy(
                update={"entity": described[table.name].entity, "description": described[table.name].description}
            )
            for table in live
        )
        return Outcome(
            passed=True,
            summary=f"{len(live)} tables",
            evidence=(evidence,),
            measured=LiveSchema(tables=stated),
        )


async def measure_tables(
    scratch: Scratch, check: str, label: str, *, bookkeeping: str
) -> tuple[Evidence, tuple[Table, ...]]:
    """Read the live schema of the scratch database `label`, and leave it in the log; `bookkeeping` is no table of it.

    Raises:
        ScratchError: The database cannot be read.
    """
    started = time.monotonic()
    dsn = await scratch.database(label)
    with database_errors("a scratch database cannot be read"):
        tables, version = await live_tables(dsn, bookkeeping), await server_version(dsn)
    text = "\n".join(table.model_dump_json(indent=2) for table in tables)
    return scratch.record(check, f"PostgreSQL {version}", text, time.monotonic() - started), tables
