"""Baton's tables are brought up to date by whoever comes first, whole, and never down."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap

import asyncpg
import pytest

from orchestrator.storage import migrations
from orchestrator.storage.database import connect
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.migrations import MIGRATIONS, DatabaseTooNew, MigrationFailed, migrate, version_of
from orchestrator.storage.postgres import Server
from orchestrator.storage.runs import Runs
from orchestrator.storage.steps import Steps

SPINE = 5  # the version of the first Baton that had runs
MANY = 8

COME = """
    import asyncio, sys
    from orchestrator.storage.database import connect
    from orchestrator.storage.postgres import Server
    async def main():
        print("here", flush=True)
        sys.stdin.readline()
        async with connect(Server(admin=sys.argv[1], database=sys.argv[1])) as database:
            print(await database.fetchval("SELECT version FROM baton.schema_version"))
    asyncio.run(main())
"""


@pytest.mark.slow
def test_many_processes_may_come_to_an_empty_database_at_once(server: Server) -> None:
    come = [sys.executable, "-c", textwrap.dedent(COME), server.database]
    processes = [
        subprocess.Popen(come, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(MANY)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=600) for process in processes]
    assert said == [(f"{len(MIGRATIONS)}\n", "")] * MANY


async def test_many_connections_may_migrate_at_once_whatever_they_saw_before(server: Server) -> None:
    connections = [await opened(server) for _ in range(MANY)]
    for _ in range(5):
        await connections[0].execute("DROP SCHEMA IF EXISTS baton CASCADE")
        for connection in connections:  # each has looked for the tables, and remembers that there are none
            assert await version_of(connection) == 0
        await asyncio.gather(*(migrate(connection) for connection in connections))
        assert await version_of(connections[0]) == len(MIGRATIONS)
    for connection in connections:
        await connection.close()


async def opened(server: Server) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(server.database)


async def test_a_migration_that_fails_leaves_the_version_before_it_whole(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "CREATE TABLE baton.half (x integer); INSERT INTO baton.half VALUES ('no number')"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS[:2], broken))
    with pytest.raises(MigrationFailed, match=r"(?s)from version 2 to 3: invalid input syntax.*Nothing of that step"):
        async with connect(server):
            pass
    connection = await opened(server)
    assert await connection.fetchval("SELECT version FROM baton.schema_version") == 2
    assert await connection.fetchval("SELECT to_regclass('baton.half')") is None
    monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS)
    await migrate(connection)
    assert await connection.fetchval("SELECT version FROM baton.schema_version") == len(MIGRATIONS)
    await connection.close()


async def test_a_database_of_a_newer_baton_is_refused_and_not_touched(server: Server) -> None:
    async with connect(server) as database:
        await database.execute("UPDATE baton.schema_version SET version = 999")
    with pytest.raises(DatabaseTooNew, match=rf"have version 999.*up to {len(MIGRATIONS)}.*Use the newer Baton") as new:
        async with connect(server):
            pass
    assert new.value.code == "database_too_new"
    assert isinstance(new.value, PostgresUnavailable)
    connection = await opened(server)
    assert await connection.fetchval("SELECT version FROM baton.schema_version") == 999
    await connection.close()


async def test_what_earlier_versions_stored_is_still_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await opened(server)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:SPINE])
        await migrate(connection)
    await connection.execute(
        """
        INSERT INTO baton.runs (id, workspace, title, status, agents, pipeline_fingerprint, plan_fingerprint, result)
            VALUES ('r', '/w', 'Shop', 'completed', '{database-agent}', 'p', 'q', '{"ok": "\\u0000"}');
        INSERT INTO baton.events VALUES ('r', 0, '{"kind": "run_started"}');
        INSERT INTO baton.questions (id, run_id, node, text, answer, answered_at)
            VALUES ('q', 'r', 'database-agent', 'Why?', '{"answer": "so"}', now());
        INSERT INTO baton.receipts VALUES ('r', 'database-agent', '{"files": {"a.py": "0"}}', now());
        """
    )
    await migrate(connection)
    assert await connection.fetchval("SELECT event FROM baton.events") == '{"kind": "run_started"}'
    answer = await connection.fetchval("SELECT answer FROM baton.questions WHERE answered_by = 'person'")
    assert json.loads(answer) == {"answer": "so"}
    await connection.close()
    async with connect(server) as database:
        run = await Runs(database).get("r")
        assert (run.title, run.status, run.agents, run.result) == (
            "Shop",
            "completed",
            ("database-agent",),
            {"ok": "\0"},
        )
        assert await Steps(database).workspace_receipts("/w") == [{"files": {"a.py": "0"}}]


async def test_a_read_only_database_is_named_as_a_replica_would_be(server: Server) -> None:
    connection = await opened(server)
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(MigrationFailed, match=r"(?s)read-only transaction.*primary server, not at a replica"):
        await migrate(connection)
    await connection.close()


async def test_an_up_to_date_database_costs_one_question(server: Server) -> None:
    async with connect(server):
        pass
    connection = await opened(server)
    asked: list[str] = []
    connection.add_query_logger(lambda record: asked.append(record.query))
    await migrate(connection)
    assert [query for query in asked if query not in {"BEGIN;", "COMMIT;"}] == [
        "SELECT max(version) FROM baton.schema_version"
    ]
    await connection.close()
