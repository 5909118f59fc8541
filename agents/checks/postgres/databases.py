"""Scratch databases on the PostgreSQL server that a run uses anyway: made on demand, dropped when the step is over.

A step's databases share a token in their names, and while the step lives it holds an advisory lock on that token. So
whoever makes the next scratch database can tell those of a step that was killed, and drops them.

For isolated tools the step also has a role of its own, which can do nothing on the server but make databases, and
reaches it by a relay.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

import asyncpg

from agents.checks.errors import ScratchDatabaseLost, ScratchError
from agents.checks.sandbox.relay import Relay, Streams

_PREFIX = "baton_scratch"
_PRISTINE = "template0"  # nobody can be connected to it, which would make copying it fail
_LABEL_CHARACTERS = 24
_CONNECTIONS = 100  # at once, of one step's tools
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_REQUIRED = 3  # asyncpg's `SSLMode.require`; those above also verify
_ANSWER_TIMEOUT = 30.0  # seconds; a server that takes longer for `select 1` is as good as gone, and is tried again
# What a server says that is starting, stopping, restarting or overrun; asyncpg's own errors say that it is gone.
_PASSING = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


class ScratchDatabases:
    """The scratch databases of one step, by label."""

    def __init__(self, admin: str, relay: Path | None = None) -> None:
        """Use the server at the DSN `admin`, whose role may create databases; nothing is connected yet.

        With `relay`, the databases are for isolated tools: they are reached by a socket in that folder,
        by a role of their own, which the role of `admin` must be allowed to create.
        """
        self._admin = admin
        self._relay_folder = relay
        self._relay: Relay | None = None
        self._password = secrets.token_urlsafe()
        self._names: dict[str, str] = {}
        self._token = secrets.token_hex(5)
        self._session: asyncpg.Connection | None = None  # holds the lock on the token
        self._lock = asyncio.Lock()  # `create database` on one template does not run twice at once

    async def get(self, label: str, *, like: str | None = None) -> str:
        """Return the DSN of the database called `label`: empty when first asked for, the same one ever after.

        Args:
            label: Names the database within the step.
            like: The label of a database to copy, schema and rows; nobody may be connected to it.

        Raises:
            ScratchDatabaseLost: The server cannot be reached, or is gone.
            ScratchError: It refuses.
        """
        async with self._lock:
            if label not in self._names:
                self._names[label] = await self._create(label, self._names[like] if like else _PRISTINE)
        return self._dsn(self._names[label])

    async def require(self) -> None:
        """See that the databases made are still there, and still protected from being taken for a dead step's.

        Raises:
            ScratchDatabaseLost: The server is gone, or was meanwhile.
        """
        async with self._lock:
            if self._session is not None:
                with database_errors("a check failed, and the scratch databases are gone"):
                    await self._session.execute("select 1", timeout=_ANSWER_TIMEOUT)

    async def close(self) -> None:
        """Drop every database made, whoever is still connected; if the server is gone, the next step drops them."""
        self._names.clear()
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with suppress(*_PASSING):
                await _drop(session, self._token)
                await session.close()
        finally:
            session.terminate()

    async def _create(self, label: str, template: str) -> str:
        safe = re.sub(r"[^a-z0-9]+", "_", label.lower())[:_LABEL_CHARACTERS].strip("_")
        name = f"{_PREFIX}_{self._token}_{safe}"
        with database_errors("a scratch database cannot be created"):
            session = await self._opened()
            owner = f' owner "{self._role}"' if self._relay else ""
            await session.execute(f'create database "{name}"{owner} template "{template}"')
            # A crash loses the scratch database anyway: do not wait for the disk at every commit.
            await session.execute(f'alter database "{name}" set synchronous_commit = off')
        return name

    async def _opened(self) -> asyncpg.Connection:
        if self._session is None:
            self._session = await asyncpg.connect(self._admin)
            await self._session.execute("select pg_advisory_lock(hashtext($1))", self._token)
            await _drop_orphans(self._session)
        if self._relay_folder is not None and self._relay is None:
            self._relay = await self._open_relay(self._session, self._relay_folder)
        return self._session

    async def _open_relay(self, session: asyncpg.Connection, folder: Path) -> Relay:
        """Make the role, and the way for it."""
        role = self._role
        try:
            await session.execute(
                f'create role "{role}" login createdb nosuperuser noinherit connection limit {_CONNECTIONS}'
                f" password '{self._password}'"
            )
            await session.execute(f'grant "{role}" to current_user')
        except asyncpg.InsufficientPrivilegeError as error:
            raise ScratchError(
                "code that nobody here wrote is checked with a database role of its own, and the role in"
                f" BATON_DATABASE_URL may not create one: {error.args[0]}. It needs CREATEROLE (docs/security.md)"
            ) from error
        relay = Relay(folder, lambda: _second_way(session), role=role, prefix=role)
        await relay.open()
        return relay

    @property
    def _role(self) -> str:
        return f"{_PREFIX}_{self._token}"

    def _dsn(self, name: str) -> str:
        if self._relay is None:
            return database_dsn(self._admin, name)
        return f"postgresql://{self._role}:{self._password}@/{name}?host={quote(str(self._relay.folder), safe='/')}"


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turn what asyncpg raises into an error that says what to do, and whether it may pass.

    Raises:
        ScratchDatabaseLost: The server cannot be reached, or went away.
        ScratchError: It refuses.
    """
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise ScratchError(f"{what}: {error}. See BATON_DATABASE_URL") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise ScratchError(f"{what}: {error}. The role in BATON_DATABASE_URL needs CREATEDB") from error
    except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError) as error:
        raise ScratchError(f"{what}: {error}. Make room on the machine of the PostgreSQL server") from error
    except _PASSING as error:
        raise ScratchDatabaseLost(
            f"{what}: the PostgreSQL server for checks does not answer: {str(error) or type(error).__name__}."
            " Run `baton doctor`, or set BATON_DATABASE_URL"
        ) from error
    except asyncpg.PostgresError as error:
        raise ScratchError(f"{what}: {error}. See the settings in BATON_DATABASE_URL") from error


