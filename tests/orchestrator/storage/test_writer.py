from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from orchestrator.storage import writer as writer_module
from orchestrator.storage.database import ConnectionLost, Database, DatabaseLost
from orchestrator.storage.postgres import Server
from orchestrator.storage.writer import OwnerLost, Row, SqlStatement, Writer

if TYPE_CHECKING:
    from orchestrator.storage.database import Connection, Pool

THING = SqlStatement("INSERT INTO things (name, size) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", rank=1)
PART = SqlStatement("INSERT INTO parts (thing, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", rank=2)
RENAME = SqlStatement("UPDATE things SET size = $2 WHERE name = $1", rank=3)


class Watched(Database):
    """A real database that counts its transactions and can hold them up, break them and lose their end."""

    def __init__(self, server: Server, pool: Pool) -> None:
        super().__init__(server, pool)
        self.transactions = 0
        self.begun = asyncio.Event()
        self.break_next = 0
        self.lose_commit = False
        self.held: asyncio.Event | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self.transactions += 1
        self.begun.set()
        if self.held is not None:
            await self.held.wait()
        async with super().transaction() as connection:
            yield connection
            if self.break_next:
                self.break_next -= 1
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if self.lose_commit:
            self.lose_commit = False
            raise ConnectionLost("the connection broke just after COMMIT was sent")


@pytest.fixture
async def watched(database: Database) -> Watched:
    await database.execute("CREATE TABLE things (name text PRIMARY KEY, size integer NOT NULL)")
    await database.execute(
        "CREATE TABLE parts (thing text NOT NULL REFERENCES things, name text NOT NULL, PRIMARY KEY (thing, name))"
    )
    return Watched(database.server, database._pool)


async def things(database: Database) -> set[str]:
    return {row["name"] for row in await database.fetch("SELECT name FROM things")}


async def test_a_write_is_in_the_database_when_it_returns(watched: Watched) -> None:
    await Writer(watched).write([(THING, ("a", 1))])
    assert await things(watched) == {"a"}


async def test_a_hundred_callers_at_once_share_one_transaction(watched: Watched) -> None:
    writer = Writer(watched)
    await asyncio.gather(*(writer.write([(THING, (str(number), number))]) for number in range(100)))
    assert (len(await things(watched)), watched.transactions) == (100, 1)


async def test_what_comes_while_one_transaction_is_under_way_shares_the_next(watched: Watched) -> None:
    watched.held = asyncio.Event()
    writer = Writer(watched)
    first = asyncio.create_task(writer.write([(THING, ("first", 1))]))
    await watched.begun.wait()
    later = [asyncio.create_task(writer.write([(THING, (str(number), 1))])) for number in range(20)]
    await asyncio.sleep(0.01)
    assert watched.transactions == 1
    watched.held.set()
    await asyncio.gather(first, *later)
    assert (len(await things(watched)), watched.transactions) == (21, 2)


async def test_a_transaction_stays_small_however_much_waits(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await watched.execute("CREATE TABLE blobs (blob bytea PRIMARY KEY)")
    blob = SqlStatement("INSERT INTO blobs VALUES ($1)", rank=0)
    monkeypatch.setattr(writer_module, "_MOST_BYTES", 250)
    writer = Writer(watched)
    await asyncio.gather(*(writer.write([(blob, (bytes([number]) * 100,))]) for number in range(5)))
    assert (await watched.fetchval("SELECT count(*) FROM blobs"), watched.transactions) == (5, 3)


async def test_statements_run_by_rank_whatever_the_order_they_come_in(watched: Watched) -> None:
    """A part refers to its thing, so the other order would be refused."""
    writer = Writer(watched)
    rows: list[Row] = [(RENAME, ("a", 7)), (PART, ("a", "wheel")), (THING, ("a", 1))]
    await writer.write(rows)
    assert await watched.fetchval("SELECT size FROM things JOIN parts ON thing = things.name") == 7


async def test_rows_of_one_statement_keep_their_order(watched: Watched) -> None:
    writer = Writer(watched)
    await writer.write([(THING, ("a", 0)), *((RENAME, ("a", size)) for size in range(1, 50))])
    assert await watched.fetchval("SELECT size FROM things") == 49


async def test_only_the_caller_whose_rows_are_refused_gets_the_error(watched: Watched) -> None:
    writer = Writer(watched)
    calls = [writer.write([(THING, (str(number), number))]) for number in range(9)]
    calls.insert(4, writer.write([(THING, ("of mine", 1)), (PART, ("of nobody", "wheel"))]))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results.pop(4), asyncpg.ForeignKeyViolationError)
    assert results == [None] * 9
    assert await things(watched) == {str(number) for number in range(9)}


