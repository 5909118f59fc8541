"""Send spans by OTLP over HTTP, or print them: in the background, and without a noise if nobody takes them.

Imports OpenTelemetry's SDK: it is imported only where traces are asked for.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult

from skills.core.redaction import redact

_log = logging.getLogger("baton.tracing")


class OwnProvider:
    """A tracer provider that only Baton uses. What it is made from are OpenTelemetry's own variables."""

    def __init__(self, exporters: Sequence[str], version: str, environment: Mapping[str, str]) -> None:
        resource = Resource.create({"service.version": version, **_service_name(environment)})
        # At exit it would wait for a collector that is down; `finish` is called instead, by whoever limits the time.
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporters = [Modest(_exporter(name)) for name in exporters]
        for exporter in self._exporters:
            self.provider.add_span_processor(BatchSpanProcessor(exporter))

    def finish(self) -> None:
        """Send what is not sent yet, then stop. Blocks as long as the collector makes it."""
        self.provider.force_flush()
        self.provider.shutdown()

    def give_up(self) -> None:
        """Stop trying to send; a request that is under way is left alone."""
        for exporter in self._exporters:
            exporter.give_up()


class Modest(SpanExporter):
    """An exporter that warns once if spans cannot be sent, instead of at every attempt, and never raises."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._muted = _Muted()
        self._warned = False
        self._over = False
        logging.getLogger(trace_exporter.__name__).addFilter(self._muted)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch. The processor calls it in one thread at a time."""
        self._muted.thread = threading.get_ident()
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with traces, runs go on
            self._warn(f"{type(error).__name__}: {error}")
            return SpanExportResult.FAILURE
        finally:
            self._muted.thread = None
        if result is not SpanExportResult.SUCCESS:
            self._warn(self._muted.said)
        return result

    def shutdown(self) -> None:
        """Let go of the connection."""
        logging.getLogger(trace_exporter.__name__).removeFilter(self._muted)
        if not self._over:
            self._over = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return whether everything was sent."""
        return self._exporter.force_flush(timeout_millis)

    def give_up(self) -> None:
        """Have the attempts end that are still made."""
        self._warn(self._muted.said)
        if not self._over:
            self._over = True
            self._exporter.shutdown()

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            told = redact(reason or "no answer in time")
            _log.warning("traces are lost, runs are not affected; the collector does not take them: %s", told)


class _Muted(logging.Filter):
    """Keeps what a thread says out of the logs, and remembers the last of it."""

    def __init__(self) -> None:
        super().__init__()
        self.thread: int | None = None
        self.said = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record may be logged."""
        if record.thread != self.thread:
            return True
        self.said = record.getMessage()
        return False


def _exporter(name: str) -> SpanExporter:
    return OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter(out=sys.stderr)


def _service_name(environment: Mapping[str, str]) -> dict[str, str]:
    said = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if said else {"service.name": "baton"}
