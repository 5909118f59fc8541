"""Remove runs that ended long ago from the database, and the contents that no run refers to any more.

Both go in small transactions, each of which leaves nothing half removed: whoever is interrupted begins again and
finishes. Rows that somebody else holds at that moment are passed over, so any number may remove at once, while runs
begin, are taken up and store contents.

Not here: what runs leave on the disk (`orchestrator.runtime.retention`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from orchestrator.storage.database import ConnectionLost, Database
from orchestrator.storage.runs import ENDED, thread

if TYPE_CHECKING:
    from orchestrator.storage.database import Connection

_RUNS_AT_ONCE = 100
_CONTENTS_AT_ONCE = 1000
_TRIES = 5  # of a transaction whose connection breaks
_VACUUM_SECONDS = 3600.0

_HAS_ENDED = "finished_at < now() - $1::interval AND status = ANY($2)"
_OLD = f"SELECT id, generation FROM baton.runs WHERE {_HAS_ENDED} AND id > $3 ORDER BY id LIMIT $4"  # noqa: S608 - constants
_UNFINISHED = "SELECT count(*) FROM baton.runs WHERE started_at < now() - $1::interval AND NOT status = ANY($2)"

# What takes room, by table: the column that says whose it is, and what to measure. Other tables go with their run.
_OF_THREADS = {
    "baton.checkpoint_values": "pg_column_size(value)",
    "baton.checkpoint_writes": "pg_column_size(value)",
    "baton.checkpoints": "pg_column_size(checkpoint) + pg_column_size(metadata)",
}
_OF_RUNS = {
    "baton.events": "pg_column_size(event)",
    "baton.steps": "coalesce(pg_column_size(receipt), 0) + coalesce(pg_column_size(outcome), 0)",
}

_UNUSED = (
    "SELECT sha256 FROM baton.content WHERE sha256 > $1"
    " AND NOT EXISTS (SELECT FROM baton.content_of_runs WHERE content_of_runs.sha256 = content.sha256)"
    " ORDER BY sha256 LIMIT $2 FOR UPDATE SKIP LOCKED"
)
# Once the rows are held nobody can begin to refer to one; who did between the two statements is seen by the second.
_REMOVE_UNUSED = (
    "DELETE FROM baton.content WHERE sha256 = ANY($1)"
    " AND NOT EXISTS (SELECT FROM baton.content_of_runs WHERE content_of_runs.sha256 = content.sha256)"
    " RETURNING pg_column_size(data) AS size"
)
_WOULD_BE_UNUSED = (
    "SELECT count(*) AS count, coalesce(sum(pg_column_size(data)), 0) AS size FROM baton.content WHERE NOT EXISTS"  # noqa: S608 - constants
    " (SELECT FROM baton.content_of_runs JOIN baton.runs ON id = run_id"
    f" WHERE content_of_runs.sha256 = content.sha256 AND ({_HAS_ENDED}) IS NOT TRUE)"
)
_TABLES = (*_OF_THREADS, *_OF_RUNS, "baton.questions", "baton.handoffs", "baton.content_of_runs", "baton.content")

BeforeRemoval = Callable[[Sequence[str]], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """How many were removed, or would be, and the bytes that they took."""

    count: int = 0
    bytes: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(count=self.count + other.count, bytes=self.bytes + other.bytes)


class Retention:
    """The runs of a database that ended at least `age` ago, by its own clock."""

    def __init__(self, database: Database, age: timedelta) -> None:
        self._database = database
        self._which = (age, list(ENDED))

    async def remove_runs(self, before: BeforeRemoval) -> Removed:
        """Remove the runs with all that belongs to them alone; `before` is awaited with the ids of each lot.

        Raises:
            DatabaseLost: The database went away; what is removed so far stays so.
        """
        return await self._through_runs(self._remove_lot, " FOR UPDATE SKIP LOCKED", before)

    async def measure_runs(self, look: BeforeRemoval) -> Removed:
        """Return what `remove_runs` would; nothing is removed. `look` is awaited with the ids of each lot."""
        return await self._through_runs(_measure_lot, "", look)

    async def _through_runs(
        self,
        work: Callable[[Connection, Sequence[str], Sequence[str]], Awaitable[int]],
        locking: str,
        told: BeforeRemoval,
    ) -> Removed:
        total, last = Removed(), ""

        async def lot() -> tuple[Removed, str | None]:
            async with self._database.transaction() as connection:
                rows = await connection.fetch(_OLD + locking, *self._which, last, _RUNS_AT_ONCE)
                ids = [row["id"] for row in rows]
                await told(ids)
                threads = [thread(row["id"], each) for row in rows for each in range(row["generation"] + 1)]
                removed = Removed(count=len(ids), bytes=await work(connection, ids, threads))
            return removed, ids[-1] if ids else None

        while True:
            removed, end = await _tried(lot)
            if end is None:
                return total
            total, last = total + removed, end

    @staticmethod
    async def _remove_lot(connection: Connection, ids: Sequence[str], threads: Sequence[str]) -> int:
        size = 0
        for table, measured in _OF_THREADS.items():
            size += await _delete(connection, table, "thread_id", measured, threads)
        for table, measured in _OF_RUNS.items():
            size += await _delete(connection, table, "run_id", measured, ids)
        await connection.execute("DELETE FROM baton.runs WHERE id = ANY($1)", ids)
        return size

    async def remove_contents(self) -> Removed:
        """Remove the contents that no run refers to. Raises as `remove_runs` does."""
        total, last = Removed(), b""

        async def lot() -> tuple[Removed, bytes | None]:
            async with self._database.transaction() as connection:
                held = [row["sha256"] for row in await connection.fetch(_UNUSED, last, _CONTENTS_AT_ONCE)]
                sizes = [row["size"] for row in await connection.fetch(_REMOVE_UNUSED, held)]
            return Removed(count=len(sizes), bytes=sum(sizes)), held[-1] if held else None

        while True:
            removed, end = await _tried(lot)
            if end is None:
                return total
            total, last = total + removed, end

    async def measure_contents(self) -> Removed:
        """Return what `remove_contents` would remove once the runs are gone."""
        row = await self._database.fetchrow(_WOULD_BE_UNUSED, *self._which)
        return Removed() if row is None else Removed(count=row["count"], bytes=int(row["size"]))

    async def unfinished(self) -> int:
        """Return how many runs are as old and not over."""
        return int(await self._database.fetchval(_UNFINISHED, *self._which))

    async def unknown(self, ids: Sequence[str]) -> set[str]:
        """Return which of `ids` are of no run in this database."""
        rows = await self._database.fetch("SELECT id FROM baton.runs WHERE id = ANY($1)", list(ids))
        return set(ids) - {row["id"] for row in rows}

    async def make_room(self) -> None:
        """Have PostgreSQL use the room again: an embedded server seldom lives until it does so by itself."""
        connection = await self._database.connect_alone()
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # not ours to vacuum: another time
            try:
                await connection.execute(f"VACUUM (SKIP_LOCKED) {', '.join(_TABLES)}", timeout=_VACUUM_SECONDS)
            finally:
                await connection.close()


async def _delete(connection: Connection, table: str, column: str, measured: str, keys: Sequence[str]) -> int:
    return int(
        await connection.fetchval(
            f"WITH gone AS (DELETE FROM {table} WHERE {column} = ANY($1) RETURNING {measured} AS size)"  # noqa: S608 - constants
            " SELECT coalesce(sum(size), 0) FROM gone",
            keys,
        )
    )


async def _measure_lot(connection: Connection, ids: Sequence[str], threads: Sequence[str]) -> int:
    size = 0
    for tables, column, keys in ((_OF_THREADS, "thread_id", threads), (_OF_RUNS, "run_id", ids)):
        for table, measured in tables.items():
            size += await connection.fetchval(
                f"SELECT coalesce(sum({measured}), 0) FROM {table} WHERE {column} = ANY($1)",  # noqa: S608 - constants
                keys,
            )
    return int(size)


async def _tried(work: Callable[[], Awaitable[T]]) -> T:
    """Do what may be done again, also if its connection breaks."""
    for _ in range(_TRIES - 1):
        with suppress(ConnectionLost):
            return await work()
    return await work()
