"""Delete, copy and prune the checkpoints of whole threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from langgraph.checkpoint.serde.base import SerializerProtocol

from orchestrator.runtime.langgraph.queries import held_channels, metadata_of
from orchestrator.storage.database import Database

if TYPE_CHECKING:
    import asyncpg

    from orchestrator.storage.database import Connection

_TABLES: Final = ("baton.checkpoint_values", "baton.checkpoint_writes", "baton.checkpoints")
# Held while it is decided which long values nothing refers to. Who is about to refer to another one than the latest
# checkpoint of its namespace does stores that, too, even if it is there, and so waits here, or is waited for.
_ALONE: Final = "LOCK TABLE baton.checkpoint_values IN SHARE ROW EXCLUSIVE MODE"
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
# Only what is older goes: a run may put newer checkpoints meanwhile. What tasks wrote can be stored before their
# checkpoint is, so it goes by the checkpoints that are deleted.
_KEEP_ONLY: Final = """
WITH deleted AS (
    DELETE FROM baton.checkpoints
    WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id < $3 AND checkpoint_id <> ALL($4)
    RETURNING checkpoint_id
), writes AS (
    DELETE FROM baton.checkpoint_writes w USING deleted d
    WHERE w.thread_id = $1 AND w.checkpoint_ns = $2 AND w.checkpoint_id = d.checkpoint_id
)
UPDATE baton.checkpoints SET parent_id = NULL
WHERE thread_id = $1 AND checkpoint_ns = $2 AND (checkpoint_id = $3 OR checkpoint_id = ANY($4))
    AND parent_id <> $3 AND parent_id <> ALL($4)
"""


async def delete(database: Database, thread: str) -> None:
    """Delete all that is stored of a thread."""
    async with database.transaction() as connection:
        for table in _TABLES:  # values first, so that it does not meet half-way with who has locked them
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
            needed = await _needed_ancestors(connection, serde, latest)
            await connection.execute(_KEEP_ONLY, thread, latest["checkpoint_ns"], latest["checkpoint_id"], needed)
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
