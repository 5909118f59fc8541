"""The client's lines from standard input, so that waiting for one can be cancelled.

A thread that reads a pipe cannot be interrupted: with the SDK's own reader, a server that gets SIGTERM while its client
says nothing would neither stop its runs nor end. Here the thread is left behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from contextlib import suppress
from typing import Self

_CHUNK = 65_536
_ABOVE_STANDARD = 3


class ClientLines:
    """Lines of UTF-8 as they come, until the client closes its end. For the running event loop."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=self._read, args=(descriptor,), name="client", daemon=True).start()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        line = await self._arrived.get()
        if line is None:
            raise StopAsyncIteration
        return line

    def _read(self, descriptor: int) -> None:
        rest = b""
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            while chunk := _chunk(descriptor):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._loop.call_soon_threadsafe(self._arrived.put_nowait, line.decode(errors="replace"))
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, None)


def taken_stdin() -> int:
    """Return a descriptor of standard input, which from now on is empty: no tool may read what the client says."""
    wire = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _ABOVE_STANDARD)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return wire


def _chunk(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except OSError:
        return b""
