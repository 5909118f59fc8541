"""Turn the values of a checkpoint into bytes and back: compressed if long, refused on loading if not plainly data.

Where LangGraph's serializer, made strict, meets a type that is not on its list, it logs a line and returns something
else than what was stored. A run must not go on with that, so here it is an error.

Not here: which bytes go into which row (`orchestrator.runtime.langgraph.saver`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import ormsgpack
import zstandard
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.event_hooks import SerdeEvent, register_serde_event_listener

from schemas.errors import RunError

_COMPRESS_FROM: Final = 2_000  # bytes; about where PostgreSQL itself would begin
_LEVEL: Final = 1  # a third faster than 3, a tenth larger
_COMPRESSED: Final = "zstd+"
_KINDS: Final = frozenset({"null", "bytes", "bytearray", "msgpack"})
_LONGEST: Final = 1 << 30  # bytes in a PostgreSQL field; a frame that claims more is not ours


class CheckpointBroken(RunError):
    """What is stored for a checkpoint cannot be read. Nothing of it was executed."""

    code = "checkpoint_broken"


class Packed(NamedTuple):
    """A value as bytes; `kind` says how to read them."""

    kind: str
    data: bytes

    def digest(self) -> bytes:
        """Return the SHA-256 that names this value."""
        return hashlib.sha256(self.kind.encode() + b"\0" + self.data).digest()

    def compressed(self) -> Packed:
        """Return the same value in fewer bytes, if it is long enough to be worth it."""
        if len(self.data) < _COMPRESS_FROM:
            return self
        data = zstandard.compress(self.data, _LEVEL)
        return Packed(_COMPRESSED + self.kind, data) if len(data) < len(self.data) else self


NOTHING: Final = Packed("null", b"")


def pack(serde: SerializerProtocol, value: object) -> Packed:
    """Return `value` as bytes, not compressed yet."""
    kind, data = serde.dumps_typed(value)
    return Packed(kind, bytes(data))


def unpack(serde: SerializerProtocol, packed: Packed, where: Callable[[], str]) -> Any:  # noqa: ANN401 - any value
    """Return the value that was packed.

    Args:
        serde: Of the saver, with the types that its graph allows.
        packed: What is stored.
        where: Names the place for an error.

    Raises:
        CheckpointBroken: It is not what `pack` wrote, or of a type that is not allowed.
    """
    refused: list[SerdeEvent] = []
    thread = threading.get_ident()

    def listen(event: SerdeEvent) -> None:
        if threading.get_ident() == thread and event["kind"] != "msgpack_unregistered_allowed":
            refused.append(event)

    forget = register_serde_event_listener(listen)
    try:
        value = serde.loads_typed(_decompressed(packed))
    except (ValueError, ormsgpack.MsgpackDecodeError, zstandard.ZstdError, MemoryError) as error:
        raise broken(where(), f"cannot be read: {type(error).__name__}: {error}") from error
    finally:
        forget()
    if refused:
        module, name = refused[0]["module"], refused[0]["name"]
        raise broken(
            where(),
            f"holds the type `{module}.{name}`, which is not on the list of safe ones",
            f"Keep the state of a graph to JSON, or allow the type: `saver.with_allowlist([({module!r}, {name!r})])`.",
        )
    return value


def _decompressed(packed: Packed) -> Packed:
    kind = packed.kind.removeprefix(_COMPRESSED)
    if kind not in _KINDS:
        raise ValueError(f"there is no kind `{packed.kind}`")
    if kind == packed.kind:
        return packed
    if zstandard.frame_content_size(packed.data) > _LONGEST:
        raise ValueError("longer than PostgreSQL can store")
    return Packed(kind, zstandard.decompress(packed.data))


def broken(where: str, how: str, way_out: str = "") -> CheckpointBroken:
    """Return the error for something stored that cannot be used."""
    way_out = way_out or "Go on from an earlier checkpoint, or do the run anew with `baton retry`."
    return CheckpointBroken(f"{where} {how}. Nothing of it was executed.\n{way_out}")
