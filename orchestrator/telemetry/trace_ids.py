"""The ids of a run's trace follow from the run's id, so whoever goes on with a run joins its trace.

Imports OpenTelemetry: it is imported only where traces are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, TraceFlags, Tracer, TracerProvider

_beginning: ContextVar[str | None] = ContextVar("baton_trace", default=None)  # the run whose first span is being made


def trace_id(run_id: str) -> int:
    """Return the id of a run's trace, 128 bits."""
    return int.from_bytes(hashlib.sha256(f"baton trace {run_id}".encode()).digest()[:16], "big")


def first_span_id(run_id: str) -> int:
    """Return the id of the first span of a run's trace, 64 bits."""
    return int.from_bytes(hashlib.sha256(f"baton span {run_id}".encode()).digest()[:8], "big")


class RunIds(IdGenerator):
    """Gives a run's trace and its first span their ids; every other span gets one of `others`."""

    def __init__(self, others: IdGenerator) -> None:
        self._others = others

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        run_id = _beginning.get()
        return self._others.generate_trace_id() if run_id is None else trace_id(run_id)

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        run_id = _beginning.get()
        return self._others.generate_span_id() if run_id is None else first_span_id(run_id)

    def is_trace_id_random(self) -> bool:
        """Return whether samplers may rely on the ids: the bits of a hash are as good as chance."""
        return True


def baton_tracer(provider: TracerProvider, version: str) -> Tracer:
    """Return the tracer of Baton's spans."""
    tracer = provider.get_tracer("baton", version)
    if isinstance(tracer, SdkTracer) and not isinstance(tracer.id_generator, RunIds):
        tracer.id_generator = RunIds(tracer.id_generator)
    return tracer


@contextmanager
def beginning(run_id: str | None) -> Iterator[None]:
    """Have the span that is made meanwhile, which has no parent, be the first of a run's trace. None: as usual."""
    token = _beginning.set(run_id)
    try:
        yield
    finally:
        _beginning.reset(token)


def first_span(tracer: Tracer, run_id: str) -> SpanContext:
    """Return the first span of a run's trace, which another process made, sampled or not as it was there."""
    number, sampled = trace_id(run_id), True
    if isinstance(tracer, SdkTracer):
        sampled = tracer.sampler.should_sample(None, number, "run").decision is Decision.RECORD_AND_SAMPLE
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(number, first_span_id(run_id), is_remote=True, trace_flags=flags)
