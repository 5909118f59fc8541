"""Scratch databases on the PostgreSQL server that a run uses anyway: made on demand, dropped when the step is over.

A step's databases share a token in their names, and while the step lives it holds an advisory lock on that token. So
whoever makes the next scratch database can tell those of a step that was killed, and drops them.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import asyncpg

from agents.checks.errors import ScratchDatabaseLost, ScratchError

_PREFIX = "baton_scratch"
_PRISTINE = "template0"  # nobody can be connected to it, which would make copying it fail
_LABEL_CHARACTERS = 24
_ANSWER_TIMEOUT = 30.0  # seconds; a server that takes longer for `select 1` is as good as gone
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

    def __init__(self, admin: str) -> None:
        """Use the server at the DSN `admin`, whose role may create databases; nothing is connected yet."""
        self._admin = admin
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
        return database_dsn(self._admin, self._names[label])

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
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with suppress(*_PASSING):
                await _drop(session, await _names_of(session, self._token))
                await session.close()
        finally:
            session.terminate()

    async def _create(self, label: str, template: str) -> str:
        safe = re.sub(r"[^a-z0-9]+", "_", label.lower())[:_LABEL_CHARACTERS].strip("_")
        name = f"{_PREFIX}_{self._token}_{safe}"
        with database_errors("a scratch database cannot be created"):
            session = await self._opened()
            await session.execute(f'create database "{name}" template "{template}"')
            # A crash loses the scratch database anyway: do not wait for the disk at every commit.
            await session.execute(f'alter database "{name}" set synchronous_commit = off')
        return name

    async def _opened(self) -> asyncpg.Connection:
        if self._session is None:
            self._session = await asyncpg.connect(self._admin)
            await self._session.execute("select pg_advisory_lock(hashtext($1))", self._token)
            await _drop_orphans(self._session)
        return self._session


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
    """Drop the databases of steps that are no more."""
    names = await _names_of(session, "")
    for token in {name.removeprefix(f"{_PREFIX}_").partition("_")[0] for name in names}:
        if await session.fetchval("select pg_try_advisory_lock(hashtext($1))", token):
            await _drop(session, await _names_of(session, token))
            await session.execute("select pg_advisory_unlock(hashtext($1))", token)


async def _names_of(session: asyncpg.Connection, token: str) -> list[str]:
    rows = await session.fetch("select datname from pg_database where starts_with(datname, $1)", f"{_PREFIX}_{token}")
    return [row["datname"] for row in rows]


async def _drop(session: asyncpg.Connection, names: Sequence[str]) -> None:
    for name in names:
        await session.execute(f'drop database if exists "{name}" with (force)')


def database_dsn(admin: str, name: str) -> str:
    """Return the DSN `admin` pointing at the database `name`; host, user and query stay."""
    parts = urlsplit(admin)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"
