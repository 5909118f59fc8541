from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from orchestrator.storage import database, postgres
from orchestrator.storage.postgres import Embedded, PostgresUnavailable, Server

RUN = "INSERT INTO baton.runs (id, workspace, title, status, agents) VALUES ('r', 'w', 't', 'running', '{}')"


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="baton-pg-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def running(home: Path) -> bool:
    return Embedded.at(home)._answers()


@pytest.mark.slow
async def test_the_last_process_to_leave_stops_the_server(home: Path) -> None:
    async with postgres.serve(home) as first:
        async with postgres.serve(home) as second:
            assert first == second
        connection = await asyncpg.connect(first.admin)
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        await connection.close()
    assert not running(home)


async def gone(home: Path) -> None:
    for _ in range(100):
        if not running(home):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the server still answers")


def hold(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(HOLD), str(home)], stdout=subprocess.PIPE)


HOLD = """
    import asyncio, sys
    from pathlib import Path
    from orchestrator.storage import postgres
    async def main():
        async with postgres.serve(Path(sys.argv[1])):
            print("up", flush=True)
            await asyncio.sleep(60)
    asyncio.run(main())
"""


@pytest.mark.slow
async def test_several_processes_share_one_server_and_a_killed_one_leaves_nothing_stale(home: Path) -> None:
    holders = [hold(home) for _ in range(3)]
    try:
        for holder in holders:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == b"up\n"
    finally:
        for holder in holders:
            holder.send_signal(signal.SIGKILL)
            holder.communicate()
    assert running(home)  # nobody was left to stop it
    async with postgres.serve(home):
        pass
    assert not running(home)


@pytest.mark.slow
async def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    deep = home / ("a folder with a long name, and 'quotes' " * 3) / "home"
    async with postgres.serve(deep) as server:
        connection = await asyncpg.connect(server.admin)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


@pytest.mark.slow
async def test_a_killed_server_comes_back_with_its_data(home: Path) -> None:
    async with postgres.serve(home) as server:
        async with database.connect(server) as connected:
            await connected.execute(RUN)
        os.kill(int((Embedded.at(home).data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        await gone(home)
        async with postgres.serve(home) as again, database.connect(again) as connected:
            assert await connected.fetchval("SELECT id FROM baton.runs") == "r"


def test_a_home_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PostgresUnavailable, match=r"(?s)file.*BATON_HOME.*BATON_DATABASE_URL"):
        Embedded.at(tmp_path / "file")


async def test_a_database_url_is_used_as_given(monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path) -> None:
    monkeypatch.setenv("BATON_DATABASE_URL", server.database)
    async with postgres.serve(tmp_path / "unused") as given:
        assert given.database == server.database
        async with database.connect(given) as connected:
            assert await connected.fetchval("SELECT count(*) FROM baton.runs") == 0
    assert not (tmp_path / "unused").exists()
