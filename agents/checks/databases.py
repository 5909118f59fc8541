"""Scratch databases on the PostgreSQL server that a run uses anyway: made on demand, dropped when the step is over."""

from __future__ import annotations

import asyncio
import re
import secrets
from urllib.parse import urlsplit

import asyncpg

from agents.checks.errors import ScratchError

_PREFIX = "baton_scratch"
_PRISTINE = "template0"  # nobody can be connected to it, which would make copying it fail
_LABEL_CHARACTERS = 24


class ScratchDatabases:
    """The scratch databases of one step, by label."""

    def __init__(self, admin: str) -> None:
        """Use the server at the DSN `admin`, whose role may create databases; nothing is connected yet."""
        self._admin = admin
        self._names: dict[str, str] = {}
        self._lock = asyncio.Lock()  # `create database` on one template does not run twice at once

    async def get(self, label: str, *, like: str | None = None) -> str:
        """Return the DSN of the database called `label`: empty when first asked for, the same one ever after.

        Args:
            label: Names the database within the step.
            like: The label of a database to copy, schema and rows; nobody may be connected to it.

        Raises:
            ScratchError: The server cannot be reached, or refuses.
        """
        async with self._lock:
            if label not in self._names:
                self._names[label] = await self._create(label, self._names[like] if like else _PRISTINE)
        return database_dsn(self._admin, self._names[label])

    async def close(self) -> None:
        """Drop every database made, whoever is still connected."""
        names, self._names = list(self._names.values()), {}
        if not names:
            return
        connection = await self._connect()
        try:
            for name in names:
                await connection.execute(f'drop database if exists "{name}" with (force)')
        finally:
            await connection.close()

    async def _create(self, label: str, template: str) -> str:
        safe = re.sub(r"[^a-z0-9]+", "_", label.lower())[:_LABEL_CHARACTERS].strip("_")
        name = f"{_PREFIX}_{secrets.token_hex(5)}_{safe}"
        connection = await self._connect()
        try:
            await connection.execute(f'create database "{name}" template "{template}"')
            # A crash loses the scratch database anyway: do not wait for the disk at every commit.
            await connection.execute(f'alter database "{name}" set synchronous_commit = off')
        except asyncpg.PostgresError as error:
            raise ScratchError(
                f"cannot create a scratch database: {error}. The role in BATON_DATABASE_URL needs CREATEDB"
            ) from error
        finally:
            await connection.close()
        return name

    async def _connect(self) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(self._admin)
        except (OSError, asyncpg.PostgresError) as error:
            raise ScratchError(
                f"the PostgreSQL server for checks does not answer: {error}. "
                "Run `baton doctor`, or set BATON_DATABASE_URL"
            ) from error


def database_dsn(admin: str, name: str) -> str:
    """Return the DSN `admin` pointing at the database `name`; host, user and query stay."""
    parts = urlsplit(admin)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{query}"
