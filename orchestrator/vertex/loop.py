"""An event loop in a thread of its own, for callers that come from any thread and from loops of their own.

A run outlives the request that started it, so it may not live in that request's loop: the platform calls synchronous
methods in threads and asynchronous ones in its own loop, and both may end at any moment.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextvars import Context
from typing import Any, Final, Generic, TypeVar, cast

from schemas.errors import RunError

T = TypeVar("T")
END: Final = object()


class Draining(RunError):
    """The instance is about to end. Another one takes the call, and its runs."""

    code = "draining"
    transient = True

    def __str__(self) -> str:
        return "this instance ends. Call again: another one answers."


class BackgroundLoop:
    """Runs from its making until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._submitting = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="baton", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have `work` done; cancelling what is returned cancels it.

        Raises:
            Draining: The loop is closed.
        """
        with self._submitting:
            if not self._closed:
                # Not in the caller's context: within a LangGraph node, a run's graph would take that for its parent.
                return Context().run(asyncio.run_coroutine_threadsafe, work, self._loop)
        work.close()
        raise Draining

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns. Blocks the calling thread.

        Raises:
            Draining: The loop was closed meanwhile.
        """
        try:
            return self.submit(work).result()
        except CancelledError:
            raise Draining from None

    async def acall(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, in whichever loop the caller is.

        Raises:
            Draining: The loop was closed meanwhile.
        """
        try:
            return await asyncio.wrap_future(self.submit(work))
        except asyncio.CancelledError:
            if (caller := asyncio.current_task()) is not None and caller.cancelling():
                raise
            raise Draining from None

    def iterate(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what `items` yields; leaving it early closes them."""
        source = _Source(items)
        try:
            while (item := self.call(source.next())) is not END:
                yield cast("T", item)
        finally:
            self.call(source.close())

    async def aiterate(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Yield what `items` yields, in whichever loop the caller is; leaving it early closes them."""
        source = _Source(items)
        try:
            while (item := await self.acall(source.next())) is not END:
                yield cast("T", item)
        finally:
            await self.acall(source.close())

    def close(self) -> None:
        """End the loop; what still runs in it is cancelled first."""
        with self._submitting:  # nothing is submitted after what cancels all
            self._closed = True
            cancelled = asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop)
        cancelled.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


class _Source(Generic[T]):
    """A generator that is asked for one item at a time, and closed only once it has ended what it was at."""

    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._items = items
        self._alone = asyncio.Lock()

    async def next(self) -> object:
        """Return the next item, or `END`."""
        async with self._alone:
            return await anext(self._items, END)

    async def close(self) -> None:
        """Close the generator."""
        async with self._alone:
            await self._items.aclose()
