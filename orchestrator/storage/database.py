"""Baton's database: connections that are replaced when they are lost, and waiting for a server that is away.

A PostgreSQL that is restarted, killed, or cuts connections must not cost a run. What only reads, or may be done twice,
is tried again until it succeeds or patience ends. Whoever notices that the embedded server died starts it again.

Not here: Baton's tables (`orchestrator.storage.migrations`), starting the server (`orchestrator.storage.postgres`),
why one cannot be connected to (`orchestrator.storage.connection_errors`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncpg

from orchestrator.storage.connection_errors import check_url, refused, said, undeclared_pooler
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.migrations import migrate
from orchestrator.storage.postgres import Server
from schemas.errors import RunError

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

PATIENCE = 30.0  # seconds to wait for a server that was there and is away
CONNECT_SECONDS = 10.0
_COMMAND_SECONDS = 60.0
_CLOSE_SECONDS = 5.0
_IDLE_SECONDS = 120.0  # less than what firewalls and hosted servers give an idle connection
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between two tries

# What a server says that is going away, is not there yet, or has no room for one more connection.
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
)
_NOT_YET = (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)
_BEHIND_POOLER = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_FAILED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

T = TypeVar("T")


class DatabaseLost(RunError):
    """The database went away and did not come back in time. What was stored before is safe."""

    code = "database_lost"
    transient = True


class ConnectionLost(DatabaseLost):
    """A connection broke in the middle of a transaction: all of it was stored, or nothing. The server may be there."""

    code = "connection_lost"


class Database:
    """Baton's database on a server. Everything else in this package goes through it."""

    def __init__(self, server: Server, pool: Pool) -> None:
        self.server = server
        self._pool = pool
        self._reviving = asyncio.Lock()
        self._met = False  # the server has answered once

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Return the rows of a query that may be run twice.

        Raises:
            DatabaseLost: The server went away and did not come back in time.
        """
        return await self._repeatable(lambda connection: connection.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """Return the first row of a query that may be run twice. Raises as `fetch` does."""
        return await self._repeatable(lambda connection: connection.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """Return the first value of a query that may be run twice. Raises as `fetch` does."""
        return await self._repeatable(lambda connection: connection.fetchval(sql, *args))

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement that may be run twice; return its status. Raises as `fetch` does."""
        return await self._repeatable(lambda connection: connection.execute(sql, *args))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yield a connection in a transaction, which is committed afterwards. A lost one is not repeated.

        Raises:
            ConnectionLost: It was lost under way. The transaction may be tried again if it may be done twice.
            DatabaseLost: The server is away and did not come back in time; nothing was done.
        """
        stack, connection = await self._patiently(self._begun)
        async with stack:
            yield connection

    async def connect_alone(self, prepare: Callable[[Connection], Awaitable[None]] | None = None) -> Connection:
        """Return a connection outside the pool, for what takes long. The caller closes it.

        Args:
            prepare: Takes a lock, say; done again on another connection if its own is lost.

        Raises:
            DatabaseLost: The server went away and did not come back in time.
        """

        async def prepared() -> Connection:
            connection = await self._opened()
            try:
                with self._watched(connection):
                    await (prepare or _leave_as_it_is)(connection)
            except BaseException:
                connection.terminate()
                raise
            return connection

        return await self._patiently(prepared)

    async def migrate(self) -> None:
        """Meet the server for the first time: its database is made if it is the embedded one, then brought up to date.

        Raises:
            PostgresUnavailable: It refuses, or is not there; the text never holds the password.
        """

        async def meet() -> None:
            async with self._borrowed() as connection:
                await migrate(connection)

        await self._patiently(meet)
        self._met = True

    async def _repeatable(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def once() -> T:
            async with self._borrowed() as connection:
                if not self.server.pooled:
                    return await work(connection)
                async with connection.transaction():  # else its statement may end on another connection
                    return await work(connection)

        return await self._patiently(once)

    async def _begun(self) -> tuple[AsyncExitStack, Connection]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._borrowed())
            await stack.enter_async_context(connection.transaction())
            return stack.pop_all(), connection

    async def _opened(self) -> Connection:
        try:
            return await _open(self.server, self.server.database)
        except (*_FAILED, ValueError) as error:
            raise self._explained(error) from None

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        """Yield a connection of the pool; what comes of its loss is raised as `ConnectionLost`."""
        try:
            # A pool's connection is a proxy with all the methods of a connection.
            connection = cast("Connection", await self._pool.acquire())
        except (*_FAILED, ValueError) as error:
            if self._pool.is_closing():
                raise
            raise self._explained(error) from None
        try:
            with self._watched(connection):
                yield connection
        finally:
            with suppress(*_FAILED, asyncpg.InternalClientError):  # one that breaks now is replaced when it is needed
                await self._pool.release(cast("Any", connection), timeout=_CLOSE_SECONDS)

    @contextmanager
    def _watched(self, connection: Connection) -> Iterator[None]:
        """Raise what comes of the loss of a connection as `ConnectionLost`."""
        try:
            yield
        except asyncpg.InternalClientError as error:  # asyncpg does not expect every moment to be cut at
            if not _is_closed(connection):
                connection.terminate()
            raise self._broken(error) from error
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if isinstance(error, (TimeoutError, *_GONE)) or _is_closed(connection):
                raise self._broken(error) from error
            if isinstance(error, _BEHIND_POOLER) and not self.server.pooled:
                raise undeclared_pooler(error) from error
            raise

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what may be done twice until no connection is lost under it."""
        clock = asyncio.get_running_loop()
        pause, deadline = _FIRST_PAUSE, 0.0
        trouble: RunError | None = None
        while True:
            try:
                return await work()
            except ConnectionLost as lost:
                deadline = deadline or clock.time() + PATIENCE
                if clock.time() >= deadline:
                    raise self._away(str(trouble or str(lost).partition("\n")[0])) from None
            trouble = await self._revive()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _revive(self) -> RunError | None:
        """Start the embedded server again if it died; return why it does not start."""
        if self.server.embedded is None:
            return None
        async with self._reviving:
            try:
                await asyncio.to_thread(self.server.embedded.revive)
            except PostgresUnavailable as error:  # a full disk, say, of which somebody may make room meanwhile
                return error
        return None

    def _explained(self, error: Exception) -> RunError:
        """Return why there is no connection: one to wait for, or one that waiting does not give."""
        if isinstance(error, (OSError, *_GONE)):
            waits = self._met or self.server.embedded is not None
            if waits or isinstance(error, _NOT_YET):
                return self._broken(error)
        return refused(self.server, self.server.database, error)

    def _broken(self, error: Exception) -> ConnectionLost:
        before = error.__context__  # what the server said, if a rollback failed on what was closed by then
        cause = before if isinstance(before, asyncpg.PostgresError) else error
        jargon = isinstance(cause, asyncpg.InterfaceError | asyncpg.InternalClientError)
        why = "it was closed" if jargon else said(self.server, cause)
        return ConnectionLost(
            f"the connection to Baton's database broke: {why}.\nWhat was stored is safe. Go on with `baton resume RUN`."
        )

    def _away(self, why: str) -> DatabaseLost:
        named = "BATON_CLOUD_SQL" if self.server.dial else "BATON_DATABASE_URL"
        which = "the embedded PostgreSQL" if self.server.embedded else f"the PostgreSQL that {named} names"
        return DatabaseLost(
            f"{which} gave no connection for {PATIENCE:.0f} s: {why}\n"
            "What was stored is safe. When `baton doctor` finds it again, go on with `baton resume RUN`."
        )