async def test_a_value_that_does_not_fit_its_column_is_its_callers_error_too(watched: Watched) -> None:
    writer = Writer(watched)
    good, bad = writer.write([(THING, ("a", 1))]), writer.write([(THING, ("b", "large"))])
    results = await asyncio.gather(good, bad, return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], asyncpg.DataError)


async def test_a_cancelled_caller_costs_no_one_elses_rows_and_not_half_of_its_own(watched: Watched) -> None:
    watched.held = asyncio.Event()
    writer = Writer(watched)
    other = asyncio.create_task(writer.write([(THING, ("other", 1))]))
    cancelled = asyncio.create_task(writer.write([(THING, ("mine", 1)), (PART, ("mine", "wheel"))]))
    await watched.begun.wait()
    cancelled.cancel()
    watched.held.set()
    await other
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await things(watched) == {"other", "mine"}
    assert await watched.fetchval("SELECT name FROM parts") == "wheel"


async def test_a_transaction_whose_connection_is_cut_is_tried_again(watched: Watched) -> None:
    watched.break_next = 2
    writer = Writer(watched)
    await asyncio.gather(writer.write([(THING, ("a", 1))]), writer.write([(THING, ("b", 1))]))
    assert (await things(watched), watched.transactions) == ({"a", "b"}, 3)


async def test_a_commit_whose_answer_is_lost_is_not_stored_twice(watched: Watched) -> None:
    watched.lose_commit = True
    await Writer(watched).write([(THING, ("a", 1))])
    assert (await things(watched), watched.transactions) == ({"a"}, 2)


async def test_a_server_that_stays_away_is_every_callers_error_and_the_writer_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE", 0.0)
    watched.break_next = 2
    writer = Writer(watched)
    calls = (writer.write([(THING, ("a", 1))]), writer.write([(THING, ("b", 1))]))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionLost, ConnectionLost]
    assert all(isinstance(result, DatabaseLost) for result in results)
    watched.break_next = 0
    await writer.write([(THING, ("c", 1))])
    assert await things(watched) == {"c"}


