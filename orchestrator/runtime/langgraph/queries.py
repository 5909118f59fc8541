"""Read checkpoints from their rows: which ones, and how a row becomes what LangGraph expects.

Not here: how bytes become values (`orchestrator.runtime.langgraph.serde`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, CheckpointTuple, PendingWrite, get_checkpoint_id
from langgraph.checkpoint.serde.base import SerializerProtocol

from orchestrator.runtime.langgraph.serde import Packed, broken, unpack
from orchestrator.storage.database import Database

if TYPE_CHECKING:
    import asyncpg

Where: TypeAlias = dict[str, Sequence[object]]
"""Conditions, all to be met, with `{}` for each of their arguments."""

_LONG_VALUES: Final = "long_values"  # of a stored checkpoint: the channels of its row's `value_hashes`, in order
# Writes are ordered as by `writes_sort_key`: by code points, whatever the database's collation is.
_SELECT: Final = """
SELECT c.*, w.*, v.* FROM (SELECT * FROM baton.checkpoints {conditions} {order} LIMIT {limit}) c
LEFT JOIN LATERAL (
    SELECT array_agg(task_id) AS write_tasks, array_agg(channel) AS write_channels, array_agg(type) AS write_types,
        array_agg(value) AS write_values, array_agg(value_hash) AS write_hashes
    FROM (
        SELECT task_id, channel, type, value, value_hash FROM baton.checkpoint_writes
        WHERE thread_id = c.thread_id AND checkpoint_ns = c.checkpoint_ns AND checkpoint_id = c.checkpoint_id
        ORDER BY task_path COLLATE "C", task_id COLLATE "C", idx
    ) ordered
) w ON true
LEFT JOIN LATERAL (
    SELECT array_agg(hash) AS long_hashes, array_agg(type) AS long_types, array_agg(value) AS long_values
    FROM baton.checkpoint_values
    WHERE thread_id = c.thread_id AND hash = ANY(c.value_hashes || w.write_hashes)
) v ON true
{order}
"""
_NEWEST_FIRST: Final = "ORDER BY checkpoint_id DESC, thread_id DESC, checkpoint_ns DESC"


def wanted(config: RunnableConfig | None, before: RunnableConfig | None = None) -> Where:
    """Return the conditions for the checkpoints that `config` names, older than the one that `before` names."""
    where: Where = {}
    configurable = config["configurable"] if config else {}
    for name in ("thread_id", "checkpoint_ns"):
        if configurable.get(name) is not None:
            where[f"{name} = {{}}"] = (str(configurable[name]),)
    if config and (checkpoint_id := get_checkpoint_id(config)):
        where["checkpoint_id = {}"] = (checkpoint_id,)
    if before and (checkpoint_id := get_checkpoint_id(before)):
        where["checkpoint_id < {}"] = (checkpoint_id,)
    return where


def older_than(row: asyncpg.Record) -> Where:
    """Return the condition for what is listed after `row`."""
    place = (row["checkpoint_id"], row["thread_id"], row["checkpoint_ns"])
    return {"(checkpoint_id, thread_id, checkpoint_ns) < ({}, {}, {})": place}


async def select(database: Database, where: Where, limit: int) -> list[asyncpg.Record]:
    """Return rows of checkpoints, each with its writes and its long values, the newest first."""
    arguments = [argument for each in where.values() for argument in each]
    # An SQL text for each combination of conditions, so that each gets a plan that uses its index.
    conditions = " AND ".join(where).format(*(f"${number}" for number in range(1, len(arguments) + 1)))
    conditions = f"WHERE {conditions}" if conditions else ""
    return await database.fetch(_SELECT.format(conditions=conditions, order=_NEWEST_FIRST, limit=limit), *arguments)


def without_long(checkpoint: Checkpoint, short: Mapping[str, object], long: Sequence[str]) -> dict[str, Any]:
    """Return what is stored of a checkpoint in its row: its short values, and the names of the long ones."""
    document: dict[str, Any] = {**checkpoint, "channel_values": short}
    if long:
        document[_LONG_VALUES] = long
    return document


def metadata_of(serde: SerializerProtocol, row: asyncpg.Record) -> dict[str, Any]:
    """Return the metadata of a row. Raises as `load` does."""
    return _document(serde, row, "metadata")


def held_channels(serde: SerializerProtocol, row: asyncpg.Record) -> set[str]:
    """Return the channels of which a row's checkpoint holds a value. Raises as `load` does."""
    checkpoint = _document(serde, row, "checkpoint")
    return {*checkpoint["channel_values"], *checkpoint.get(_LONG_VALUES, ())}


