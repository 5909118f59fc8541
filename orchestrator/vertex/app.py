"""Baton as an app of Vertex AI Agent Engine: the object that is deployed, `orchestrator.vertex.app:app`.

The platform imports this module, calls `set_up`, and then the methods by name, with JSON as keyword arguments. A run
outlives the request that began it and the instance that works on it: it is in PostgreSQL, and every instance picks up
what another one left. No method raises: what is wrong is `{"error": {"code": …, "message": …}}`.

Importing and constructing costs nothing and does no I/O; an app can be copied and pickled. What is heavy is imported by
`set_up`, or by the first call.

Not here: what the methods do (`orchestrator.vertex.service`), how they are declared
(`orchestrator.vertex.operation_schemas`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.vertex import contracts
from orchestrator.vertex.loop import BackgroundLoop, Draining
from orchestrator.vertex.operations import Reply, method, operations_of, stream
from schemas.errors import BatonError
from skills.core.redaction import redact

if TYPE_CHECKING:
    from orchestrator.planning.pipeline import Pipeline
    from orchestrator.vertex.service import RunService
    from skills.core.registry import Registry

_log = logging.getLogger("baton.vertex")


class BatonApp:
    """The app. One object serves any number of threads and event loops at once."""

    agent_framework = "custom"

    start, async_start = method("start", contracts.StartCall, "Start a run of a PRD; return where it stands.")
    status, async_status = method("status", contracts.RunCall, "Return where a run stands, and what it asks.")
    runs, async_runs = method("runs", contracts.RunsCall, "Return the newest runs.")
    events, async_events = stream("events", contracts.EventsCall, "Send a run's events until it is over or pauses.")
    answer, async_answer = method("answer", contracts.AnswerCall, "Answer a question; the run goes on.")
    approve, async_approve = method("approve", contracts.ApproveCall, "Approve of what a run plans, or reject it.")
    result, async_result = method("result", contracts.RunCall, "Return what a run came to, once it is over or pauses.")
    handoffs, async_handoffs = method("handoffs", contracts.RunCall, "Return the handoffs that a run has published.")
    download, async_download = method("download", contracts.DownloadCall, "Return a part of a run's files, as .tar.gz.")
    cancel, async_cancel = method("cancel", contracts.RunCall, "Give a run up; what it published stays.")
    retry, async_retry = method("retry", contracts.RetryCall, "Do steps of a run again.")
    capabilities, async_capabilities = method("capabilities", contracts.EmptyCall, "Return which checks can run here.")

    def __init__(self, *, pipeline: Pipeline | None = None, registry: Registry | None = None) -> None:
        """Describe the app; nothing is read or opened.

        Args:
            pipeline: The built-in agents by default.
            registry: The built-in skills by default.
        """
        self._pipeline, self._registry = pipeline, registry
        self._begin()

    def _begin(self) -> None:
        self._opening = threading.Lock()
        self._loop: BackgroundLoop | None = None
        self._service: RunService | None = None
        self._draining = self._watching = False

    def __getstate__(self) -> dict[str, object]:
        return {"_pipeline": self._pipeline, "_registry": self._registry}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def clone(self) -> Self:
        """Return an app as this one was made, not set up."""
        return type(self)(pipeline=self._pipeline, registry=self._registry)

    def register_operations(self) -> dict[str, list[str]]:
        """Return the names of the methods by how they are called."""
        modes: dict[str, list[str]] = {}
        for operation in operations_of(type(self)):
            modes.setdefault(operation.mode, []).append(operation.name)
        return modes

    # ---- the instance's life

    def set_up(self) -> None:
        """Open the database, pick up runs that were left, and drain at SIGTERM.

        It does not raise: an instance that cannot start is only told to be one, and each call says why instead.
        """
        if not self._watching:
            self._watching = True
            _drain_at_sigterm(self)
        try:
            self.open()
        except BatonError as error:
            _log.error("the app is not ready: %s", error)

    def open(self) -> RunService:
        """Return the service, opened unless it is. Blocks for as long as that takes.

        Raises:
            BatonError: It cannot be opened now.
        """
        with self._opening:
            if self._draining:
                raise Draining
            if self._service is None:
                self._service = self._open()
            return self._service

    def _open(self) -> RunService:
        from orchestrator.vertex.factory import open_service  # noqa: PLC0415 - the engine, imported when it is needed

        loop = BackgroundLoop()
        try:
            service = loop.call(open_service(os.environ, self._pipeline, self._registry))
        except BaseException:
            loop.close()
            raise
        self._loop = loop
        return service

    def close(self) -> None:
        """Stop what runs here, so that another instance picks it up. Calls that come later are refused."""
        with self._opening:
            self._draining = True
            service, self._service = self._service, None
            loop, self._loop = self._loop, None
        if service is not None and loop is not None:
            loop.call(service.__aexit__(None, None, None))
            loop.close()

    async def health(self) -> Reply:
        """Return whether this instance can work on runs: `{"ready": true}`, or an error."""
        return await self.acall("ready", contracts.EmptyCall, {})

    # ---- calls

    def call(self, name: str, contract: type[contracts.MethodCall], given: Mapping[str, object]) -> Reply:
        """Do the service's method `name`."""
        try:
            work = getattr(self.open(), name)(contracts.read(contract, name, given))
            return self._running().call(work)
        except Exception as error:  # noqa: BLE001 - the platform would hide what went wrong
            return self._failed(error)

    async def acall(self, name: str, contract: type[contracts.MethodCall], given: Mapping[str, object]) -> Reply:
        """Do the service's method `name`."""
        try:
            service = await asyncio.to_thread(self.open)
            return await self._running().acall(getattr(service, name)(contracts.read(contract, name, given)))
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error)

    def iterate(self, name: str, contract: type[contracts.MethodCall], given: Mapping[str, object]) -> Iterator[Reply]:
        """Yield from the service's generator `name`; an error is the last item."""
        try:
            items = getattr(self.open(), name)(contracts.read(contract, name, given))
            yield from self._running().iterate(items)
        except Exception as error:  # noqa: BLE001 - as above
            yield self._told(error)

    async def aiterate(
        self, name: str, contract: type[contracts.MethodCall], given: Mapping[str, object]
    ) -> AsyncIterator[Reply]:
        """Yield from the service's generator `name`; an error is the last item."""
        try:
            service = await asyncio.to_thread(self.open)
            items = getattr(service, name)(contracts.read(contract, name, given))
            async for reply in self._running().aiterate(items):
                yield reply
        except Exception as error:  # noqa: BLE001 - as above
            yield self._told(error)

    def _told(self, error: Exception) -> Reply:
        """Return an error as an item of a stream: Google's client takes what begins with `error` for one of its own."""
        return {"type": "error", **self._failed(error)}

    def _failed(self, error: Exception) -> Reply:
        if self._draining and not isinstance(error, BatonError):
            error = Draining()  # what the call was at was closed under it
        return _told(error)

    def _running(self) -> BackgroundLoop:
        loop = self._loop
        if loop is None:
            raise Draining
        return loop


def _told(error: Exception) -> Reply:
    """Return what a caller is told of an error. `retryable`: may the same call succeed a little later?"""
    if isinstance(error, BatonError):
        code, message, retryable = error.code, str(error), error.transient
    else:
        _log.error("a call failed: %s", redact("".join(traceback.format_exception(error))))
        code, message, retryable = "fault", f"a fault in Baton: {type(error).__name__}: {error}", False
    return {"error": {"code": code, "message": redact(message), "retryable": retryable}}


def _drain_at_sigterm(app: BatonApp) -> None:
    """At SIGTERM, close the app first, then do what was done before. Only possible from the main thread."""
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        return
    drained = threading.Event()

    def drain() -> None:
        try:
            app.close()
        finally:
            drained.set()
            os.kill(os.getpid(), signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        if not drained.is_set():
            threading.Thread(target=drain, name="baton drains").start()
        elif callable(before):
            before(number, frame)
        else:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)


app = BatonApp()
