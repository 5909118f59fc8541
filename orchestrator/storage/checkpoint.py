"""LangGraph's checkpoints in Baton's PostgreSQL, through asyncpg.

The state of a run is small and JSON (paths, hashes, verdicts), so a checkpoint is one row. Puts are idempotent: a
repeated one changes nothing. What is loaded can only be data: the serializer refuses every type that is not on
LangGraph's list of safe ones.

Async only. Source: the saver contract is `langgraph.checkpoint.base.BaseCheckpointSaver` of langgraph-checkpoint 4.3.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

# LangGraph reads this once, at import: without it, loading a checkpoint can run code.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

if TYPE_CHECKING:
    import asyncpg

    from orchestrator.storage.database import Database

_PUT = """
INSERT INTO baton.checkpoints
    (thread_id, checkpoint_ns, checkpoint_id, parent_id, type, checkpoint, metadata_type, metadata)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE
    SET type = excluded.type, checkpoint = excluded.checkpoint,
        metadata_type = excluded.metadata_type, metadata = excluded.metadata
"""
_PUT_WRITE = """
INSERT INTO baton.checkpoint_writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value, task_path)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
"""
_LIST = """
SELECT * FROM baton.checkpoints
WHERE ($1::text IS NULL OR thread_id = $1)
  AND ($2::text IS NULL OR checkpoint_ns = $2)
  AND ($3::text IS NULL OR checkpoint_id = $3)
  AND ($4::text IS NULL OR checkpoint_id < $4)
ORDER BY checkpoint_id DESC
"""
_WRITES = """
SELECT task_id, channel, type, value FROM baton.checkpoint_writes
WHERE thread_id = $1 AND checkpoint_ns = $2 AND checkpoint_id = $3
ORDER BY task_path, task_id, idx
"""


class PostgresSaver(BaseCheckpointSaver[str]):
    """A checkpoint saver on the tables of `orchestrator.storage.database`."""

    def __init__(self, database: Database, writer: object = None) -> None:
        super().__init__(serde=JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None))
        self._database = database

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names, the thread's newest if it names none, or None."""
        thread, namespace = _key(config)
        rows = await self._database.fetch(f"{_LIST} LIMIT 1", thread, namespace, get_checkpoint_id(config), None)
        return await self._tuple(rows[0]) if rows else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first; `filter` compares metadata values."""
        wanted = config["configurable"] if config else {}
        rows = await self._database.fetch(
            _LIST,
            wanted.get("thread_id"),
            wanted.get("checkpoint_ns"),
            get_checkpoint_id(config) if config else None,
            get_checkpoint_id(before) if before else None,
        )
        left = len(rows) if limit is None else limit
        for row in rows:
            if left <= 0:
                return
            metadata = self.serde.loads_typed((row["metadata_type"], row["metadata"]))
            if all(metadata.get(name) == value for name, value in (filter or {}).items()):
                left -= 1
                yield await self._tuple(row)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - a checkpoint is stored whole
    ) -> RunnableConfig:
        """Store a checkpoint as the child of the one that `config` names; return the config that names it."""
        thread, namespace = _key(config)
        kind, data = self.serde.dumps_typed(checkpoint)
        metadata_kind, metadata_data = self.serde.dumps_typed(get_checkpoint_metadata(config, metadata))
        await self._database.execute(
            _PUT,
            thread,
            namespace,
            checkpoint["id"],
            get_checkpoint_id(config),
            kind,
            data,
            metadata_kind,
            metadata_data,
        )
        return _config(thread, namespace, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote. Only LangGraph's own channels (errors, interrupts) may be written again."""
        thread, namespace = _key(config)
        rows = [
            (
                thread,
                namespace,
                config["configurable"]["checkpoint_id"],
                task_id,
                WRITES_IDX_MAP.get(channel, position),
                channel,
                *self.serde.dumps_typed(value),
                task_path,
            )
            for position, (channel, value) in enumerate(writes)
        ]
        special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        again = "DO UPDATE SET channel = excluded.channel, type = excluded.type, value = excluded.value"
        async with self._database.transaction() as connection:
            await connection.executemany(f"{_PUT_WRITE} {again if special else 'DO NOTHING'}", rows)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete every checkpoint and write of a thread."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM baton.checkpoints WHERE thread_id = $1", thread_id)
            await connection.execute("DELETE FROM baton.checkpoint_writes WHERE thread_id = $1", thread_id)

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - LangGraph's signature
        """Return the version after `current`; versions sort as text."""
        return f"{int(current or 0) + 1:032}"

    async def _tuple(self, row: asyncpg.Record) -> CheckpointTuple:
        thread, namespace, checkpoint_id = row["thread_id"], row["checkpoint_ns"], row["checkpoint_id"]
        writes = await self._database.fetch(_WRITES, thread, namespace, checkpoint_id)
        return CheckpointTuple(
            config=_config(thread, namespace, checkpoint_id),
            checkpoint=self.serde.loads_typed((row["type"], row["checkpoint"])),
            metadata=self.serde.loads_typed((row["metadata_type"], row["metadata"])),
            parent_config=_config(thread, namespace, row["parent_id"]) if row["parent_id"] else None,
            pending_writes=[
                (write["task_id"], write["channel"], self.serde.loads_typed((write["type"], write["value"])))
                for write in writes
            ],
        )


def _key(config: RunnableConfig) -> tuple[str, str]:
    configurable = config["configurable"]
    return str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", ""))


def _config(thread: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}
