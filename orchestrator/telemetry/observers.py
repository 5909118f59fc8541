"""Whoever wants to know what runs do: the log, if it is configured, and the trace, if it is asked for.

An engine has one `Observing`; each run has an `Observer` of it, which gets every event at the moment it happens. What
goes wrong here is said once, and never reaches the run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.records.events import Event
from orchestrator.telemetry.logs import log, log_event
from orchestrator.telemetry.tracing import Spans, Tracing, begin_tracing
from skills.core.redaction import redact

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_log = logging.getLogger("baton.observing")


class Observing:
    """What the runs of an engine are observed with."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Look what is asked for. `provider` gets the traces; without one, the OpenTelemetry variables decide.

        Raises:
            TracingUnavailable: Traces are asked for, and OpenTelemetry is not installed.
            TracingRefused: The variables ask for what there is not.
        """
        self._tracing: Tracing | None = begin_tracing(os.environ, provider)

    def run(self, run_id: str) -> Observer:
        """Return the observer of a run that this process works on from now on."""
        return Observer(run_id, self._tracing.spans(run_id) if self._tracing else None)

    async def close(self) -> None:
        """Send what is not sent yet; waits for a collector that does not answer for a few seconds at most."""
        if self._tracing is not None:
            await self._tracing.close()


class Observer:
    """Is called with each event of one run."""

    def __init__(self, run_id: str, spans: Spans | None = None) -> None:
        self._run_id = run_id
        self._spans = spans
        self._failed = False

    def __call__(self, event: Event) -> None:
        """Log an event, and add it to the trace."""
        self._safely(lambda: log_event(self._run_id, event))
        if self._spans is not None:
            spans = self._spans
            self._safely(lambda: spans(event))

    def crashed(self, error: BaseException) -> None:
        """Tell of an exception that ends the run, traceback and all."""
        self._safely(lambda: log("run_crashed", level="error", error=error, run=self._run_id))
        if self._spans is not None:
            spans = self._spans
            self._safely(lambda: spans.crashed(error))

    def _safely(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - a full disk under the log must not stop the run
            if not self._failed:
                self._failed = True
                _log.warning("what run %s does cannot be told: %s", self._run_id, redact(repr(error)))