async def test_closing_waits_for_what_was_handed_over_and_takes_no_more(watched: Watched) -> None:
    writer = Writer(watched)
    calls = [asyncio.create_task(writer.write([(THING, (str(number), 1))])) for number in range(5)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(await things(watched)) == 5
    await asyncio.gather(*calls)
    with pytest.raises(RuntimeError, match="the writer is closed"):
        await writer.write([(THING, ("late", 1))])


async def test_a_run_that_is_another_owners_is_fenced_off_and_others_are_stored(watched: Watched) -> None:
    asked: list[Sequence[str]] = []

    async def fence(connection: Connection, runs: Sequence[str]) -> set[str]:
        assert connection.is_in_transaction()
        asked.append(runs)
        return {"lost"}

    writer = Writer(watched, fence)
    results = await asyncio.gather(
        writer.write([(THING, ("a", 1))], run="ours"),
        writer.write([(THING, ("b", 1))], run="lost"),
        writer.write([(THING, ("c", 1))]),
        return_exceptions=True,
    )
    assert (results[0], results[2], asked) == (None, None, [["lost", "ours"]])
    assert isinstance(results[1], OwnerLost)
    assert str(results[1]).startswith("run `lost` was taken over by another process")
    assert await things(watched) == {"a", "c"}


async def test_two_writers_that_lock_each_others_rows_both_finish(watched: Watched) -> None:
    """The server ends one of two transactions that wait for each other; the writer tries it again."""
    await Writer(watched).write([(THING, ("a", 0)), (THING, ("b", 0))])
    first, second = Writer(watched), Writer(watched)
    slow = SqlStatement("UPDATE things SET size = size + $2 WHERE name = $1 AND pg_sleep(0.1) IS NOT NULL", rank=3)
    await asyncio.gather(
        first.write([(slow, ("a", 1)), (slow, ("b", 1))]), second.write([(slow, ("b", 1)), (slow, ("a", 1))])
    )
    assert [row["size"] for row in await watched.fetch("SELECT size FROM things")] == [2, 2]


THINGS = SqlStatement(
    "INSERT INTO things SELECT * FROM {rows} AS r ON CONFLICT (name) DO UPDATE SET size = excluded.size",
    rank=1,
    types=("text", "integer"),
)
LOOSE = SqlStatement("INSERT INTO loose SELECT * FROM {rows} AS r", rank=2, types=("text", "bytea", "integer"))


@pytest.fixture
async def loose(watched: Watched) -> Watched:
    await watched.execute("CREATE TABLE loose (name text, content bytea, size integer CHECK (size < 100))")
    return watched


@pytest.mark.parametrize("count", [1, 4, 5, 300])
async def test_statements_that_take_all_rows_at_once_are_sent_as_one(loose: Watched, count: int) -> None:
    writer = Writer(loose)
    rows = [(str(number), None if number % 2 else b"\0" * number, number % 100) for number in range(count)]
    await asyncio.gather(writer.write([(LOOSE, row) for row in rows]), writer.write([(THINGS, ("a", 1))]))
    assert [tuple(row) for row in await loose.fetch("SELECT * FROM loose")] == rows
    assert (await things(loose), loose.transactions) == ({"a"}, 0), "one statement needs no more"


async def test_they_share_a_transaction_with_other_statements(loose: Watched) -> None:
    writer = Writer(loose)
    await asyncio.gather(
        writer.write([(THINGS, (str(number), number)) for number in range(9)]),
        writer.write([(PART, ("3", "wheel")), (LOOSE, ("x", None, 1))]),
    )
    assert (len(await things(loose)), loose.transactions) == (9, 1)


async def test_among_them_too_only_the_guilty_caller_gets_the_error(loose: Watched) -> None:
    writer = Writer(loose)
    bad: list[Row] = [(THINGS, ("half", 1)), (LOOSE, ("x", None, 100))]
    calls = [writer.write(bad), *(writer.write([(LOOSE, (str(number), None, number))]) for number in range(20))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[0], asyncpg.CheckViolationError)
    assert results[1:] == [None] * 20
    assert await loose.fetchval("SELECT count(*) FROM loose") == 20
    assert await things(loose) == set()


async def test_callers_that_write_one_key_at_once_both_succeed(loose: Watched) -> None:
    """One statement may not update a row twice, so they get one each."""
    writer = Writer(loose)
    await asyncio.gather(*(writer.write([(THINGS, ("a", size))]) for size in range(3)))
    assert await loose.fetchval("SELECT size FROM things") == 2


async def test_a_row_that_two_callers_share_is_sent_once(loose: Watched) -> None:
    row: Row = (LOOSE, ("shared", b"large", 1))
    writer = Writer(loose)
    await asyncio.gather(writer.write([row]), writer.write([row, (LOOSE, ("own", None, 2))]))
    assert [each["name"] for each in await loose.fetch("SELECT name FROM loose")] == ["shared", "own"]
