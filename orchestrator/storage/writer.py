"""Write rows durably, many callers in one transaction.

A commit costs the same however much it holds. So while one is under way the rows of everybody else gather, and the
next one takes them all: a thousand runs at once share a few commits. A row must be one that may be written twice
(`ON CONFLICT`), because a transaction whose connection breaks is tried again without knowing whether it was stored.

Not here: reading, and writes whose outcome decides what happens next (`orchestrator.storage.database`).
"""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from orchestrator.storage.database import PATIENCE, ConnectionLost, Database
from schemas.errors import RunError

if TYPE_CHECKING:
    from orchestrator.storage.database import Connection

_MOST_BYTES: Final = 32_000_000  # in one transaction, so that none takes long; a caller's rows are never divided
_FEW_ROWS: Final = 4  # of a statement; so many the server takes faster one by one than as arrays
_PAUSE: Final = 0.05  # seconds before a transaction whose connection broke is tried again
# Two processes waited for each other and the server ended one of them: nothing is wrong with its rows.
_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """An SQL statement for rows of one kind.

    `rank` orders the statements within a transaction, lowest first: what others refer to goes before them.

    With `types`, those of its arguments in PostgreSQL, the statement takes all its rows at once: it selects from
    `{rows} AS name`. A transaction of such statements alone is sent as one statement, in one round trip; so none of
    them sees what another one does, and none may be given one key twice by one caller.
    """

    sql: str
    rank: int
    types: tuple[str, ...] = ()


Row: TypeAlias = tuple[SqlStatement, Sequence[object]]
Fence: TypeAlias = "Callable[[Connection, Sequence[str]], Awaitable[set[str]]]"


class OwnerLost(RunError):
    """The run is somebody else's now, so nothing more is written for it from here."""

    code = "owner_lost"


@dataclass(frozen=True, slots=True, eq=False)
class _Caller:
    """What one call of `write` brought; `stored` is what it waits for."""

    rows: Sequence[Row]
    run: str | None
    stored: asyncio.Future[None]

    def succeed(self) -> None:
        if not self.stored.done():  # it is if its caller was cancelled
            self.stored.set_result(None)

    def fail(self, error: BaseException) -> None:
        if not self.stored.done():
            self.stored.set_exception(error)

    def size(self) -> int:
        """Return about how many bytes its rows take."""
        return sum(len(value) for _, row in self.rows for value in row if isinstance(value, bytes))


