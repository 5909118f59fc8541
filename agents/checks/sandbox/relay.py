"""The way from isolated tools to their scratch databases: a UNIX socket that leads to one server, for one role.

Isolated tools have no network, and must not have the server itself: Baton's own database is on it. The relay passes on
what a client of the right role says to a database of the right name, and refuses everyone else.

Not here: making the role and the databases (`agents.checks.postgres.databases`).

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from agents.checks.errors import ScratchError

SOCKET = ".s.PGSQL.5432"
_LONGEST_PATH = 107  # bytes; sun_path of Linux is 108 with its NUL
_VERSION_3 = 3 << 16
_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104  # requests that come in the place of a version
_LONGEST_STARTUP = 10_000  # bytes, as in PostgreSQL
_CHUNK = 65_536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Listens at `folder / SOCKET` from `open` to `close`."""

    def __init__(self, folder: Path, connect: Callable[[], Awaitable[Streams]], *, role: str, prefix: str) -> None:
        """Pass on to `connect()` who comes as `role`, to a database whose name begins with `prefix`."""
        self.folder = folder
        self._connect, self._role, self._prefix = connect, role, prefix
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen.

        Raises:
            ScratchError: The socket's path is too long.
        """
        path = self.folder / SOCKET
        if len(bytes(path)) > _LONGEST_PATH:
            raise ScratchError(
                f"`{path}` is too long for a socket ({_LONGEST_PATH} bytes). Set TMPDIR to a shorter path"
            )
        self._server = await asyncio.start_unix_server(self._begin, path)

    async def close(self) -> None:
        """End what is under way, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                code, message = await _opening(reader, writer)
                if code == _CANCEL:
                    await self._pass_on(message, None, writer)
                elif refusal := self._refusal(code, message):
                    writer.write(_error(refusal))
                    await writer.drain()
                else:
                    await self._pass_on(message, reader, writer)
        finally:
            writer.close()

    def _refusal(self, code: int, message: bytes) -> str | None:
        if code >> 16 != _VERSION_3 >> 16:
            return "this is not a client of PostgreSQL 7.4 or later"
        asked = _parameters(message)
        database = asked.get("database", asked.get("user", ""))
        if asked.get("user") != self._role or not database.startswith(self._prefix):
            return f"isolated code may not connect to database `{database}` as `{asked.get('user')}`"
        return None

    async def _pass_on(self, message: bytes, reader: asyncio.StreamReader | None, writer: asyncio.StreamWriter) -> None:
        """Connect to the server, repeat what the client began with, and pass on both ways until one side ends."""
        from_server, to_server = await self._connect()
        try:
            to_server.write(message)
            await to_server.drain()
            ways = [asyncio.create_task(_copy(from_server, writer))]
            ways += [asyncio.create_task(_copy(reader, to_server))] if reader else []
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            to_server.close()


async def _opening(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
    """Return the first message that is more than a question for encryption, and its code."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!II", head)
        if not len(head) <= length <= _LONGEST_STARTUP:
            raise ConnectionError("not a startup message")
        message = head + await reader.readexactly(length - len(head))
        if code not in {_SSL, _GSS}:
            return code, message
        writer.write(b"N")  # there is no wire to be read between
        await writer.drain()


def _parameters(message: bytes) -> dict[str, str]:
    words = message[8:].decode("utf-8", "replace").split("\0")
    return dict(zip(words[::2], words[1::2], strict=False))


def _error(text: str) -> bytes:
    fields = b"".join(name + value.encode() + b"\0" for name, value in ((b"S", "FATAL"), (b"C", "42501"), (b"M", text)))
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
