"""Delete, copy and prune the checkpoints of whole threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from langgraph.checkpoint.serde.base import SerializerProtocol

from orchestrator.storage.checkpoint_reading import held_channels, metadata_of
from orchestrator.storage.database import Database

if TYPE_CHECKING:
    import asyncpg

    from orchestrator.storage.database import Connection

_TABLES: Final = ("baton.checkpoint_values", "baton.checkpoint_writes", "baton.checkpoints")
# Whoever puts a checkpoint takes it for granted that the long values of the one before are there. So nobody puts while
# it is decided which ones nothing refers to. Everybody takes the tables in this order, which is the writer's.
_ALONE: Final = f"LOCK TABLE {', '.join(_TABLES)} IN SHARE ROW EXCLUSIVE MODE"
_DELETE_UNUSED_VALUES: Final = """
DELETE FROM baton.checkpoint_values WHERE thread_id = $1 AND hash NOT IN (
    SELECT unnest(value_hashes) FROM baton.checkpoints WHERE thread_id = $1
    UNION ALL
    SELECT value_hash FROM baton.checkpoint_writes WHERE thread_id = $1 AND value_hash IS NOT NULL
)
"""
_DELETE_FOR_RUNS: Final = """
WITH deleted AS (
    DELETE FROM baton.checkpoints WHERE run_id = ANY($1) RETURNING thread_id, checkpoint_ns, checkpoint_id
), writes AS (
    DELETE FROM baton.checkpoint_writes w USING deleted d
    WHERE w.thread_id = d.thread_id AND w.checkpoint_ns = d.checkpoint_ns AND w.checkpoint_id = d.checkpoint_id
)
SELECT DISTINCT thread_id FROM deleted
"""
_COPY: Final = (
    """
    INSERT INTO baton.checkpoint_values (thread_id, hash, type, value)
    SELECT $2, hash, type, value FROM baton.checkpoint_values WHERE thread_id = $1 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO baton.checkpoint_writes
        (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, task_path, type, value, value_hash)
    SELECT $2, checkpoint_ns, checkpoint_id, task_id, idx, channel, task_path, type, value, value_hash
    FROM baton.checkpoint_writes WHERE thread_id = $1 ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO baton.checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_id, run_id,
         type, checkpoint, metadata_type, metadata, value_hashes)
    SELECT $2, checkpoint_ns, checkpoint_id, parent_id, run_id,
        type, checkpoint, metadata_type, metadata, value_hashes
    FROM baton.checkpoints WHERE thread_id = $1 ON CONFLICT DO NOTHING
    """,
)
_LATEST: Final = """
SELECT DISTINCT ON (checkpoint_ns) * FROM baton.checkpoints WHERE thread_id = $1
ORDER BY checkpoint_ns, checkpoint_id DESC
"""
_ONE: Final = "SELECT * FROM baton.checkpoints WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3"
# A task's writes can be stored before its checkpoint is: they go by the checkpoints that are deleted.
_KEEP_ONLY: Final = """
WITH deleted AS (
    DELETE FROM baton.checkpoints
    WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id <> ALL($3) RETURNING checkpoint_id
), writes AS (
    DELETE FROM baton.checkpoint_writes w USING deleted d
    WHERE w.thread_id = $1 AND w.checkpoint_ns = $2 AND w.checkpoint_id = d.checkpoint_id
)
UPDATE baton.checkpoints SET parent_id = NULL
WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = ANY($3) AND parent_id <> ALL($3)
"""


async def delete(database: Database, thread: str) -> None:
    """Delete all that is stored of a thread."""
    async with database.transaction() as connection:
        for table in _TABLES:
            await connection.execute(f"DELETE FROM {table} WHERE thread_id = $1", thread)  # noqa: S608 - a constant


async def delete_for_runs(database: Database, runs: Sequence[str]) -> list[str]:
    """Delete the checkpoints that name one of `runs`, and what only they need; return their threads."""
    async with database.transaction() as connection:
        await connection.execute(_ALONE)
        threads = [row["thread_id"] for row in await connection.fetch(_DELETE_FOR_RUNS, runs)]
        for thread in threads:
            await connection.execute(_DELETE_UNUSED_VALUES, thread)
    return threads


async def copy(database: Database, source: str, target: str) -> None:
    """Copy all that is stored of a thread, as of one moment."""
    async with database.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for statement in _COPY:
            await connection.execute(statement, source, target)


async def keep_latest(database: Database, serde: SerializerProtocol, thread: str) -> None:
    """Delete all but the latest checkpoint of each namespace of a thread, and what those need.

    Raises:
        CheckpointBroken: A checkpoint that is to be kept cannot be read.
    """
    async with database.transaction() as connection:
        await connection.execute(_ALONE)
        for latest in await connection.fetch(_LATEST, thread):
            kept = [latest["checkpoint_id"], *await _needed_ancestors(connection, serde, latest)]
            await connection.execute(_KEEP_ONLY, thread, latest["checkpoint_ns"], kept)
        await connection.execute(_DELETE_UNUSED_VALUES, thread)


async def _needed_ancestors(connection: Connection, serde: SerializerProtocol, row: asyncpg.Record) -> list[str]:
    """Return the ancestors from whose writes the delta channels of a checkpoint are built.

    Such a channel stands in few checkpoints; in between, LangGraph counts the steps since in their metadata.
    """
    wanted = set(metadata_of(serde, row).get("counters_since_delta_snapshot", ())) - held_channels(serde, row)
    ancestors: list[str] = []
    while wanted and row["parent_id"]:
        parent = await connection.fetchrow(_ONE, row["thread_id"], row["checkpoint_ns"], row["parent_id"])
        if parent is None:
            break
        ancestors.append(parent["checkpoint_id"])
        wanted -= held_channels(serde, parent)
        row = parent
    return ancestors
