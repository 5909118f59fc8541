"""A Baton home of the session's own, and apps that are built once and looked at by many tests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from agents.checks.environments.environments import Environments, PythonEnvironment
from agents.checks.postgres.databases import database_dsn
from orchestrator.storage.embedded import Embedded
from orchestrator.storage.home import cache_folder, home
from tests.support.running_app import EXAMPLES, Built, build


@pytest.fixture(scope="session", autouse=True)
def baton_home() -> Iterator[Path]:
    """A home with its own database; what was downloaded is shared. As root, PostgreSQL's user must reach it."""
    cache = cache_folder(home())
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="baton-e2e-"))
    folder.chmod(0o755)
    (folder / "cache").symlink_to(cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATON_HOME", str(folder))
        patch.delenv("BATON_DATABASE_URL", raising=False)
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(baton_home: Path) -> Iterator[Embedded]:
    server = Embedded.at(baton_home)
    server.start()
    yield server
    server.leave()


@pytest.fixture(scope="session")
def todo(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(EXAMPLES / "todo-lists.md", tmp_path_factory.mktemp("todo") / "app")


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(EXAMPLES / "room-bookings.md", tmp_path_factory.mktemp("rooms") / "app")


@pytest.fixture(scope="session")
def environment(todo: Built, baton_home: Path) -> PythonEnvironment:
    """The environment of the todo app's own lock."""

    async def make() -> PythonEnvironment:
        environments = Environments(cache_folder(baton_home))
        try:
            return await environments.python(todo.workspace / "requirements-dev.lock")
        finally:
            await environments.close()

    return asyncio.run(make())


@contextmanager
def empty_database(server: Embedded) -> Iterator[str]:
    """Give the URL of a database that nobody has used."""
    admin, name = server.url("postgres"), f"app_{uuid.uuid4().hex[:12]}"
    asyncio.run(_execute(admin, f"CREATE DATABASE {name}"))
    yield database_dsn(admin, name)
    asyncio.run(_execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database(postgres: Embedded) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
def app_database(postgres: Embedded) -> Iterator[str]:
    """One for all tests of a module."""
    with empty_database(postgres) as url:
        yield url


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
