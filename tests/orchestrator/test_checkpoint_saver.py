from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from orchestrator.storage.checkpoint import PostgresSaver
from orchestrator.storage.checkpoint_values import CheckpointBroken

if TYPE_CHECKING:
    from orchestrator.storage.database import Database


@pytest.mark.slow
async def test_the_saver_conforms_to_langgraphs_own_suite(database: Database) -> None:
    @checkpointer_test(name="baton")
    async def saver() -> AsyncIterator[PostgresSaver]:
        yield PostgresSaver(database)

    report = await validate(saver)

    failed = {name: result.failures for name, result in report.results.items() if result.passed is False}
    assert failed == {}
    assert {name for name, result in report.results.items() if result.passed} == {each.value for each in Capability}


async def put(saver: PostgresSaver, thread: str, values: dict[str, Any]) -> RunnableConfig:
    checkpoint = {**empty_checkpoint(), "channel_values": values}
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    return await saver.aput(config, checkpoint, {"source": "loop", "step": 1}, {})  # type: ignore[arg-type]


async def test_a_nul_character_in_the_state_survives(database: Database) -> None:
    """Note 39: PostgreSQL's jsonb refuses it and the run would die."""
    saver = PostgresSaver(database)
    stored = await saver.aget_tuple(await put(saver, "t", {"log": "before\x00after"}))
    assert stored is not None
    assert stored.checkpoint["channel_values"] == {"log": "before\x00after"}


def test_strict_msgpack_is_on_before_langgraph_is_imported() -> None:
    """Note 32: the flag is read at import and off by default."""
    code = (
        "import orchestrator.storage.checkpoint; from langgraph.checkpoint.serde import _msgpack; "
        "assert _msgpack.STRICT_MSGPACK_ENABLED"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Dangerous:
    made = 0

    def __init__(self) -> None:
        type(self).made += 1


async def test_loading_a_checkpoint_never_builds_a_type_that_is_not_on_the_safe_list(database: Database) -> None:
    """Notes 32 and 33."""
    import ormsgpack  # noqa: PLC0415 - only here

    payload = ormsgpack.packb((Dangerous.__module__, "Dangerous", {}, "model_validate"))
    crafted = ormsgpack.packb(ormsgpack.Ext(2, payload))
    saver = PostgresSaver(database)
    config = await put(saver, "t", {})
    await database.execute("UPDATE baton.checkpoints SET checkpoint = $1", crafted)

    with pytest.raises(CheckpointBroken, match=r"holds the type `[\w.]+\.Dangerous`, which is not on the list of safe"):
        await saver.aget_tuple(config)
    assert Dangerous.made == 0


async def test_secrets_in_the_config_are_not_stored_unless_put_there_on_purpose(database: Database) -> None:
    """Note 35: every scalar of `configurable` lands in the metadata, so the engine passes the thread id alone."""
    saver = PostgresSaver(database)
    await put(saver, "t", {})
    metadata = saver.serde.loads_typed(
        await database.fetchrow("SELECT metadata_type, metadata FROM baton.checkpoints")  # type: ignore[arg-type]
    )
    assert metadata == {"source": "loop", "step": 1}


async def test_a_repeated_put_and_a_repeated_write_change_nothing(database: Database) -> None:
    saver = PostgresSaver(database)
    checkpoint = {**empty_checkpoint(), "channel_values": {"a": 1}}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    for _ in range(2):
        named = await saver.aput(config, checkpoint, {"step": 1}, {})  # type: ignore[arg-type]
    await saver.aput_writes(named, [("a", "first")], "task")
    await saver.aput_writes(named, [("a", "second")], "task")

    stored = await saver.aget_tuple(named)
    assert stored is not None
    assert stored.pending_writes == [("task", "a", "first")]
    assert await database.fetchval("SELECT count(*) FROM baton.checkpoints") == 1