def load(serde: SerializerProtocol, row: asyncpg.Record) -> CheckpointTuple:
    """Return the checkpoint of a row of `select`.

    Raises:
        CheckpointBroken: It, one of its values or one of its writes cannot be read.
    """
    stored = zip(*(row[name] or () for name in ("long_hashes", "long_types", "long_values")), strict=True)
    long = {name: Packed(kind, data) for name, kind, data in stored}
    thread, namespace = row["thread_id"], row["checkpoint_ns"]
    return CheckpointTuple(
        config=config_of(thread, namespace, row["checkpoint_id"]),
        checkpoint=_checkpoint(serde, row, long),
        metadata=cast("CheckpointMetadata", metadata_of(serde, row)),
        parent_config=config_of(thread, namespace, row["parent_id"]) if row["parent_id"] else None,
        pending_writes=list(_writes(serde, row, long)),
    )


def _checkpoint(serde: SerializerProtocol, row: asyncpg.Record, long: Mapping[bytes, Packed]) -> Checkpoint:
    checkpoint = _document(serde, row, "checkpoint")
    channels, hashes = checkpoint.pop(_LONG_VALUES, ()), row["value_hashes"]
    if "channel_values" not in checkpoint or len(channels) != len(hashes):
        raise broken(_place(row, "the state"), "is not whole")
    for channel, name in zip(channels, hashes, strict=True):
        place = f"the value of `{channel}`"
        checkpoint["channel_values"][channel] = _long_value(serde, row, long, name, place)
    return cast("Checkpoint", checkpoint)


def _writes(serde: SerializerProtocol, row: asyncpg.Record, long: Mapping[bytes, Packed]) -> Iterable[PendingWrite]:
    names = ("write_tasks", "write_channels", "write_types", "write_values", "write_hashes")
    for task, channel, kind, data, name in zip(*(row[each] or () for each in names), strict=True):
        place = f"what task `{task}` wrote to `{channel}`"
        if name is None:
            yield task, channel, _value(serde, row, Packed(kind, data), place)
        else:
            yield task, channel, _long_value(serde, row, long, name, place)


def _long_value(
    serde: SerializerProtocol, row: asyncpg.Record, long: Mapping[bytes, Packed], name: bytes, place: str
) -> Any:  # noqa: ANN401 - any value
    if name not in long:
        raise broken(_place(row, place), "is not in the database")
    return _value(serde, row, long[name], place)


def _value(serde: SerializerProtocol, row: asyncpg.Record, packed: Packed, place: str) -> Any:  # noqa: ANN401 - any value
    return unpack(serde, packed, lambda: _place(row, place))


def _document(serde: SerializerProtocol, row: asyncpg.Record, column: str) -> dict[str, Any]:
    kind = row["type" if column == "checkpoint" else "metadata_type"]
    place = "the state" if column == "checkpoint" else "the metadata"
    document = _value(serde, row, Packed(kind, row[column]), place)
    if not isinstance(document, dict):
        raise broken(_place(row, place), f"cannot be read: it is a {type(document).__name__}")
    return document


def _place(row: asyncpg.Record, what: str) -> str:
    return f"{what} (checkpoint `{row['checkpoint_id']}`, thread `{row['thread_id']}`)"


def config_of(thread: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    """Return the config that names a checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}
