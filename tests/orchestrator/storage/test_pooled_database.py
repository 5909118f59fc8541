"""Behind a transaction pooler nothing of one transaction is there in the next, and Baton does not miss it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.storage import postgres
from orchestrator.storage.database import Database, connect
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.lease import IS_DEAD, Owner
from orchestrator.storage.migrations import MIGRATIONS
from orchestrator.storage.postgres import Server
from orchestrator.storage.writer import SqlStatement, Writer
from tests.support.pooler import Pooler

pytestmark = pytest.mark.slow

NOTE = SqlStatement("INSERT INTO notes VALUES ($1, $2) ON CONFLICT (number) DO UPDATE SET text = excluded.text", rank=0)


@pytest.fixture
async def notes(pooled: Database) -> Database:
    await pooled.execute("CREATE TABLE notes (number integer PRIMARY KEY, text text)")
    return pooled


async def test_reads_and_writes_find_what_they_need_on_any_connection(notes: Database, pooler: Pooler) -> None:
    async def work(number: int) -> str:
        await notes.execute("INSERT INTO notes VALUES ($1, $2) ON CONFLICT DO NOTHING", number, str(number))
        async with notes.transaction() as connection:
            await connection.execute("UPDATE notes SET text = text || '!' WHERE number = $1", number)
            await connection.executemany("UPDATE notes SET text = text || $2 WHERE number = $1", [(number, "?")] * 2)
        rows = await notes.fetch("SELECT text FROM notes WHERE number = ANY($1)", [number])
        return str(rows[0]["text"])

    before = pooler.switches
    assert await asyncio.gather(*(work(number) for number in range(50))) == [f"{number}!??" for number in range(50)]
    assert pooler.switches - before > 10


async def test_the_group_commit_works_behind_it(notes: Database) -> None:
    writer = Writer(notes)
    await asyncio.gather(*(writer.write([(NOTE, (number, "x" * 1000))]) for number in range(3000)))
    await writer.close()
    assert await notes.fetchval("SELECT sum(length(text)) FROM notes") == 3_000_000


async def test_many_may_migrate_through_it_at_once(pooled: Database) -> None:
    await pooled.execute("DROP SCHEMA baton CASCADE")

    async def one() -> int:
        async with connect(pooled.server) as database:
            return int(await database.fetchval("SELECT version FROM baton.schema_version"))

    assert await asyncio.gather(*(one() for _ in range(8))) == [len(MIGRATIONS)] * 8


async def test_an_owner_keeps_its_lock_behind_it_and_loses_it_when_it_leaves(pooled: Database) -> None:
    async def never() -> None:
        raise AssertionError("nothing was lost")

    async with Owner(pooled, never) as owner:
        await owner.hold()
        assert await asyncio.gather(*(pooled.fetchval(IS_DEAD, owner.id) for _ in range(9))) == [False] * 9
    for _ in range(100):
        if await pooled.fetchval(IS_DEAD, owner.id):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the lock is still held")


async def test_a_pooler_that_was_not_declared_is_noticed_and_named(notes: Database) -> None:
    async with connect(replace(notes.server, pooled=False)) as database:
        asked = (database.fetchval("SELECT count(*) FROM notes WHERE number = $1", number) for number in range(20))
        with pytest.raises(PostgresUnavailable, match=r"(?s)through a transaction pooler.*BATON_DATABASE_DIRECT_URL"):
            await asyncio.gather(*asked)


async def test_it_is_declared_by_the_address_of_the_server_behind_it(
    pooled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_DATABASE_URL", pooled.server.database)
    monkeypatch.setenv("BATON_DATABASE_DIRECT_URL", pooled.server.admin)
    async with postgres.serve(tmp_path) as server:
        assert server == Server(admin=pooled.server.admin, database=pooled.server.database, pooled=True)
