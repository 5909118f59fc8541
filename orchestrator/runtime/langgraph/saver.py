"""LangGraph's checkpoints in Baton's PostgreSQL, through asyncpg.

A checkpoint is one row; what concurrent runs put goes into one transaction (`orchestrator.storage.writer`). Long values
stand beside it, compressed, once a thread. Puts are idempotent: a repeated one changes nothing. What is loaded can only
be data.

Async only: one pool of connections, one event loop. Text in values may hold NUL and lone surrogates (which come back
as `?`); the ids of threads and tasks may not.

Not here: how values become bytes (`orchestrator.runtime.langgraph.serde`), which of them are sent
(`orchestrator.runtime.langgraph.blob_cache`), deleting and copying (`orchestrator.runtime.langgraph.threads`).

Source: the saver contract is `langgraph.checkpoint.base.BaseCheckpointSaver` of langgraph-checkpoint 4.3.
"""

from __future__ import annotations

import os
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

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

from orchestrator.runtime.langgraph import threads
from orchestrator.runtime.langgraph.blob_cache import KnownBlobs
from orchestrator.runtime.langgraph.queries import (
    config_of,
    load,
    metadata_of,
    older_than,
    select,
    wanted,
    without_long,
)
from orchestrator.runtime.langgraph.serde import NOTHING, pack
from orchestrator.storage.database import Database
from orchestrator.storage.writer import Row, SqlStatement, Writer

_REMEMBERED: Final = 4_096  # threads whose long values are known
_PAGE: Final = 32  # checkpoints that are listed at a time

_PUT_WRITE: Final = """
INSERT INTO baton.checkpoint_writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, task_path, type, value, value_hash)
SELECT * FROM {rows} AS r ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
"""
_WRITE_TYPES: Final = ("text", "text", "text", "text", "integer", "text", "text", "text", "bytea", "bytea")
_PUT_WRITE_ONCE: Final = SqlStatement(f"{_PUT_WRITE} DO NOTHING", rank=2, types=_WRITE_TYPES)
_PUT_WRITE_AGAIN: Final = SqlStatement(
    f"{_PUT_WRITE} DO UPDATE SET channel = excluded.channel, type = excluded.type, value = excluded.value,"
    " value_hash = excluded.value_hash",
    rank=2,
    types=_WRITE_TYPES,
)
_PUT: Final = SqlStatement(
    """
    INSERT INTO baton.checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_id, run_id,
         type, checkpoint, metadata_type, metadata, value_hashes)
    SELECT r.thread, r.ns, r.id, r.parent, r.run, r.type, r.checkpoint, r.metadata_type, r.metadata, r.hashes::bytea[]
    FROM {rows} AS r (thread, ns, id, parent, run, type, checkpoint, metadata_type, metadata, hashes)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE SET run_id = excluded.run_id,
        type = excluded.type, checkpoint = excluded.checkpoint, metadata_type = excluded.metadata_type,
        metadata = excluded.metadata, value_hashes = excluded.value_hashes
    """,
    rank=3,
    types=("text", "text", "text", "text", "text", "text", "bytea", "text", "bytea", "text"),
)


