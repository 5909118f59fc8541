"""Many runs in one process: so many at a time, and no group of them at the others' cost.

Not here: one run (`orchestrator.runtime.run`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from orchestrator.runtime.run import Run
from schemas.errors import BatonError


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A run to be. Runs of different groups (tenants, teams) take turns; within a group, in order."""

    prd: str | Path | bytes
    workspace: str | Path
    group: str = ""
    workflow: str | None = None
    agents: tuple[str, ...] | None = None
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestResult:
    """What came of a request: the result, or why there is none.

    `error` is a `BatonError` if the request was refused or its run cannot be recorded; anything else is a fault.
    """

    request: Request
    result: RunResult | None = None
    error: Exception | None = None


Start = Callable[[Request], Awaitable[Run]]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


async def run_many(
    requests: Iterable[Request], start: Start, spawn: Spawn, *, concurrency: int
) -> AsyncGenerator[RequestResult, None]:
    """Yield what came of each request, as it comes. Closing the generator early stops what still runs.

    Args:
        requests: Runs to be, each in a workspace of its own.
        start: Starts one.
        spawn: Begins a task that starts runs; whoever cancels it stops them.
        concurrency: How many run at a time; at least 1.

    Raises:
        ValueError: `concurrency` is less than 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, not {concurrency}")
    turns = _Turns(requests)
    finished: asyncio.Queue[RequestResult | None] = asyncio.Queue()

    async def work() -> None:
        while (request := turns.next()) is not None:
            finished.put_nowait(await _outcome(request, start))

    working = [spawn(work()) for _ in range(min(concurrency, len(turns)))]
    for task in working:
        task.add_done_callback(lambda _: finished.put_nowait(None))
    left = len(working)
    try:
        while left:
            outcome = await finished.get()
            if outcome is None:
                left -= 1
            else:
                yield outcome
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def _outcome(request: Request, start: Start) -> RequestResult:
    run: Run | None = None
    try:
        run = await start(request)
        return RequestResult(request=request, result=await run.result())
    except Exception as error:  # noqa: BLE001 - whatever became of one request, the others go on
        return RequestResult(request=request, error=error)
    except asyncio.CancelledError:
        if run is not None:
            with suppress(BatonError):
                await run.stop()
        raise


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
