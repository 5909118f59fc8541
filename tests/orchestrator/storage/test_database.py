"""The database goes away under those who use it, in every way that one does."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import asyncpg
import psutil
import pytest

from orchestrator.storage import database as database_module
from orchestrator.storage import postgres
from orchestrator.storage.database import ConnectionLost, Database, DatabaseLost, connect
from orchestrator.storage.embedded import Embedded
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.postgres import Server
from tests.support.killable_home import kill_postmaster, own_home, postmaster_id

pytestmark = pytest.mark.slow

ADD = "INSERT INTO notes VALUES ($1) ON CONFLICT DO NOTHING"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with own_home() as home:
        yield home


@pytest.fixture(scope="module")
def mortal(home: Path) -> Iterator[Embedded]:
    """A server that may be killed."""
    server = Embedded.at(home)
    server.start()
    yield server
    server.leave()


@pytest.fixture
async def own(mortal: Embedded) -> AsyncIterator[Database]:
    """The database of an embedded server, which is started again when it died."""
    mortal.revive()
    server = Server(admin=mortal.url("postgres"), database=mortal.url("baton"), embedded=mortal)
    async with connect(server) as database:
        await database.execute("DROP TABLE IF EXISTS notes")
        await database.execute("CREATE TABLE notes (number integer PRIMARY KEY)")
        yield database


@pytest.fixture
async def given(own: Database) -> AsyncIterator[Database]:
    """The same one, as a user's, which only the user starts again."""
    server = Server(admin=own.server.admin, database=own.server.database)
    async with connect(server) as database:
        yield database


async def test_reads_and_repeatable_writes_survive_a_killed_server(mortal: Embedded, own: Database) -> None:
    async def work(number: int) -> int:
        await own.execute(ADD, number)
        return int(await own.fetchval("SELECT number FROM notes WHERE number = $1", number))

    async def kill() -> None:
        await asyncio.sleep(0.05)
        kill_postmaster(mortal)

    async def many() -> list[int]:
        numbers: list[int] = []
        while not killing.done() or len(numbers) % 200 != 0:
            first = len(numbers)
            numbers += await asyncio.gather(*(work(number) for number in range(first, first + 50)))
        return numbers

    killing = asyncio.create_task(kill())
    numbers = await many()
    assert await own.fetchval("SELECT count(*) FROM notes") == len(numbers) == numbers[-1] + 1


WORK = """
    import asyncio, sys
    from pathlib import Path
    from orchestrator.storage import postgres
    from orchestrator.storage.database import connect
    async def main():
        async with postgres.serve(Path(sys.argv[1])) as server, connect(server) as database:
            while await database.fetchval("SELECT count(*) FROM notes") == 0:
                print("works", flush=True)
                await asyncio.sleep(0.02)
            print("done", flush=True)
    asyncio.run(main())
"""


def worker(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(WORK), str(home)], stdout=subprocess.PIPE, text=True)