@asynccontextmanager
async def connect(server: Server, *, connections: int = 6) -> AsyncIterator[Database]:
    """Yield Baton's database, made and migrated if needed, with at most so many connections at a time.

    Raises:
        PostgresUnavailable: The server refuses, or is not there; the text never holds the password.
    """

    async def open_for_pool(*_: object, **__: object) -> Connection:
        return await _open(server, server.database)

    pool = asyncpg.create_pool(
        min_size=0,
        max_size=connections,
        max_inactive_connection_lifetime=_IDLE_SECONDS,
        connect=open_for_pool,
        reset=_leave_as_it_is,
    )
    await pool
    try:
        database = Database(server, pool)
        await database.migrate()
        yield database
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout=_CLOSE_SECONDS)
        except _FAILED:  # it takes too long, or the server went away: nothing is left to close in good order
            pool.terminate()


async def visit(server: Server, url: str) -> Connection:
    """Return a connection to one of a server's databases, for a look around. The caller closes it.

    Raises:
        PostgresUnavailable: The server refuses, or is not there; the text never holds the password.
    """
    try:
        return await _open(server, url)
    except (*_FAILED, ValueError) as error:
        raise refused(server, url, error) from None


async def _open(server: Server, url: str) -> Connection:
    """Connect to the database at `url`, which is made first if it is Baton's and missing from the embedded server."""
    if server.dial is not None and url == server.database:
        opened: Connection = await server.dial(timeout=CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS)
        return opened
    if server.embedded is None:
        check_url(server, url)
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            statement_cache_size=0 if server.pooled else 100,
        )
    except asyncpg.InvalidCatalogNameError:
        if server.embedded is None or url != server.database:
            raise
    await _create_database(server)
    return await _open(server, url)


async def _create_database(server: Server) -> None:
    connection = await _open(server, server.admin)
    try:
        await connection.execute("CREATE DATABASE baton")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another process was faster
    finally:
        await connection.close()


async def _leave_as_it_is(connection: object) -> None:
    """Do nothing. Between two uses of a connection that spares a round trip: nothing here outlives its transaction."""


def _is_closed(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool took it back when it broke
        return True
