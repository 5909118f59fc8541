"""A transaction pooler, as PgBouncer, Supavisor or RDS Proxy are: a client has a server connection for a transaction.

It is stricter than they are: each transaction of a client gets the connection that was idle for longest, so whatever a
client expects to find from its last transaction is not there. Without authentication, for one user and one database.

Source: PostgreSQL's frontend/backend protocol 3.0.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
IDLE = b"I"  # of ReadyForQuery: outside a transaction
_GONE = (asyncio.IncompleteReadError, ConnectionError)


@dataclass(eq=False)
class Link:
    """One connection to the server; `greeting` is what it said of itself at its start."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes = b""


@dataclass
class Pooler:
    """Where clients connect (`port`), and how often a transaction went to another connection than the one before."""

    server: Path
    port: int = 0
    switches: int = 0
    idle: asyncio.Queue[Link | None] = field(default_factory=asyncio.Queue)  # null: one that may yet be opened
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with suppress(*_GONE):
            startup = await self._startup(reader, writer)
            if startup:
                await self._transactions(startup, reader, writer)
        await self._close(writer)

    async def close(self) -> None:
        for writer in list(self.open):
            await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        self.open.discard(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            rest = await reader.readexactly(length - 8)
            if code == CANCEL_REQUEST:
                return b""
            if code != SSL_REQUEST:
                return head + rest
            writer.write(b"N")

    async def _transactions(self, startup: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = await self._take(startup)
        writer.write(link.greeting)
        self.idle.put_nowait(link)
        while True:
            first = await _asked(reader)
            before, link = link, await self._take(startup)
            self.switches += link is not before
            try:
                await _one(first, link, reader, writer)
            except _GONE:  # its transaction, if it has one, ends with the connection
                await self._close(link.writer)
                self.idle.put_nowait(None)
                raise
            self.idle.put_nowait(link)

    async def _take(self, startup: bytes) -> Link:
        link = await self.idle.get()
        if link is None:
            link = Link(*await asyncio.open_unix_connection(str(self.server)))
            self.open.add(link.writer)
            link.writer.write(startup)
            while link.greeting[-6:-5] != b"Z":
                link.greeting += await _message(link.reader)
        return link


async def _one(message: bytes, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass one transaction between a client and a server connection, beginning with the client's `message`."""
    while True:
        answers = asyncio.create_task(_answers(link.reader, writer))
        try:
            while message[:1] not in {b"Q", b"S"}:  # a client waits for an answer after Query and Sync only
                link.writer.write(message)
                message = await _asked(reader)
            link.writer.write(message)
            if await answers == IDLE:
                return
        finally:
            answers.cancel()
        message = await _asked(reader)


async def _asked(reader: asyncio.StreamReader) -> bytes:
    message = await _message(reader)
    if message[:1] == b"X":
        raise ConnectionResetError("the client says goodbye")
    return message


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Pass on what the server answers, until it is ready for more; return whether it is in a transaction."""
    while True:
        answer = await _message(reader)
        writer.write(answer)
        if answer[:1] == b"Z":
            await writer.drain()
            return answer[5:6]


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


@asynccontextmanager
async def transaction_pooler(server: Path, *, size: int = 3) -> AsyncIterator[Pooler]:
    """Yield a pooler with `size` connections to the server that listens at the socket `server`."""
    pooler = Pooler(server)
    for _ in range(size):
        pooler.idle.put_nowait(None)
    listener = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    pooler.port = listener.sockets[0].getsockname()[1]
    try:
        yield pooler
    finally:
        listener.close()
        await pooler.close()