async def test_of_several_processes_that_notice_one_starts_the_server_again(mortal: Embedded, own: Database) -> None:
    processes = [worker(mortal.home) for _ in range(4)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "works\n"
        before = mortal.log.read_text().count("starting PostgreSQL")
        kill_postmaster(mortal)
        await own.execute(ADD, 1)
        said = [(await asyncio.to_thread(process.communicate))[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [each.split()[-1] for each in said] == ["done"] * 4
    assert mortal.log.read_text().count("starting PostgreSQL") == before + 1


async def test_connections_that_died_while_idle_cost_their_user_nothing(own: Database) -> None:
    async def everyone() -> None:
        await asyncio.gather(*(own.fetchval("SELECT pg_sleep(0.01)") for _ in range(12)))

    await everyone()
    admin = await asyncpg.connect(own.server.admin)
    ended = await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'baton'")
    await admin.close()
    assert len(ended) == 6
    async with own.transaction() as connection:
        await connection.execute(ADD, 1)
    await everyone()
    assert await own.fetchval("SELECT count(*) FROM notes") == 1


async def test_a_query_whose_connection_is_cut_is_asked_again(given: Database) -> None:
    asking = asyncio.create_task(given.fetchval("SELECT 7 FROM pg_sleep(0.5)"))
    await asyncio.sleep(0.1)
    await given.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.5)%'"
        " AND pid <> pg_backend_pid()"
    )
    assert await asking == 7


async def test_a_transaction_that_is_cut_is_not_done_twice_and_says_so(own: Database) -> None:
    tries = 0
    with pytest.raises(ConnectionLost, match=r"(?s)database broke: .* closed.*baton resume") as lost:  # noqa: PT012 - under way
        async with own.transaction() as connection:
            tries += 1
            await connection.execute(ADD, 1)
            await own.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            await connection.execute(ADD, 2)
    assert (tries, lost.value.transient) == (1, True)
    assert await own.fetchval("SELECT count(*) FROM notes") == 0


async def test_a_transaction_whose_body_fails_is_undone_and_its_connection_goes_back(own: Database) -> None:
    for _ in range(10):  # more often than there are connections
        with pytest.raises(asyncpg.DivisionByZeroError):  # noqa: PT012 - under way
            async with own.transaction() as connection:
                await connection.execute(ADD, 1)
                await connection.execute("SELECT 1 / 0")
    assert await own.fetchval("SELECT count(*) FROM notes") == 0


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_users_server_is_waited_for(mortal: Embedded, given: Database, mode: str) -> None:
    async def work(number: int) -> None:
        await given.execute(ADD, number)

    restart = asyncio.create_task(asyncio.to_thread(mortal._call, "pg_ctl", "restart", "-w", "-m", mode))
    number = 0
    while not restart.done() or number < 50:
        await asyncio.gather(*(work(number + each) for each in range(10)))
        number += 10
    await restart
    assert await given.fetchval("SELECT count(*) FROM notes") == number


async def test_patience_ends_and_nothing_is_broken_by_that(
    mortal: Embedded, given: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "PATIENCE", 0.3)
    mortal._call("pg_ctl", "stop", "-w", "-m", "fast")
    for use in (given.fetchval("SELECT 1"), enter(given)):
        with pytest.raises(DatabaseLost, match=r"(?s)BATON_DATABASE_URL.*baton doctor.*baton resume") as lost:
            await use
        assert (lost.value.code, lost.value.transient) == ("database_lost", True)
    mortal.revive()
    assert await given.fetchval("SELECT 1") == 1


async def enter(database: Database) -> None:
    async with database.transaction():
        raise AssertionError("there is no connection")


async def test_a_server_that_hangs_is_not_waited_for_without_end(
    mortal: Embedded, given: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATIENCE", "CONNECT_SECONDS", "_COMMAND_SECONDS", "_CLOSE_SECONDS"):
        monkeypatch.setattr(database_module, name, 0.3)
    async with connect(given.server) as database:
        await database.fetchval("SELECT 1")
        server = psutil.Process(postmaster_id(mortal))
        stopped = [server, *server.children()]
        try:
            for process in stopped:
                process.suspend()
            with pytest.raises(DatabaseLost, match=r"gave no connection.*does not answer"):
                await database.fetchval("SELECT 1")
        finally:
            for process in stopped:
                process.resume()
        assert await database.fetchval("SELECT 1") == 1


async def test_an_embedded_server_that_does_not_start_again_says_why(
    mortal: Embedded, own: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = mortal.data / "postgresql.conf"
    sound = settings.read_text()
    try:
        settings.write_text(f"{sound}\nmax_connections = plenty\n")
        monkeypatch.setattr(database_module, "PATIENCE", 0.3)
        kill_postmaster(mortal)
        with pytest.raises(DatabaseLost, match=r'(?s)gave no connection.*pg_ctl.*"max_connections": "plenty"'):
            await own.fetchval("SELECT 1")
    finally:
        settings.write_text(sound)
    assert await own.fetchval("SELECT 1") == 1


async def test_a_query_that_is_wrong_is_not_asked_again(own: Database) -> None:
    await own.execute(ADD, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await own.execute("INSERT INTO notes VALUES (1)")
    with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
        await own.fetch("SELECT $1::text", "a", "b")
    with pytest.raises(asyncpg.DataError):
        await own.fetch("SELECT $1::text", 1)


async def test_a_role_that_may_no_longer_log_in_is_told_at_once(given: Database) -> None:
    await given.execute("DROP ROLE IF EXISTS short_lived")
    await given.execute("CREATE ROLE short_lived LOGIN SUPERUSER")
    url = given.server.database.replace("postgres@", "short_lived@")
    async with connect(Server(admin=url, database=url)) as database:
        await given.execute("ALTER ROLE short_lived NOLOGIN")
        await given.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'short_lived'")
        with pytest.raises(PostgresUnavailable, match='role "short_lived" is not permitted to log in'):
            await database.fetchval("SELECT 1")
    await given.execute("DROP ROLE short_lived")


async def test_no_more_connections_are_opened_than_allowed(own: Database) -> None:
    async with connect(own.server, connections=3) as database:
        await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.01), 'few'") for _ in range(60)))
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'baton' AND query LIKE '%''few''%' AND pid <> $1"
        assert await own.fetchval(mine, 0) in {3, 4}  # the question itself is the fourth


async def test_a_reader_that_is_cancelled_gives_its_connection_back(own: Database) -> None:
    for _ in range(3):
        readers = [asyncio.create_task(own.fetchval("SELECT pg_sleep(5)")) for _ in range(12)]
        await asyncio.sleep(0.05)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    assert await own.fetchval("SELECT 1") == 1


async def test_a_connection_alone_is_prepared_on_another_server_if_its_own_is_killed(
    mortal: Embedded, own: Database
) -> None:
    tries = 0

    async def prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await asyncio.to_thread(kill_postmaster, mortal)
        await connection.execute("SET application_name = 'prepared'")

    alone = await own.connect_alone(prepare)
    assert await alone.fetchval("SHOW application_name") == "prepared"
    assert tries > 1
    await alone.close()


async def test_a_connection_that_breaks_as_it_is_closed_costs_nothing(mortal: Embedded) -> None:
    mortal.revive()
    server = Server(admin=mortal.url("postgres"), database=mortal.url("baton"), embedded=mortal)
    async with connect(server) as database:
        async with database.transaction() as connection:
            transport = cast("Any", connection)._con._transport
        transport.get_extra_info("socket").shutdown(socket.SHUT_WR)  # what is sent from now on breaks the pipe


async def test_a_process_that_waits_in_vain_can_still_be_stopped(home: Path) -> None:
    """The server is gone, and whoever leaves last has nothing to stop."""
    async with postgres.serve(home) as server, connect(server) as database:
        assert server.embedded is not None
        kill_postmaster(server.embedded)
        waiting = asyncio.create_task(database.fetchval("SELECT 1"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