async def _drop_orphans(session: asyncpg.Connection) -> None:
    """Drop the databases and roles of steps that are no more."""
    names = await session.fetch(
        "select datname from pg_database where starts_with(datname, $1)"
        " union select rolname from pg_roles where starts_with(rolname, $1)",
        f"{_PREFIX}_",
    )
    for token in {row[0].removeprefix(f"{_PREFIX}_").partition("_")[0] for row in names}:
        if await session.fetchval("select pg_try_advisory_lock(hashtext($1))", token):
            await _drop(session, token)
            await session.execute("select pg_advisory_unlock(hashtext($1))", token)


async def _drop(session: asyncpg.Connection, token: str) -> None:
    """Drop the databases of a step, those that its tools made included, and its role."""
    role = f"{_PREFIX}_{token}"
    names = await session.fetch(
        "select datname from pg_database d left join pg_roles r on r.oid = d.datdba"
        " where starts_with(datname, $1) or rolname = $1",
        role,
    )
    for row in names:
        await session.execute(f"drop database if exists {_quoted(row[0])} with (force)")
    if await session.fetchval("select 1 from pg_roles where rolname = $1", role):  # whoever drops none need not be able
        await session.execute(f'drop role "{role}"')


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _second_way(session: asyncpg.Connection) -> Streams:
    """Connect to the server that a session is connected to, encrypted if the session is; say nothing yet."""
    # What asyncpg made of the DSN, the environment and `.pgpass`: it has no public name, and must not be made twice.
    address, encryption = cast("Any", session)._addr, cast("Any", session)._params  # noqa: SLF001  # as said
    if isinstance(address, str):
        return await asyncio.open_unix_connection(address)
    reader, writer = await asyncio.open_connection(*address)
    if encryption.ssl:
        writer.write(_SSL_REQUEST)
        if await reader.readexactly(1) == b"S":
            hostname = address[0] if encryption.ssl.check_hostname else None
            await writer.start_tls(encryption.ssl, server_hostname=hostname)
        elif encryption.sslmode >= _REQUIRED:
            writer.close()
            raise ConnectionError("the server does not offer the encryption that the DSN requires")
    return reader, writer


def database_dsn(admin: str, name: str) -> str:
    """Return the DSN `admin` pointing at the database `name`; host, user and query stay."""
    parts = urlsplit(admin)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"
