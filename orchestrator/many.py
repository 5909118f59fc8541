"""Many runs in one process: so many at a time, and no group of them at the others' cost.

Not here: one run (`orchestrator.run`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.policy import Policy
from orchestrator.result import RunResult
from orchestrator.run import Run
from schemas.errors import BatonError


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A run to be. Runs of different groups (tenants, teams) take turns; within a group, in order."""

    prd: str | Path
    workspace: str | Path
    group: str = ""
    agents: tuple[str, ...] | None = None
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What came of a request: the result, or why there is none."""

    request: Request
    result: RunResult | None = None
    error: BatonError | None = None


Start = Callable[[Request], Awaitable[Run]]


async def run_many(requests: Iterable[Request], start: Start, *, concurrency: int) -> AsyncIterator[Finished]:
    """Yield what came of each request, as it comes. Leaving the loop early stops what still runs.

    Args:
        requests: Runs to be, each in a workspace of its own.
        start: Starts one.
        concurrency: How many run at a time; at least 1.

    Raises:
        ValueError: `concurrency` is less than 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    turns = _Turns(requests)
    finished: asyncio.Queue[Finished] = asyncio.Queue()

    async def work() -> None:
        while (request := turns.next()) is not None:
            finished.put_nowait(await _outcome(request, start))

    workers = [asyncio.create_task(work()) for _ in range(min(concurrency, len(turns)))]
    try:
        for _ in range(len(turns)):
            yield await _next(finished, workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _outcome(request: Request, start: Start) -> Finished:
    run: Run | None = None
    try:
        run = await start(request)
        return Finished(request=request, result=await run.result())
    except BatonError as error:
        return Finished(request=request, error=error)
    except asyncio.CancelledError:
        if run is not None:
            with suppress(BatonError):
                await run.stop()
        raise


async def _next(finished: asyncio.Queue[Finished], workers: list[asyncio.Task[None]]) -> Finished:
    """Return the next outcome; raise if a worker died of something that is no `BatonError`."""
    waiting = asyncio.create_task(finished.get())
    try:
        while not waiting.done():
            working = [worker for worker in workers if not worker.done()]
            await asyncio.wait([waiting, *working], return_when=asyncio.FIRST_COMPLETED)
            for worker in workers:
                if worker.done():
                    worker.result()
        return waiting.result()
    finally:
        waiting.cancel()


class _Turns:
    """The requests in the order in which they are started: one of each group, and again."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._groups: dict[str, deque[Request]] = {}
        self._length = 0
        for request in requests:
            self._groups.setdefault(request.group, deque()).append(request)
            self._length += 1

    def __len__(self) -> int:
        return self._length

    def next(self) -> Request | None:
        """Return the next request, and let the other groups go first after it."""
        if not self._groups:
            return None
        group = next(iter(self._groups))
        waiting = self._groups.pop(group)
        request = waiting.popleft()
        if waiting:
            self._groups[group] = waiting
        return request
