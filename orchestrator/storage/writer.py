"""Write in transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.storage.database import Database
from schemas.errors import RunError

if TYPE_CHECKING:
    from orchestrator.storage.database import Connection

Fence: TypeAlias = "Callable[[Connection, Sequence[str]], Awaitable[set[str]]]"


class OwnerLost(RunError):
    """The run is another engine's now."""

    code = "owner_lost"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may be done twice; of those written together, the lower `rank` goes first."""

    sql: str
    rank: int


Row: TypeAlias = tuple[Statement, tuple[Any, ...]]


class Writer:
    """Writes rows."""

    def __init__(self, database: Database, fence: Fence | None = None) -> None:
        self._database = database
        self._fence = fence

    async def write(self, rows: Sequence[Row], run: str | None = None) -> None:
        """Return when `rows` are stored."""
        async with self._database.transaction() as connection:
            if run and self._fence and await self._fence(connection, [run]):
                raise OwnerLost(f"run `{run}` was taken over by another engine.")
            for statement in sorted({statement for statement, _ in rows}, key=lambda each: each.rank):
                await connection.executemany(statement.sql, [args for each, args in rows if each is statement])

    async def close(self) -> None:
        """Return when everything is stored."""