class Writer:
    """The group commit of one database. For use in one event loop."""

    def __init__(self, database: Database, fence: Fence | None = None) -> None:
        """Write to `database`.

        Args:
            database: Where rows go.
            fence: Asked, in the transaction that writes, which of the given runs are no longer ours to write for.
        """
        self._database = database
        self._fence = fence
        self._waiting: list[_Caller] = []
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    async def write(self, rows: Iterable[Row], run: str | None = None) -> None:
        """Return when `rows` are durable: all of them, or an error and none.

        A caller that is cancelled while it waits does not know, yet its rows are whole or not there.

        Args:
            rows: Statements with their arguments. They run by rank, those of one statement in the order given.
            run: The run that the rows belong to, for the fence to ask after.

        Raises:
            OwnerLost: The fence says that the run is somebody else's.
            DatabaseLost: The server went away and did not come back in time.
            asyncpg.PostgresError: The server refuses these rows. `asyncpg.DataError`: they do not fit their columns.
        """
        if self._closed:
            raise RuntimeError("the writer is closed")
        caller = _Caller(tuple(rows), run, asyncio.get_running_loop().create_future())
        if not caller.rows:
            return
        self._waiting.append(caller)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await caller.stored

    async def close(self) -> None:
        """Return when everything that was handed over is stored or refused. Nothing more is taken."""
        self._closed = True
        if self._flushing is not None:
            await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        batch: Sequence[_Caller] = ()
        try:
            await asyncio.sleep(0)  # what belongs together is often handed over in one turn of the event loop
            while self._waiting:
                batch = self._next_batch()
                await self._store(batch)
        finally:
            self._flushing = None
            for caller in (*batch, *self._waiting):  # none is left, unless this task was cancelled
                caller.stored.cancel()
            self._waiting.clear()

    def _next_batch(self) -> Sequence[_Caller]:
        size, count = 0, 0
        for caller in self._waiting:
            size += caller.size()
            if count and size > _MOST_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _store(self, batch: Sequence[_Caller]) -> None:
        """Write what `batch` brought and tell each caller. If together it fails for its data, halves find who it is."""
        try:
            gone = await self._patiently(batch)
        except RunError as error:  # the database is away: it is nobody's fault
            for caller in batch:
                caller.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller whose rows caused it
            if len(batch) == 1:
                batch[0].fail(error)
                return
            middle = len(batch) // 2
            await self._store(batch[:middle])
            await self._store(batch[middle:])
        else:
            for caller in batch:
                if caller.run in gone:
                    caller.fail(_owner_lost(caller.run))
                else:
                    caller.succeed()

    async def _patiently(self, batch: Sequence[_Caller]) -> set[str | None]:
        """Write in one transaction, again if its connection broke; return the runs that the fence kept out."""
        clock = asyncio.get_running_loop()
        deadline = 0.0
        while True:
            try:
                return await self._transaction(batch)
            except (ConnectionLost, *_AGAIN):
                deadline = deadline or clock.time() + PATIENCE
                if clock.time() >= deadline:
                    raise
            await asyncio.sleep(_PAUSE)

    async def _transaction(self, batch: Sequence[_Caller]) -> set[str | None]:
        runs = {caller.run for caller in batch if caller.run is not None} if self._fence else set()
        everything = _by_statement(batch)
        if not runs and all(statement.types for statement in everything):
            await self._database.execute(*_all_at_once(everything))
            return set()
        gone: set[str | None] = set()
        async with self._database.transaction() as connection:
            if self._fence is not None and runs:
                gone.update(await self._fence(connection, sorted(runs)))
            for statement, rows in _by_statement(caller for caller in batch if caller.run not in gone).items():
                if statement.types:
                    await connection.execute(*_all_at_once({statement: rows}))
                else:
                    await connection.executemany(statement.sql, rows)
        return gone


def _by_statement(callers: Iterable[_Caller]) -> Mapping[SqlStatement, Sequence[Sequence[object]]]:
    """Return each statement's rows, in an order that is the same in every process, so that locks are too.

    A row that several callers share is sent once.
    """
    by_statement: defaultdict[SqlStatement, dict[int, Sequence[object]]] = defaultdict(dict)
    for caller in callers:
        for statement, row in caller.rows:
            by_statement[statement][id(row)] = row
    ordered = sorted(by_statement, key=lambda statement: (statement.rank, statement.sql))
    return {statement: list(by_statement[statement].values()) for statement in ordered}


def _all_at_once(by_statement: Mapping[SqlStatement, Sequence[Sequence[object]]]) -> Sequence[Any]:
    """Return one SQL statement that takes all the rows of several, and its arguments."""
    arguments: list[object] = []
    counts = []
    for rows in by_statement.values():
        few = len(rows) <= _FEW_ROWS
        counts.append(len(rows) if few else 0)
        arguments += (value for row in rows for value in row) if few else zip(*rows, strict=True)
    return (_joined(tuple(by_statement), tuple(counts)), *arguments)


@functools.cache
def _joined(statements: Sequence[SqlStatement], counts: Sequence[int]) -> str:
    """Return the SQL for statements with so many rows each; 0 for any number, which come as an array a column."""
    parameters = count(1)
    parts = []
    for statement, rows in zip(statements, counts, strict=True):
        if rows:
            lines = (", ".join(f"${next(parameters)}::{kind}" for kind in statement.types) for _ in range(rows))
            source = f"(VALUES {', '.join(f'({line})' for line in lines)})"
        else:
            source = f"unnest({', '.join(f'${next(parameters)}::{kind}[]' for kind in statement.types)})"
        parts.append(statement.sql.format(rows=source))
    *others, last = parts
    named = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(others))
    return f"WITH {named} {last}" if named else last


def _owner_lost(run: str | None) -> OwnerLost:
    return OwnerLost(
        f"run `{run}` was taken over by another process, so this one stops working on it; what it had stored stays.\n"
        f"See how it goes on with `baton show {run}`."
    )
