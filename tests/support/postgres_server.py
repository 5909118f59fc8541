"""The tests' PostgreSQL: like the embedded one, but it does not wait for the disk.

SIGKILL loses nothing that the kernel holds, so no test needs `fsync`; one holds the real server to it
(`tests/orchestrator/storage/test_postgres_server.py`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from orchestrator.storage.embedded import Embedded


@contextmanager
def temporary_server() -> Iterator[Embedded]:
    """Run a server in a home of its own. As root, PostgreSQL's user must be able to enter it: not pytest's folder."""
    folder = Path(tempfile.mkdtemp(prefix="baton-test-"))
    folder.chmod(0o755)
    try:
        with running_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(home: Path) -> Iterator[Embedded]:
    """Run the embedded server of `home`, as all that use this home have it from then on: without `fsync`."""
    server = Embedded.at(home)
    server.start()
    try:
        asyncio.run(execute(server.url("postgres"), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        yield server
    finally:
        server.leave()


@contextmanager
def empty_database(server: Embedded) -> Iterator[str]:
    """Give the URL of a database that nobody has used."""
    admin, name = server.url("postgres"), f"app_{uuid.uuid4().hex[:12]}"
    asyncio.run(execute(admin, f"CREATE DATABASE {name}"))
    yield server.url(name)
    asyncio.run(execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


async def execute(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
