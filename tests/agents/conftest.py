"""A real PostgreSQL, the app's real environment, and a place to run checks in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.checks.environments.environments import Environments
from agents.checks.scratch import Scratch
from agents.checks.time_limit import TimeLimit
from orchestrator.storage.home import home
from tests.support.agent_material import LOCKS, ScratchIn
from tests.support.postgres_server import temporary_server


@pytest.fixture(scope="session")
def admin_dsn() -> Iterator[str]:
    with temporary_server() as server:
        yield server.url("postgres")


@pytest.fixture
async def environments() -> AsyncIterator[Environments]:
    """On the cache that runs use: packages are installed once for all of them."""
    made = Environments(home() / "cache")
    yield made
    await made.close()


@pytest.fixture
def scratch_in(tmp_path: Path, admin_dsn: str, environments: Environments) -> ScratchIn:
    """Make a scratch on the given tree, with the locks of the built-in skills."""

    @asynccontextmanager
    async def make(tree: Path, limit: TimeLimit | None = None) -> AsyncIterator[Scratch]:
        tree.mkdir(parents=True, exist_ok=True)
        async with Scratch(
            run_id="test",
            tree=tree,
            logs=tmp_path / "logs",
            environments=environments,
            admin_dsn=admin_dsn,
            locks=LOCKS,
            limit=limit,
        ) as scratch:
            yield scratch

    return make
