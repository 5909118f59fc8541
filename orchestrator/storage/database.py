"""Baton's own tables in PostgreSQL, and a pool of connections to them.

Everything lives in the schema `baton`, so a database may be shared. Documents that SQL never looks into are `json`, not
`jsonb`: a NUL character in a tool's output is then text like any other.

Not here: what the rows mean (`orchestrator.storage.ledger`, `orchestrator.events`, `orchestrator.storage.checkpoint`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from orchestrator.storage.postgres import PostgresUnavailable, Server

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record]

# Append only: a statement's position is the version that it brings the schema to.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE baton.runs (
        id text PRIMARY KEY,
        workspace text NOT NULL,
        title text NOT NULL,
        status text NOT NULL,
        agents text[] NOT NULL,
        pipeline_fingerprint text NOT NULL,
        plan_fingerprint text,
        started_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        result json
    );
    CREATE INDEX ix_runs_started_at ON baton.runs (started_at DESC);
    CREATE INDEX ix_runs_workspace ON baton.runs (workspace);
    """,
    """
    CREATE TABLE baton.events (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        seq bigint NOT NULL,
        event json NOT NULL,
        PRIMARY KEY (run_id, seq)
    )
    """,
    """
    CREATE TABLE baton.questions (
        id text PRIMARY KEY,
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        node text NOT NULL,
        text text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        answer json,
        answered_at timestamptz
    );
    CREATE INDEX ix_questions_run_id ON baton.questions (run_id, asked_at);
    """,
    """
    CREATE TABLE baton.receipts (
        run_id text NOT NULL REFERENCES baton.runs ON DELETE CASCADE,
        agent text NOT NULL,
        receipt json NOT NULL,
        published_at timestamptz,
        PRIMARY KEY (run_id, agent)
    )
    """,
    """
    CREATE TABLE baton.checkpoints (
        thread_id text NOT NULL,
        checkpoint_ns text NOT NULL,
        checkpoint_id text NOT NULL,
        parent_id text,
        type text NOT NULL,
        checkpoint bytea NOT NULL,
        metadata_type text NOT NULL,
        metadata bytea NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
    );
    CREATE TABLE baton.checkpoint_writes (
        thread_id text NOT NULL,
        checkpoint_ns text NOT NULL,
        checkpoint_id text NOT NULL,
        task_id text NOT NULL,
        idx integer NOT NULL,
        channel text NOT NULL,
        type text NOT NULL,
        value bytea NOT NULL,
        task_path text NOT NULL,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
    );
    """,
)
_MIGRATION_LOCK = 0x6261746F6E  # "baton"


@asynccontextmanager
async def connect(server: Server, *, connections: int = 6) -> AsyncIterator[Pool]:
    """Yield a pool on Baton's database, made and migrated if needed.

    Raises:
        PostgresUnavailable: The server refuses; the text never holds the password.
    """
    try:
        if server.embedded:
            await _create_database(server)
        pool = await asyncpg.create_pool(server.database, min_size=1, max_size=connections, command_timeout=60)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TimeoutError) as error:
        raise _refused(server, error) from None  # the cause may quote the URL with its password
    try:
        await migrate(pool)
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except TimeoutError:
            pool.terminate()


async def migrate(pool: Pool) -> None:
    """Bring the schema to the newest version. Safe if several processes do it at once."""
    async with pool.acquire() as connection:
        if await _version(connection) == len(MIGRATIONS):
            return
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
            await connection.execute("CREATE SCHEMA IF NOT EXISTS baton")
            await connection.execute("CREATE TABLE IF NOT EXISTS baton.schema_version (version integer NOT NULL)")
            version = await connection.fetchval("SELECT max(version) FROM baton.schema_version") or 0
            for statement in MIGRATIONS[version:]:
                await connection.execute(statement)
            await connection.execute("DELETE FROM baton.schema_version")
            await connection.execute("INSERT INTO baton.schema_version VALUES ($1)", max(version, len(MIGRATIONS)))


async def _version(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> int:
    if await connection.fetchval("SELECT to_regclass('baton.schema_version')") is None:
        return 0
    version = await connection.fetchval("SELECT max(version) FROM baton.schema_version") or 0
    if version > len(MIGRATIONS):
        raise PostgresUnavailable(
            f"Baton's database has version {version}; this Baton knows {len(MIGRATIONS)}. Use the newer Baton."
        )
    return int(version)


async def _create_database(server: Server) -> None:
    connection = await _connect_when_ready(server.admin)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'baton'"):
            await connection.execute("CREATE DATABASE baton")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another process was faster
    finally:
        await connection.close()


async def _connect_when_ready(url: str) -> Connection:
    """Connect, waiting while a server that was killed recovers (it answers before it is ready)."""
    for _ in range(300):
        try:
            return await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(0.1)
    return await asyncpg.connect(url)


def _refused(server: Server, error: Exception) -> PostgresUnavailable:
    if server.embedded:
        return PostgresUnavailable(f"the embedded PostgreSQL does not accept connections: {error}. Run `baton doctor`.")
    try:
        password = urlsplit(server.database).password
    except ValueError:
        password = None
    said = f"{type(error).__name__}: {error}"
    if server.database in said or (password and password in said):
        said = type(error).__name__
    return PostgresUnavailable(
        f"cannot connect to the PostgreSQL that BATON_DATABASE_URL names: {said}.\n"
        "Correct the URL (postgresql://user:password@host:port/database), or unset it to use the embedded server."
    )
