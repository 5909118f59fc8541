"""A Baton home of the session's own, and apps that are built once and looked at by many tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.checks.environments.environments import Environments, PythonEnvironment
from orchestrator.storage.embedded import Embedded
from orchestrator.storage.home import cache_folder, home
from tests.support.postgres_server import empty_database, running_server
from tests.support.running_app import EXAMPLES, Built, built_once


@pytest.fixture(scope="session", autouse=True)
def baton_home() -> Iterator[Path]:
    """A home with its own database; what was downloaded is shared. As root, PostgreSQL's user must reach it."""
    cache = cache_folder(home())
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="baton-e2e-"))
    folder.chmod(0o755)
    (folder / "cache").symlink_to(cache)
    with running_server(folder):
        pass  # it is what the commands start
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATON_HOME", str(folder))
        patch.delenv("BATON_DATABASE_URL", raising=False)
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(baton_home: Path) -> Iterator[Embedded]:
    with running_server(baton_home) as server:
        yield server


@pytest.fixture(scope="session")
def built_apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of the test run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-apps"


@pytest.fixture(scope="session")
def todo(built_apps: Path, baton_home: Path) -> Built:
    assert baton_home.is_dir()
    return built_once(EXAMPLES / "todo-lists.md", built_apps)


@pytest.fixture(scope="session")
def rooms(built_apps: Path, baton_home: Path) -> Built:
    assert baton_home.is_dir()
    return built_once(EXAMPLES / "room-bookings.md", built_apps)


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


@pytest.fixture
def database(postgres: Embedded) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
def app_database(postgres: Embedded) -> Iterator[str]:
    """One for all tests of a module."""
    with empty_database(postgres) as url:
        yield url