class PostgresSaver(BaseCheckpointSaver[str]):
    """A checkpoint saver on the tables of `orchestrator.storage.migrations`."""

    def __init__(self, database: Database, writer: Writer | None = None) -> None:
        """Save to `database`, in one transaction with what else is handed to `writer`, if given."""
        super().__init__(serde=JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None))
        self._database = database
        self._writer = writer or Writer(database)
        self._known: OrderedDict[tuple[str, str], KnownBlobs] = OrderedDict()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names, the thread's newest if it names none, or None.

        Raises:
            CheckpointBroken: It cannot be read.
            DatabaseLost: The server went away and did not come back in time.
        """
        thread, namespace = _key(config)
        where = wanted({"configurable": {**config["configurable"], "thread_id": thread, "checkpoint_ns": namespace}})
        rows = await select(self._database, where, 1)
        self._known.pop((thread, namespace), None)  # a run begins here: another process may have been at work since
        return load(self.serde, rows[0]) if rows else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, newest first; `filter` compares metadata values. Raises as `aget_tuple` does."""
        where = wanted(config, before)
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None or filter else min(left, _PAGE)
            rows = await select(self._database, where, size)
            for row in rows:
                if left == 0:
                    return
                if filter and not filter.items() <= metadata_of(self.serde, row).items():
                    continue
                left = None if left is None else left - 1
                yield load(self.serde, row)
            if len(rows) < size:
                return
            where |= older_than(rows[-1])

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint as the child of the one that `config` names; return the config that names it.

        Raises:
            DatabaseLost: The server went away and did not come back in time.
        """
        thread, namespace = _key(config)
        known = self._knowledge(thread, namespace)
        short, long = known.divide(self.serde, checkpoint, new_versions)
        hashes = [each.hash for each in long.values()]
        full_metadata = get_checkpoint_metadata(config, metadata)
        put: Row = (
            _PUT,
            (
                *(thread, namespace, checkpoint["id"], get_checkpoint_id(config)),
                _run(full_metadata),
                *pack(self.serde, without_long(checkpoint, short, list(long))).compressed(),
                *pack(self.serde, full_metadata).compressed(),
                # As text: arrays of arrays would all have to be of one length.
                "{" + ",".join(rf"\\x{each.hex()}" for each in hashes) + "}",
            ),
        )
        with known.storing(hashes, checkpoint["id"]) as rows:
            await self._writer.write([*rows, put])
            known.put(checkpoint["id"], long)
        return config_of(thread, namespace, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote. Only LangGraph's own channels (errors, interrupts) may be written again.

        Raises:
            DatabaseLost: The server went away and did not come back in time.
        """
        thread, namespace = _key(config)
        known = self._knowledge(thread, namespace)
        again = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        checkpoint_id = config["configurable"]["checkpoint_id"]
        key = (thread, namespace, checkpoint_id, task_id)
        hashes: list[bytes] = []
        puts: dict[int, Row] = {}  # by index; of two with one index the last one counts
        for position, (channel, value) in enumerate(writes):
            packed = pack(self.serde, value)
            if name := known.apart(packed):
                hashes.append(name)
                packed = NOTHING
            index = WRITES_IDX_MAP.get(channel, position)
            row = (*key, index, channel, task_path, *packed.compressed(), name)
            puts[index] = (_PUT_WRITE_AGAIN if again else _PUT_WRITE_ONCE, row)
        with known.storing(hashes, checkpoint_id) as rows:
            await self._writer.write([*rows, *puts.values()])

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete every checkpoint and write of a thread."""
        await threads.delete(self._database, str(thread_id))
        self._forget(str(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints whose metadata name one of the runs, with their writes."""
        for thread in await threads.delete_for_runs(self._database, [str(each) for each in run_ids]):
            self._forget(thread)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy every checkpoint and write of a thread to another one; what the target has already stays."""
        await threads.copy(self._database, str(source_thread_id), str(target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete all that threads hold, or all but the latest checkpoint of each namespace and what it needs.

        A run may be at work on a thread meanwhile if its latest checkpoints are kept.

        Raises:
            ValueError: There is no such strategy.
        """
        if strategy not in {"keep_latest", "delete"}:
            raise ValueError(f"there is no prune strategy {strategy!r}, only 'keep_latest' and 'delete'")
        for thread in map(str, thread_ids):
            if strategy == "delete":
                await self.adelete_thread(thread)
            else:
                await threads.keep_latest(self._database, self.serde, thread)

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - LangGraph's signature
        """Return the version after `current`. Versions sort as text; those of two branches of a thread differ."""
        number = int(current.partition(".")[0]) if current else 0
        return f"{number + 1:032}.{random.getrandbits(32):08x}"

    def _knowledge(self, thread: str, namespace: str) -> KnownBlobs:
        key = (thread, namespace)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = KnownBlobs(thread)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known

    def _forget(self, thread: str) -> None:
        for key in [key for key in self._known if key[0] == thread]:
            del self._known[key]


def _key(config: RunnableConfig) -> tuple[str, str]:
    configurable = config["configurable"]
    return str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", ""))


def _run(metadata: CheckpointMetadata) -> str | None:
    run = metadata.get("run_id")
    return None if run is None else str(run)
