"""Store a run's events and follow them.

The log of a run is append-only and has no gaps, and it tells the run as if it had never been killed: what a step that
was interrupted tells once more is recognised and not stored twice. Events are written in batches beside the run, not in
its way; what a step did and the events that tell of it are written in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from orchestrator.records.events import Event, ModelSpent, QuestionAnswered, RunFinished, StepFinished, parse_event
from orchestrator.storage.database import Database
from orchestrator.storage.writer import Row, SqlStatement, Writer
from orchestrator.telemetry.observers import Observer

_APPEND = SqlStatement(
    "INSERT INTO baton.events (run_id, seq, event) VALUES ($1, $2, $3) ON CONFLICT (run_id, seq) DO NOTHING", rank=5
)
_POLL_SECONDS = 0.2
_RUN = ""  # the scope of what is told of the run itself


class EventLog:
    """The events of one run, open for writing. Only the run's owner may have one."""

    def __init__(self, writer: Writer, run_id: str, observe: Observer) -> None:
        self._writer = writer
        self._run_id = run_id
        self.observe = observe  # is told every event at once, those of an interrupted attempt once more, too
        self._next = 0
        self._pending: list[Row] = []
        self._told: dict[str, Counter[str]] = {}  # by scope: what an interrupted attempt told already
        self._writing = asyncio.Lock()
        self._soon: asyncio.Task[None] | None = None
        self._grown = asyncio.Event()
        self.paused = False  # the last thing told of the run is that it is over or pauses
        self.answered: set[str] = set()  # ids of questions whose answer was told
        self.seconds: dict[str, float] = {}  # by step, and of the whole run under `total`

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.flush()

    async def load(self, database: Database) -> list[Event]:
        """Go on where the log ends; return what it holds. Not needed for a new run."""
        known = await stored(database, self._run_id)
        for sequence, event in known:
            self._next = sequence + 1
            scope = _scope(event)
            if isinstance(event, StepFinished | RunFinished):
                self._told.pop(scope, None)
            elif not isinstance(event, ModelSpent):  # what is spent once more is spent
                self._told.setdefault(scope, Counter())[_essence(event)] += 1
            if scope == _RUN:
                self.paused = isinstance(event, RunFinished)
            if isinstance(event, QuestionAnswered):
                self.answered.add(event.question)
            self.tell_time(event)
        return [event for _, event in known]

    def tell_time(self, event: Event) -> None:
        """Add the seconds that `event` tells of, over all the times that a step or the run was gone on with."""
        if isinstance(event, StepFinished | RunFinished):
            name = "total" if isinstance(event, RunFinished) else event.step
            self.seconds[name] = round(self.seconds.get(name, 0.0) + event.seconds, 3)

    def emit(self, event: Event) -> None:
        """Append an event, unless it is known already. Returns at once."""
        self._append(event)
        self._flush_soon()

    def note(self, row: Row) -> None:
        """Store a row together with the next events. Returns at once."""
        self._pending.append(row)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().create_task(self.flush())
            self._soon.add_done_callback(self._flushed)

    async def commit(self, *rows: Row, event: Event | None = None) -> None:
        """Store `rows`, everything emitted so far, and `event`, in one transaction.

        Raises:
            DatabaseLost: The database does not answer.
            OwnerLost: The run is somebody else's now.
        """
        if event is not None:
            self._append(event)
        async with self._writing:
            batch = self._pending[:]
            if batch or rows:
                await self._writer.write([*rows, *batch], run=self._run_id)
                del self._pending[: len(batch)]
                self._wake()

    async def flush(self) -> None:
        """Return once everything emitted so far is stored. Raises as `commit` does."""
        await self.commit()

    async def grown(self) -> None:
        """Return when something was stored since the last call, or after a while."""
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._grown.wait()
        except TimeoutError:
            return
        self._grown = asyncio.Event()

    def _append(self, event: Event) -> None:
        self.observe(event)
        scope = _scope(event)
        told = self._told.get(scope)
        if told:
            essence = _essence(event)
            if told[essence] > 0:
                told[essence] -= 1
                return
        if isinstance(event, StepFinished | RunFinished):
            self._told.pop(scope, None)
        if isinstance(event, StepFinished):
            self.tell_time(event)
        self._pending.append((_APPEND, (self._run_id, self._next, event.model_dump_json(ensure_ascii=True))))
        self._next += 1

    def _wake(self) -> None:
        self._grown.set()

    def _flushed(self, task: asyncio.Task[None]) -> None:
        self._soon = None
        if not task.cancelled():
            task.exception()  # a failed write keeps its events pending; the next commit raises what is still wrong


async def stored(database: Database, run_id: str, *, after: int = -1) -> Sequence[tuple[int, Event]]:
    """Return a run's events with their sequence numbers, from the one after number `after` on."""
    rows = await database.fetch(
        "SELECT seq, event FROM baton.events WHERE run_id = $1 AND seq > $2 ORDER BY seq", run_id, after
    )
    return [(row["seq"], parse_event(row["event"])) for row in rows]


async def last(database: Database, run_id: str) -> int:
    """Return the number of a run's last event, -1 if there is none."""
    number = await database.fetchval("SELECT max(seq) FROM baton.events WHERE run_id = $1", run_id)
    return -1 if number is None else int(number)


async def follow(
    database: Database,
    run_id: str,
    *,
    live: Callable[[], Awaitable[bool]],
    after: int = -1,
    wait: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[int, Event]]:
    """Yield a run's events with their sequence numbers, until it is over, pauses, or its process is gone.

    Args:
        database: That the run is recorded in; its process may be another.
        run_id: The run.
        live: Says whether somebody is working on the run.
        after: The sequence number after which to begin; -1 for the first event.
        wait: Returns when there may be more; by default after a moment.
    """
    while True:
        working = await live()  # asked first: what is stored after it stops being so is still read below
        found = await stored(database, run_id, after=after)
        for sequence, event in found:
            after = sequence
            yield sequence, event
        if not found and not working:
            return
        if not found:
            await (wait() if wait else asyncio.sleep(_POLL_SECONDS))


def _scope(event: Event) -> str:
    return str(getattr(event, "step", _RUN))


def _essence(event: Event) -> str:
    """Return what makes two events the same: all but when it was, how long it took and what it cost."""
    return event.model_dump_json(exclude={"at", "seconds", "spent"}, ensure_ascii=True)
