"""How Alembic reaches the database: an async engine on the URL in `DATABASE_URL`.

alembic upgrade head         apply every migration
alembic downgrade -1         undo the last one
alembic upgrade head --sql   print the SQL instead of running it
alembic check                fail if the models and the migrations disagree
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from logging.config import fileConfig

import sqlalchemy as sa
from alembic import context
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

DRIVER = "postgresql+asyncpg"
LOCK = 0x616C656D626963  # "alembic"; two processes that migrate at once take turns


def database_url() -> URL:
    """Return `DATABASE_URL` for asyncpg; `postgresql://`, `postgres://` and `?host=/socket/folder` are understood.

    Raises:
        SystemExit: It is not set, or not a PostgreSQL URL.
    """
    text = os.environ.get("DATABASE_URL", "")
    if not text:
        raise SystemExit("DATABASE_URL is not set. Example: postgresql://user:password@localhost:5432/app")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise SystemExit("DATABASE_URL must begin with postgresql://")
    url = make_url(f"{DRIVER}://{rest}")
    if "sslmode" in url.query:  # libpq's word; asyncpg says `ssl`
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def target_metadata() -> sa.MetaData | None:
    """Return the tables that the application's models declare, or None where there is no application yet."""
    if importlib.util.find_spec("app") is None or importlib.util.find_spec("app.models") is None:
        return None
    importlib.import_module("app.models")  # every model registers itself
    metadata: sa.MetaData = importlib.import_module("app.models.base").Base.metadata
    return metadata


def migrate(connection: Connection | None = None) -> None:
    """Run the migrations on `connection`, or print their SQL if there is none."""
    context.configure(
        connection=connection,
        url=None if connection else database_url().render_as_string(hide_password=False),
        target_metadata=target_metadata(),
        compare_server_default=True,
        literal_binds=connection is None,
    )
    with context.begin_transaction():
        if connection is not None:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        context.run_migrations()


async def migrate_online() -> None:
    """Open one connection and run the migrations on it."""
    engine = create_async_engine(database_url(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    migrate()
else:
    asyncio.run(migrate_online())
