from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from orchestrator.storage import database, postgres, stale_server
from orchestrator.storage.embedded import SOCKET_NAME, Embedded
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.postgres import Server
from tests.support.killable_home import kill_postmaster, own_home, postmaster_id

RUN = (
    "INSERT INTO baton.runs (id, workspace, title, status, agents, workflow, shape)"
    " VALUES ('r', 'w', 't', 'running', '{}', 'feature', '{}')"
)


@pytest.fixture
def home() -> Iterator[Path]:
    with own_home() as home:
        yield home


def running(home: Path) -> bool:
    return Embedded.at(home)._answers()


@pytest.mark.slow
async def test_the_last_process_to_leave_stops_the_server(home: Path) -> None:
    async with postgres.serve(home) as first:
        async with postgres.serve(home) as second:
            assert first == second
        connection = await asyncpg.connect(first.admin)
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        durable = [await connection.fetchval(f"SHOW {each}") for each in ("fsync", "synchronous_commit")]
        assert durable == ["on", "on"]
        await connection.close()
    assert not running(home)


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
        kill_postmaster(Embedded.at(home))
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


@pytest.mark.slow
def test_many_processes_may_start_at_once_on_an_empty_home(home: Path) -> None:
    holders = [hold(home) for _ in range(8)]
    try:
        for holder in holders:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"up\n"
    finally:
        for holder in holders:
            holder.terminate()
            holder.communicate()
    assert Embedded.at(home).log.read_text().count("starting PostgreSQL") == 1
    stop(home)


def stop(home: Path) -> None:
    """Come and go: who leaves last stops the server."""
    embedded = Embedded.at(home)
    embedded.start()
    embedded.leave()
    assert not running(home)
    assert not left_behind(home)


def left_behind(home: Path) -> list[psutil.Process]:
    return stale_server._processes(Embedded.at(home).data)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.02 * 2**n for n in range(6)])
def test_a_process_killed_at_any_moment_of_a_first_start_does_not_block_the_next(home: Path, moment: float) -> None:
    """In `initdb`, in `pg_ctl`, while the server comes up: all three outlive the process that began them."""
    ready = subprocess.Popen([sys.executable, "-c", textwrap.dedent(START), str(home)], stdout=subprocess.PIPE)
    assert ready.stdout is not None
    assert ready.stdout.readline() == b"starts\n"
    time.sleep(moment)
    ready.kill()
    ready.communicate()
    embedded = Embedded.at(home)
    embedded.start()
    assert asyncio.run(ask(embedded.url("postgres"))) == 1
    embedded.leave()
    assert not left_behind(home)
    assert not embedded.data.with_name("postgres.new").exists()


START = """
    import sys
    from pathlib import Path
    from orchestrator.storage.embedded import Embedded
    embedded = Embedded.at(Path(sys.argv[1]))
    print("starts", flush=True)
    embedded.start()
"""


async def ask(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT 1"))
    finally:
        await connection.close()


@pytest.mark.slow
def test_children_that_outlive_a_killed_server_do_not_block_the_next(home: Path) -> None:
    """They hold its shared memory, beside which PostgreSQL does not start."""
    embedded = Embedded.at(home)
    embedded.start()
    children = psutil.Process(postmaster_id(embedded)).children()
    for child in children:
        child.suspend()  # so that they do not notice
    kill_postmaster(embedded)
    assert len(left_behind(home)) == len(children) > 0
    embedded.revive()
    assert asyncio.run(ask(embedded.url("postgres"))) == 1
    assert not {child.pid for child in children} & {each.pid for each in left_behind(home)}
    embedded.leave()


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["nobody", "another program"])
def test_files_of_a_dead_server_do_not_block_the_next(home: Path, owner: str) -> None:
    embedded = Embedded.at(home)
    embedded.start()
    embedded.leave()
    number = os.getpid() if owner == "another program" else 2**22 + 1
    (embedded.data / "postmaster.pid").write_text(f"{number}\n{embedded.data}\n0\n5432\n{embedded.data}\n\n  0 0\n")
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (embedded._socket_folder() / name).write_text(f"{number}\n")
    stop(home)


@pytest.mark.slow
def test_data_of_another_version_of_postgresql_are_refused_and_left_alone(home: Path) -> None:
    embedded = Embedded.at(home)
    embedded.data.mkdir()
    (embedded.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        PostgresUnavailable, match=r"(?s)is of version 18, but `.*postgres` was made by version 16.*move"
    ):
        embedded.start()
    assert (embedded.data / "PG_VERSION").read_text() == "16\n"


@pytest.mark.slow
def test_a_full_disk_is_named_with_the_way_out() -> None:
    """In a file system of 8 MB, which only this process sees."""
    script = textwrap.dedent(FULL)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable], capture_output=True, text=True, check=False
    )
    if "mounted" not in done.stdout:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert "No space left on device" in done.stdout
    assert "Make room on the disk of `/mnt/home`" in done.stdout


FULL = """
    mount -t tmpfs -o size=8m full /mnt && echo mounted && mkdir -m 755 /mnt/home && exec "$1" -c '
    from pathlib import Path
    from orchestrator.storage.embedded import Embedded
    from orchestrator.storage.errors import PostgresUnavailable
    embedded = Embedded.at(Path("/mnt/home"))
    try:
        embedded.start()
    except PostgresUnavailable as error:
        print(error)
    '
"""


@pytest.mark.slow
async def test_leaving_a_server_that_died_is_no_error(home: Path) -> None:
    async with postgres.serve(home) as server:
        assert server.embedded is not None
        kill_postmaster(server.embedded)
