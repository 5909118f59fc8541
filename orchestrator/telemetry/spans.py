"""A run's events as OpenTelemetry spans.

    run                                one for each time that a process works on the run
    └── step python-backend-agent
        ├── skill python-api-patterns
        ├── guard ownership
        └── check mypy

All spans of a run are in one trace. Their times are the events' own. Attributes have the name that OpenTelemetry's
conventions give them, `baton.…` where they give none.

Imports OpenTelemetry: it is imported only where traces are asked for.

Not here: where spans go (`orchestrator.telemetry.tracing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.trace import NonRecordingSpan, Span, Status, StatusCode, Tracer, set_span_in_context

from orchestrator.records.events import (
    CheckFinished,
    CheckStarted,
    Event,
    GuardFinished,
    HandoffPublished,
    PlanMade,
    QuestionAnswered,
    QuestionAsked,
    RunFinished,
    RunResumed,
    RunStarted,
    SkillFinished,
    SkillStarted,
    StepFinished,
    StepRetried,
    StepStarted,
    WorkReturned,
)
from orchestrator.telemetry.trace_ids import beginning, first_span
from skills.core.redaction import redact

Path: TypeAlias = tuple[str, ...]
Field: TypeAlias = str | bool | int | float | tuple[str, ...]

AGENT = "gen_ai.agent.name"
ERROR = "error.type"
RUN: Path = ("run",)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 2000  # characters of an attribute or a description


class RunSpans:
    """Makes the spans of one run from the events that it is called with."""

    def __init__(self, tracer: Tracer, run_id: str) -> None:
        self._tree = _Tree(tracer, run_id)
        self._now = _EPOCH
        self.is_over = False

    def __call__(self, event: Event) -> None:
        """Begin, end or add to the spans that `event` is about."""
        self._now = max(self._now, event.at)
        self._tree.begin(RUN, event.at, first=isinstance(event, RunStarted))
        match event:
            case StepStarted() | StepRetried() | WorkReturned() | HandoffPublished() | StepFinished():
                self._of_step(event)
            case SkillStarted() | SkillFinished() | GuardFinished() | CheckStarted() | CheckFinished():
                self._of_part(event)
            case _:
                self._of_run(event)

    def crashed(self, error: BaseException) -> None:
        """Add an exception that ended the run to its span."""
        fields = {"exception.type": type(error).__qualname__, "exception.message": str(error)}
        self._tree.add(RUN, "exception", self._now, fields)

    def close(self) -> None:
        """End what is open: nobody works on the run any more, and it told of no end."""
        self._tree.end(RUN, self._now, interrupted=True)
        self.is_over = True

    def _of_run(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._tree.describe(RUN, {"baton.run.title": event.title, "baton.run.workspace": event.workspace})
            case RunResumed():
                self._tree.describe(RUN, {"baton.run.reason": event.reason})
            case PlanMade():
                agents = tuple(agent.name for agent in event.agents if agent.active)
                self._tree.describe(RUN, {"baton.plan.agents": agents, "baton.plan.gaps": len(event.gaps)})
            case QuestionAsked():
                asked = {"baton.question.id": event.question, "baton.question.kind": event.kind, AGENT: event.node}
                self._tree.add(RUN, "question asked", event.at, asked)
            case QuestionAnswered():
                self._tree.add(
                    RUN, "question answered", event.at, {"baton.question.id": event.question, "baton.by": event.by}
                )
            case RunFinished():
                self._tree.describe(RUN, {"baton.run.status": event.status})
                error = "run_failed" if event.status == "failed" else None
                self._tree.end(RUN, event.at, event.seconds, error, "\n".join(event.problems))
                self.is_over = True

    def _of_step(self, event: StepStarted | StepRetried | WorkReturned | HandoffPublished | StepFinished) -> None:
        path = (*RUN, f"step {event.step}")
        self._tree.begin(path, _began(event), {AGENT: event.agent})
        match event:
            case StepRetried():
                tried: dict[str, Field] = {
                    "baton.attempt": event.attempt,
                    "baton.problem": event.problem,
                    "baton.wait": event.wait,
                }
                self._tree.end_parts(path, event.at)
                self._tree.add(path, "retry", event.at, tried)
            case WorkReturned():
                back: dict[str, Field] = {"baton.round": event.round, "baton.problem": "\n".join(event.problems)}
                self._tree.add(path, "work returned", event.at, back)
            case HandoffPublished():
                handoff = {"baton.handoff.path": event.path, "baton.handoff.sha256": event.sha256}
                self._tree.add(path, "handoff published", event.at, handoff)
            case StepFinished():
                self._tree.describe(path, {"baton.step.status": event.status, "baton.files": event.files})
                error = "step_failed" if event.status == "failed" else None
                self._tree.end(path, event.at, event.seconds, error, "\n".join(event.problems))

    def _of_part(self, event: SkillStarted | SkillFinished | GuardFinished | CheckStarted | CheckFinished) -> None:
        kind = event.type.partition("_")[0]
        name = str(getattr(event, kind))
        step = (*RUN, f"step {event.step}")
        path = (*step, f"{kind} {name}")
        self._tree.begin(step, _began(event), {AGENT: event.agent})
        self._tree.begin(path, _began(event), {AGENT: event.agent, f"baton.{kind}.name": name})
        match event:
            case SkillFinished():
                self._tree.describe(path, {"baton.files": event.files, **_model(event)})
                self._tree.end(path, event.at, event.seconds)
            case GuardFinished():
                self._tree.describe(path, {"baton.guard.violations": event.violations})
                self._tree.end(path, event.at, event.seconds, "guard_violated" if event.violations else None)
            case CheckFinished():
                self._tree.describe(path, {"baton.check.passed": event.passed, "baton.check.summary": event.summary})
                error = None if event.passed else "check_failed"
                self._tree.end(path, event.at, event.seconds, error, event.summary)


@dataclass(frozen=True, slots=True)
class _Open:
    """A span that is not over, and when it began."""

    span: Span
    began: datetime


class _Tree:
    """The open spans of a run by path: their own name, after their parents'."""

    def __init__(self, tracer: Tracer, run_id: str) -> None:
        self._tracer = tracer
        self._run_id = run_id
        self._open: dict[Path, _Open] = {}

    def begin(
        self, path: Path, at: datetime, fields: Mapping[str, Field] | None = None, *, first: bool = False
    ) -> None:
        """Begin a span, unless it has begun. `first`: it is the first one of the run's trace."""
        if path in self._open:
            return
        if path != RUN:
            parent = set_span_in_context(self._open[path[:-1]].span, Context())
            attributes = _told(fields or {})
        else:
            known = NonRecordingSpan(first_span(self._tracer, self._run_id))
            # Another implementation of OpenTelemetry has its own way of making ids.
            first = first and isinstance(self._tracer, SdkTracer)
            parent = Context() if first else set_span_in_context(known, Context())
            attributes = _told({"baton.run.id": self._run_id})
        with beginning(self._run_id if first else None):
            span = self._tracer.start_span(path[-1], parent, attributes=attributes, start_time=_ns(at))
        self._open[path] = _Open(span, at)

    def describe(self, path: Path, fields: Mapping[str, Field]) -> None:
        """Set attributes of a span."""
        self._open[path].span.set_attributes(_told(fields))

    def add(self, path: Path, name: str, at: datetime, fields: Mapping[str, Field]) -> None:
        """Add an event to a span, if it is not over."""
        if path in self._open:
            self._open[path].span.add_event(name, _told(fields), _ns(at))

    def end(
        self,
        path: Path,
        at: datetime,
        seconds: float | None = None,
        error: str | None = None,
        problem: str = "",
        *,
        interrupted: bool = False,
    ) -> None:
        """End a span and what is open below it, `at` a moment or `seconds` after it began. With `error` it failed."""
        self.end_parts(path, at)
        ended = self._open.pop(path, None)
        if ended is None:
            return
        if interrupted:
            ended.span.set_attribute("baton.interrupted", True)
        if error is not None:
            ended.span.set_attribute(ERROR, error)
            ended.span.set_status(Status(StatusCode.ERROR, _short(problem)))
        # Seconds are measured by a clock that only goes forward.
        over = max(at, ended.began) if seconds is None else ended.began + timedelta(seconds=seconds)
        ended.span.end(_ns(over))

    def end_parts(self, path: Path, at: datetime) -> None:
        """End what is open below a span: it was interrupted."""
        for part in sorted((each for each in self._open if each[:-1] == path), reverse=True):
            self.end(part, at, interrupted=True)


def _model(event: SkillFinished) -> dict[str, Field]:
    """Return what a model took for a skill. The names are OpenTelemetry's, where it has any."""
    if event.model is None or event.spent is None:
        return {}
    return {
        "gen_ai.request.model": event.model,
        "gen_ai.usage.input_tokens": event.spent.input_tokens,
        "gen_ai.usage.output_tokens": event.spent.output_tokens,
        "baton.model.calls": event.spent.calls,
        "baton.model.dollars": float(event.spent.money),
    }


def _began(event: Event) -> datetime:
    """Return when what `event` tells of began."""
    return event.at - timedelta(seconds=getattr(event, "seconds", 0.0))


def _told(fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return attributes as they may leave the process: without secrets, and not too long."""
    return {name: _short(value) if isinstance(value, str) else value for name, value in fields.items()}


def _short(text: str) -> str:
    return redact(text)[:_LONGEST]


def _ns(moment: datetime) -> int:
    """Return nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
