"""Who works on a run: one lock an engine, which dies with it.

Each engine has an id of its own and holds a PostgreSQL advisory lock under it, on a connection of its own, for as long
as it works on any run. A run's row names its owner, so a run is being worked on if and only if that owner's lock is
held. A killed engine's connection ends, its lock with it, and nothing can go stale.

The lock belongs to an open transaction, not to the session: that holds behind a transaction pooler, too, and since the
transaction writes nothing and has no snapshot, it keeps no table from being vacuumed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

import asyncpg

from orchestrator.storage.database import Database
from schemas.errors import RunError

if TYPE_CHECKING:
    from orchestrator.storage.database import Connection

# Of an owner's id in `$1`. Whoever only looks takes the lock shared, so that lookers do not see each other.
LOCK_KEY = "hashtextextended('baton owner ' || $1, 0)"
IS_DEAD = f"SELECT pg_try_advisory_xact_lock_shared({LOCK_KEY})"
OWNER_IS_DEAD = IS_DEAD.replace("$1", "owner")  # of the id in the column `owner`
_POLL_SECONDS = 0.5
_PATIENCE = 5.0  # seconds to wait for a connection to close

Lost = Callable[[], Awaitable[None]]


class Owner:
    """The lock of one engine. Taken when the engine claims its first run, held until it is left."""

    def __init__(self, database: Database, on_regained: Lost) -> None:
        """Name the owner.

        Args:
            database: Where runs are recorded.
            on_regained: Called when the lock was lost with its connection and is held again: meanwhile another
                engine may have taken runs over.
        """
        self.id = secrets.token_hex(8)
        self._database = database
        self._on_regained = on_regained
        self._connection: Connection | None = None
        self._taking = asyncio.Lock()
        self._closing = False
        self._regaining: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing = True
        if self._regaining is not None:
            self._regaining.cancel()
            await asyncio.gather(self._regaining, return_exceptions=True)
        if self._connection is not None:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self._connection.close(timeout=_PATIENCE)

    async def hold(self) -> None:
        """Hold the lock; it is taken once.

        Raises:
            DatabaseLost: The database does not answer.
        """
        async with self._taking:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._database.connect_alone(self._lock)
                self._connection.add_termination_listener(self._ended)
                if self._connection.is_closed():  # just before that
                    self._ended(self._connection)

    async def _lock(self, connection: Connection) -> None:
        await connection.execute("BEGIN")
        await connection.fetchval(f"SELECT pg_advisory_xact_lock({LOCK_KEY})", self.id)
        # Last, and without parameters: what a statement with parameters saw is kept until the next statement, and would
        # keep every table from being vacuumed.
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

    def _ended(self, connection: object) -> None:
        if not self._closing and self._connection is connection:
            self._regaining = asyncio.get_running_loop().create_task(self._regain())

    async def _regain(self) -> None:
        """Take the lock again. While the database is away nobody else can take a run over, either."""
        while not self._closing:
            try:
                await self.hold()
            except (RunError, asyncpg.PostgresError):
                await asyncio.sleep(_POLL_SECONDS)
                continue
            await self._on_regained()
            return
