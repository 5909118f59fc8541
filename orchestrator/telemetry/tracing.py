"""Traces: a run's spans, sent where the standard OpenTelemetry variables say, or to a provider that is handed over.

Asked for by `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER`. Nothing of
OpenTelemetry is imported before that, and Baton sets no global provider. A collector that does not answer costs one
warning and, at the end, `FLUSH_SECONDS`; no run ever waits for it.

Not here: what is told (`orchestrator.telemetry.spans`), how it is sent (`orchestrator.telemetry.otlp`).
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from orchestrator.records.events import Event
from schemas.errors import InputError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

FLUSH_SECONDS = 3.0
EXPORTERS = ("otlp", "console")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


class TracingUnavailable(InputError):
    """Traces are asked for, and OpenTelemetry is not installed."""

    code = "tracing_unavailable"

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"traces are asked for, but OpenTelemetry is not installed (`{self.missing}` is missing). Install it with\n"
            "  pip install 'baton-engine[otel]'\n"
            "or do without: OTEL_TRACES_EXPORTER=none"
        )


class TracingRefused(InputError):
    """An OpenTelemetry variable asks for what Baton does not do."""

    code = "tracing_refused"


class Spans(Protocol):
    """Makes the spans of one run from its events."""

    @property
    def is_over(self) -> bool: ...

    def __call__(self, event: Event, /) -> None: ...

    def crashed(self, error: BaseException, /) -> None: ...

    def close(self) -> None: ...


def exporters(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return where `environment` wants traces to be sent, of `EXPORTERS`; nowhere if it does not say.

    Raises:
        TracingRefused: It wants an exporter or a protocol that there is not.
    """
    wanted = environment.get("OTEL_TRACES_EXPORTER", "").replace(" ", "").lower()
    if not wanted:
        wanted = "otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none"
    if wanted == "none" or environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    names = tuple(dict.fromkeys(wanted.split(",")))
    if unknown := [name for name in names if name not in EXPORTERS]:
        raise TracingRefused(
            f"`OTEL_TRACES_EXPORTER` wants `{unknown[0]}`; Baton exports traces to `otlp`, `console` or `none`."
        )
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), _PROTOCOL)
    if "otlp" in names and protocol != _PROTOCOL:
        raise TracingRefused(f"`{_PROTOCOLS[1]}` is `{protocol}`; Baton speaks `{_PROTOCOL}` (port 4318).")
    return names


def begin_tracing(environment: Mapping[str, str], provider: TracerProvider | None = None) -> Tracing | None:
    """Return what traces runs, or None if nobody asks for traces.

    Args:
        environment: The variables of the process.
        provider: Of the program that uses Baton; its spans go there, whatever the variables say.

    Raises:
        TracingUnavailable: OpenTelemetry is not installed.
        TracingRefused: The variables ask for what there is not.
    """
    try:
        if provider is not None:
            return Tracing(provider, getattr(provider, "force_flush", _nothing))
        if not (names := exporters(environment)):
            return None
        exporting = importlib.import_module("orchestrator.telemetry.otlp")
        own = exporting.OwnProvider(names, version(), environment)
        return Tracing(own.provider, own.finish, on_late=own.give_up)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise TracingUnavailable(error.name or "opentelemetry") from error


def _nothing() -> None:
    """Do nothing: another implementation of OpenTelemetry may not know how to flush."""


def version() -> str:
    """Return Baton's version."""
    return importlib.metadata.version("baton-engine")


class Tracing:
    """Makes the spans of an engine's runs."""

    def __init__(
        self, provider: TracerProvider, finish: Callable[[], object], *, on_late: Callable[[], None] = _nothing
    ) -> None:
        """Begin to trace.

        Args:
            provider: Gets the spans.
            finish: Sends what is not sent yet; may block for long.
            on_late: Called when that takes longer than `FLUSH_SECONDS`.
        """
        self._spans = importlib.import_module("orchestrator.telemetry.spans")
        ids = importlib.import_module("orchestrator.telemetry.trace_ids")
        self._tracer = ids.baton_tracer(provider, version())
        self._finish, self._on_late = finish, on_late
        self._runs: list[Spans] = []

    def spans(self, run_id: str) -> Spans:
        """Return what makes the spans of a run that this process works on."""
        made: Spans = self._spans.RunSpans(self._tracer, run_id)
        self._runs = [*(each for each in self._runs if not each.is_over), made]
        return made

    async def close(self) -> None:
        """End the spans that are open and send everything, but do not wait for longer than `FLUSH_SECONDS`."""
        for run in self._runs:
            run.close()
        self._runs.clear()
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def finish() -> None:
            try:
                self._finish()
            finally:
                loop.call_soon_threadsafe(done.set)

        # A thread of its own that nobody waits for at exit: the default executor's are waited for.
        threading.Thread(target=finish, name="baton traces", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()
        except TimeoutError:
            self._on_late()
