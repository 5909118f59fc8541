"""A database for the tests of business rules, made by the migrations. What a test stores is rolled back.

Needs a PostgreSQL server: `TEST_DATABASE_URL`, or else `DATABASE_URL`, names a database on it and a role that may
create others. That database itself is not touched.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool


@pytest.fixture(scope="session")
def rules_database() -> Iterator[URL]:
    """A database of this process's own, migrated to the newest revision."""
    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if not given:
        pytest.exit("Set TEST_DATABASE_URL to a PostgreSQL database, such as postgresql://user:password@localhost/app")
    server = make_url(given).set(drivername="postgresql+asyncpg")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    own = server.set(database=f"{(server.database or 'app')[:40]}_rules_{worker}")
    asyncio.run(_administer(server, f'DROP DATABASE IF EXISTS "{own.database}"', f'CREATE DATABASE "{own.database}"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", own.render_as_string(hide_password=False))
        command.upgrade(Config("alembic.ini"), "head")
    yield own
    asyncio.run(_administer(server, f'DROP DATABASE "{own.database}" WITH (FORCE)'))


async def _administer(server: URL, *statements: str) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


@pytest.fixture
async def db(rules_database: URL) -> AsyncIterator[AsyncSession]:
    """A session as services get one. It may commit; nothing of it stays."""
    engine = create_async_engine(rules_database, poolclass=NullPool)
    async with engine.connect() as connection:
        transaction = await connection.begin()
        async with AsyncSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        await transaction.rollback()
    await engine.dispose()
