"""Store a long value of a checkpoint once: what this process knows of the values that a thread has.

Most steps change little of a graph's state, and what a task writes is usually what the next checkpoint holds. A channel
that kept its version since the last checkpoint is not even serialised again; another one is recognised by its hash.

Only what the last checkpoint refers to is remembered. Deleting older checkpoints, from any process, never takes that
away, so a value that is left out here is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from langgraph.checkpoint.base import ChannelVersions, Checkpoint
from langgraph.checkpoint.serde.base import SerializerProtocol

from orchestrator.runtime.langgraph.serde import Packed, pack
from orchestrator.storage.writer import Row, SqlStatement

_LONG: Final = 2_000  # bytes; about where PostgreSQL itself moves a field out of its row
_SHORT_TEXT: Final = 400  # characters; certainly not long, in whatever encoding
_PUT_VALUE: Final = SqlStatement(
    "INSERT INTO baton.checkpoint_values (thread_id, hash, type, value) SELECT * FROM {rows} AS r"
    " ON CONFLICT (thread_id, hash) DO NOTHING",
    rank=1,
    types=("text", "bytea", "text", "bytea"),
)


class Long(NamedTuple):
    """A long value of a channel at a version; `hash` names it within its thread."""

    version: object
    hash: bytes


class KnownBlobs:
    """The long values of one namespace of a thread."""

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self._last: str | None = None  # the checkpoint that was put last
        self._channels: Mapping[str, Long] = {}  # what it holds
        self._rows: dict[bytes, Row | None] = {}  # by hash; None once it is stored

    def divide(
        self, serde: SerializerProtocol, checkpoint: Checkpoint, changed: ChannelVersions
    ) -> tuple[dict[str, Any], dict[str, Long]]:
        """Return the short values of a checkpoint, and the long ones, by channel."""
        short: dict[str, Any] = {}
        long: dict[str, Long] = {}
        for channel, value in checkpoint["channel_values"].items():
            version = checkpoint["channel_versions"].get(channel)
            before = None if channel in changed else self._channels.get(channel)
            if before is not None and before.version == version:
                long[channel] = before
            elif _is_short(value) or len((packed := pack(serde, value)).data) < _LONG:
                short[channel] = value
            else:
                long[channel] = Long(version, self._hash(packed))
        return short, long

    def apart(self, packed: Packed) -> bytes | None:
        """Return the hash of a value that is long, None if it is short."""
        return self._hash(packed) if len(packed.data) >= _LONG else None

    @contextmanager
    def storing(self, hashes: Iterable[bytes], checkpoint_id: str) -> Iterator[list[Row]]:
        """Yield the rows of those values that are not known to be stored, for a checkpoint or what was written to it.

        Once the block ends well they are known to be, as long as that checkpoint is the last one.
        """
        rows = {each: row for each in hashes if (row := self._rows.get(each)) is not None}
        stored = False
        try:
            yield list(rows.values())
            stored = checkpoint_id == self._last
        finally:
            for each in rows:
                if stored:
                    self._rows[each] = None
                else:
                    self._rows.pop(each, None)

    def put(self, checkpoint_id: str, channels: Mapping[str, Long]) -> None:
        """Remember what the checkpoint that is now the last one holds, and forget what only older ones do."""
        self._last, self._channels = checkpoint_id, channels
        held = {each.hash for each in channels.values()}
        self._rows = {each: row for each, row in self._rows.items() if row is not None or each in held}

    def _hash(self, packed: Packed) -> bytes:
        name = packed.digest()
        if name not in self._rows:
            stored = packed.compressed()
            self._rows[name] = (_PUT_VALUE, (self._thread, name, stored.kind, stored.data))
        return name


def _is_short(value: object) -> bool:
    """Return whether a value is short without serialising it."""
    if isinstance(value, str):
        return len(value) < _SHORT_TEXT
    return value is None or isinstance(value, bool | int | float)
