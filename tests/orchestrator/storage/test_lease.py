from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.storage.lease import IS_DEAD
from orchestrator.storage.repositories import open_ledger

if TYPE_CHECKING:
    from orchestrator.storage.database import Database


async def nothing() -> None:
    pass


async def test_an_owner_is_alive_while_it_holds_its_lock_however_many_look(database: Database) -> None:
    async with open_ledger(database, nothing) as ledger:
        assert await database.fetchval(IS_DEAD, ledger.owner.id)  # it holds nothing before it has to
        await ledger.owner.hold()
        await ledger.owner.hold()
        looks = await asyncio.gather(*(database.fetchval(IS_DEAD, ledger.owner.id) for _ in range(5)))
        assert looks == [False] * 5
    while not await database.fetchval(IS_DEAD, ledger.owner.id):  # noqa: ASYNC110 - the server notices when it notices
        await asyncio.sleep(0.01)
    looks = await asyncio.gather(*(database.fetchval(IS_DEAD, ledger.owner.id) for _ in range(5)))
    assert looks == [True] * 5


async def test_a_lock_that_is_held_for_long_keeps_no_table_from_being_vacuumed(database: Database) -> None:
    async with open_ledger(database, nothing) as ledger:
        await ledger.owner.hold()
        rows = await database.fetch(
            "SELECT backend_xmin, backend_xid FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        assert [(row["backend_xmin"], row["backend_xid"]) for row in rows] == [(None, None)]


async def test_a_lock_that_is_lost_with_its_connection_is_taken_again_and_it_is_told(database: Database) -> None:
    regained = asyncio.Event()

    async def told() -> None:
        regained.set()

    async with open_ledger(database, told) as ledger:
        await ledger.owner.hold()
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        await asyncio.wait_for(regained.wait(), timeout=600)
        assert not await database.fetchval(IS_DEAD, ledger.owner.id)
