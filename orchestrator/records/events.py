"""What happens in a run, as typed events.

Events are stored in order and never changed; a reader who comes late, or from another process, gets all of them. Their
texts hold no secrets.

Not here: storing and following them (`orchestrator.storage.event_log`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter

from schemas.base import Document
from schemas.findings import Finding
from schemas.handoffs import Unimplemented
from skills.core.redaction import redact
from skills.model.budget import Spending

RedactedText: TypeAlias = Annotated[str, AfterValidator(redact)]
"""Text of a PRD, a tool or an error: no secret gets into a model that has it."""

RunStatus: TypeAlias = Literal[
    "running", "waiting", "stopped", "completed", "completed with gaps", "failed", "cancelled"
]
StepStatus: TypeAlias = Literal["published", "skipped", "failed", "waiting", "rejected", "returned"]


def _now() -> datetime:
    return datetime.now(UTC)


class _Event(Document):
    at: datetime = Field(default_factory=_now)


class _StepEvent(_Event):
    """What happens in a step; one that has no name of its own has its agent's."""

    agent: str
    step: str = Field(default_factory=lambda given: given["agent"])


class RunStarted(_Event):
    type: Literal["run_started"] = "run_started"
    run: str
    title: RedactedText
    workspace: str


class RunResumed(_Event):
    """The run goes on after it paused, failed or ended. A run that was killed goes on without an event of its own."""

    type: Literal["run_resumed"] = "run_resumed"
    run: str
    reason: RedactedText


class PlannedSkill(Document):
    """A skill and why it runs or does not."""

    name: str
    active: bool
    reason: str


class PlannedAgent(Document):
    """An agent's step, why it is done or not, and its skills in running order."""

    name: str
    step: str = Field(default_factory=lambda given: given["name"])
    title: str
    active: bool
    reason: str
    skills: tuple[PlannedSkill, ...]


def _without_secrets(gap: Unimplemented) -> Unimplemented:
    return Unimplemented(text=redact(gap.text), reason=redact(gap.reason))


RedactedGap: TypeAlias = Annotated[Unimplemented, AfterValidator(_without_secrets)]


def _harmless_finding(finding: Finding) -> Finding:
    return finding.model_copy(update={"rule": redact(finding.rule), "evidence": redact(finding.evidence)})


RedactedFinding: TypeAlias = Annotated[Finding, AfterValidator(_harmless_finding)]


class PlanMade(_Event):
    type: Literal["plan_made"] = "plan_made"
    agents: tuple[PlannedAgent, ...]
    gaps: tuple[RedactedGap, ...]


class StepStarted(_StepEvent):
    type: Literal["step_started"] = "step_started"


class StepFinished(_StepEvent):
    """`problems` are set if the step failed; `log` is then the path of what the failing tool said."""

    type: Literal["step_finished"] = "step_finished"
    status: StepStatus
    seconds: float
    files: int = 0
    problems: tuple[RedactedText, ...] = ()
    log: str | None = None


class StepRetried(_StepEvent):
    """A step failed for a reason that may pass; it is tried again after `wait` seconds."""

    type: Literal["step_retried"] = "step_retried"
    attempt: int
    problem: RedactedText
    wait: float


class SkillStarted(_StepEvent):
    type: Literal["skill_started"] = "skill_started"
    skill: str


class ModelSpent(_StepEvent):
    """What a model took just now: a call, or the time between calls. The sum of these is what the run spent."""

    type: Literal["model_spent"] = "model_spent"
    skill: str
    model: str
    spent: Spending


class SkillFinished(_StepEvent):
    """`model` is who did the work, or a part of it, and `spent` what it took; both are null if templates did it."""

    type: Literal["skill_finished"] = "skill_finished"
    skill: str
    files: int
    seconds: float
    model: str | None = None
    spent: Spending | None = None


class WorkReturned(_StepEvent):
    """What a model made does not stand: it goes back to these skills with what guards and checks found.

    `round` counts how often, from 1.
    """

    type: Literal["work_returned"] = "work_returned"
    skills: tuple[str, ...]
    round: int
    problems: tuple[RedactedText, ...]


class FindingsReturned(_StepEvent):
    """A review found what the step `owner` has to put right, which is done again. `round` counts how often, from 1."""

    type: Literal["findings_returned"] = "findings_returned"
    owner: str
    round: int
    findings: tuple[RedactedText, ...]


class GuardFinished(_StepEvent):
    """A guard looked at the proposal: a matter of milliseconds, so it has no event for its start."""

    type: Literal["guard_finished"] = "guard_finished"
    guard: str
    violations: int
    seconds: float


class CheckStarted(_StepEvent):
    type: Literal["check_started"] = "check_started"
    check: str


class CheckFinished(_StepEvent):
    type: Literal["check_finished"] = "check_finished"
    check: str
    passed: bool
    summary: RedactedText
    seconds: float


class HandoffPublished(_StepEvent):
    """`path` is relative to the workspace."""

    type: Literal["handoff_published"] = "handoff_published"
    path: str
    sha256: str


class QuestionAsked(_Event):
    """`options` are the answers to choose from, if there are such; all of it is in `Orchestrator.questions`."""

    type: Literal["question_asked"] = "question_asked"
    question: str
    node: str
    kind: str
    text: RedactedText
    options: tuple[RedactedText, ...] = ()


class QuestionAnswered(_Event):
    """`by` is `person`, or `deadline` if the default was taken. What the answer was stays with the question."""

    type: Literal["question_answered"] = "question_answered"
    question: str
    node: str
    by: str


class RunFinished(_Event):
    """The run is over, or pauses: `waiting` for a person, `stopped` by a signal."""

    type: Literal["run_finished"] = "run_finished"
    status: RunStatus
    seconds: float
    problems: tuple[RedactedText, ...] = ()


Event: TypeAlias = Annotated[
    RunStarted
    | RunResumed
    | PlanMade
    | StepStarted
    | StepFinished
    | StepRetried
    | SkillStarted
    | ModelSpent
    | SkillFinished
    | WorkReturned
    | FindingsReturned
    | GuardFinished
    | CheckStarted
    | CheckFinished
    | HandoffPublished
    | QuestionAsked
    | QuestionAnswered
    | RunFinished,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(text: str | bytes) -> Event:
    """Return the event that `text`, JSON, holds."""
    return _ADAPTER.validate_json(text)
