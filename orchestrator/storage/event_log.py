"""Store a run's events and follow them.

Events are written in batches beside the run, not in its way: one commit takes all that happened since the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.events import Event, parse_event

if TYPE_CHECKING:
    from orchestrator.storage.database import Pool

_POLL_SECONDS = 0.1


class EventLog:
    """The events of one run, open for writing. Only the process that holds the run's lease may have one."""

    def __init__(self, pool: Pool, run_id: str) -> None:
        self._pool = pool
        self._run_id = run_id
        self._next = 0
        self._pending: list[Event] = []
        self._writing = asyncio.Lock()
        self._soon: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        last = await self._pool.fetchval("SELECT max(seq) FROM baton.events WHERE run_id = $1", self._run_id)
        self._next = 0 if last is None else last + 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.flush()

    def emit(self, event: Event) -> None:
        """Append an event. Returns at once."""
        self._pending.append(event)
        if not self._soon:
            task = asyncio.get_running_loop().create_task(self.flush())
            self._soon.add(task)
            task.add_done_callback(self._flushed)

    def _flushed(self, task: asyncio.Task[None]) -> None:
        self._soon.discard(task)
        if not task.cancelled():
            task.exception()  # a failed write keeps its events pending; the next flush raises what is still wrong

    async def flush(self) -> None:
        """Return once everything emitted so far is stored."""
        async with self._writing:
            while batch := self._pending[:]:
                await self._pool.execute(
                    "INSERT INTO baton.events (run_id, seq, event)"
                    " SELECT $1, * FROM unnest($2::bigint[], $3::json[]) ON CONFLICT DO NOTHING",
                    self._run_id,
                    range(self._next, self._next + len(batch)),
                    [event.model_dump_json(ensure_ascii=True) for event in batch],
                )
                self._next += len(batch)
                del self._pending[: len(batch)]


async def follow(pool: Pool, run_id: str, live: Callable[[], Awaitable[bool]]) -> AsyncIterator[Event]:
    """Yield a run's events from its first on, until it is over, waits for a person, or its process is gone.

    Args:
        pool: Of the database that the run is recorded in; its process may be another.
        run_id: The run.
        live: Says whether somebody is working on the run.
    """
    seen = -1
    while True:
        working = await live()  # asked first: what is stored after it stops being so is still read below
        rows = await pool.fetch(
            "SELECT seq, event FROM baton.events WHERE run_id = $1 AND seq > $2 ORDER BY seq", run_id, seen
        )
        for row in rows:
            seen = row["seq"]
            yield parse_event(row["event"])
        if not rows and not working:
            return
        if not rows:
            await asyncio.sleep(_POLL_SECONDS)
