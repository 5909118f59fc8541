"""A real embedded PostgreSQL for the whole session, and an own database for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from orchestrator.storage.database import Database, connect
from orchestrator.storage.embedded import SOCKET_NAME, Embedded
from orchestrator.storage.postgres import Server
from tests.support.pooler import Pooler, transaction_pooler
from tests.support.postgres_server import running_server
from tests.support.small_agents import PRD, Kit


@pytest.fixture(scope="session")
def baton_home() -> Iterator[Path]:
    """Not pytest's own temporary folder: as root, PostgreSQL's user must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="baton-test-"))
    folder.chmod(0o755)
    before = os.environ.get("BATON_HOME")
    os.environ["BATON_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["BATON_HOME"]
    else:
        os.environ["BATON_HOME"] = before
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def embedded(baton_home: Path) -> Iterator[Embedded]:
    with running_server(baton_home) as server:
        yield server


@pytest.fixture
async def server(embedded: Embedded) -> AsyncIterator[Server]:
    """An empty database of its own."""
    admin = embedded.url("postgres")
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(admin)
    await connection.execute(f"CREATE DATABASE {name}")
    yield Server(admin=admin, database=embedded.url(name))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    async with connect(server) as database:
        yield database


@pytest.fixture
async def pooler(embedded: Embedded) -> AsyncIterator[Pooler]:
    """A transaction pooler before the embedded server."""
    async with transaction_pooler(embedded._socket_folder() / SOCKET_NAME) as pooler:
        yield pooler


@pytest.fixture
async def pooled(server: Server, pooler: Pooler) -> AsyncIterator[Database]:
    """A database as `database`, behind the pooler."""
    url = f"postgresql://postgres@127.0.0.1:{pooler.port}/{urlsplit(server.database).path[1:]}?sslmode=disable"
    async with connect(replace(server, database=url, pooled=True)) as database:
        yield database


@pytest.fixture
def kit(tmp_path: Path, server: Server, baton_home: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """Small agents, and a database of their own for the engine that runs them."""
    monkeypatch.setenv("BATON_DATABASE_URL", server.database)
    monkeypatch.setenv("BATON_HOME", str(baton_home))
    # The tools of these agents are the tests' own, and meet them through files outside of what they check.
    monkeypatch.setenv("BATON_ISOLATION", "off")
    (tmp_path / "prd.md").write_text(PRD)
    (tmp_path / "skills").mkdir()
    return Kit(tmp_path / "skills")
