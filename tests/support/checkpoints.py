"""Put and get checkpoints without a graph."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint

from orchestrator.runtime.langgraph.saver import PostgresSaver
from orchestrator.storage.database import Database

TABLES = ("checkpoints", "checkpoint_writes", "checkpoint_values")


def thread_config(thread: str, namespace: str = "") -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace}}


async def put(
    saver: PostgresSaver,
    config: RunnableConfig,
    values: dict[str, Any],
    *,
    versions: dict[str, Any] | None = None,
    changed: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> RunnableConfig:
    """Put a checkpoint as the child of the one that `config` names, if any; every channel changed unless said."""
    versions = versions or dict.fromkeys(values, "1.0")
    checkpoint: Any = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
    wanted: Any = metadata or {"source": "loop", "step": 1}
    return await saver.aput(config, checkpoint, wanted, versions if changed is None else changed)


async def get(saver: PostgresSaver, config: RunnableConfig) -> CheckpointTuple:
    found = await saver.aget_tuple(config)
    assert found is not None
    return found


async def values_of(saver: PostgresSaver, config: RunnableConfig) -> dict[str, Any]:
    return (await get(saver, config)).checkpoint["channel_values"]


async def counts(database: Database, thread: str) -> dict[str, int]:
    return {
        table: await database.fetchval(f"SELECT count(*) FROM baton.{table} WHERE thread_id = $1", thread)  # noqa: S608 - constants
        for table in TABLES
    }
