"""What happens in a run, as typed events.

Events are stored in order and never changed; a reader who comes late, or from another process, gets all of them.

Not here: storing and following them (`orchestrator.storage.event_log`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from schemas.base import Document
from schemas.feature import Gap

RunStatus: TypeAlias = Literal[
    "running", "waiting", "stopped", "completed", "completed with gaps", "failed", "cancelled"
]
StepStatus: TypeAlias = Literal["published", "skipped", "failed", "waiting", "rejected"]


def _now() -> datetime:
    return datetime.now(UTC)


class _Event(Document):
    at: datetime = Field(default_factory=_now)


class RunStarted(_Event):
    type: Literal["run_started"] = "run_started"
    run: str
    title: str
    workspace: str


class RunResumed(_Event):
    """The run goes on after it paused, failed or ended. A run that was killed goes on without an event of its own."""

    type: Literal["run_resumed"] = "run_resumed"
    run: str
    reason: str


class PlannedSkill(Document):
    """A skill and why it runs or does not."""

    name: str
    active: bool
    reason: str


class PlannedAgent(Document):
    """An agent, why it runs or does not, and its skills in running order."""

    name: str
    title: str
    active: bool
    reason: str
    skills: tuple[PlannedSkill, ...]


class PlanMade(_Event):
    type: Literal["plan_made"] = "plan_made"
    agents: tuple[PlannedAgent, ...]
    gaps: tuple[Gap, ...]


class StepStarted(_Event):
    type: Literal["step_started"] = "step_started"
    agent: str


class StepFinished(_Event):
    """`problems` are set if the step failed; `log` is then the path of what the failing tool said."""

    type: Literal["step_finished"] = "step_finished"
    agent: str
    status: StepStatus
    seconds: float
    files: int = 0
    problems: tuple[str, ...] = ()
    log: str | None = None


class StepRetried(_Event):
    """A step failed for a reason that may pass; it is tried again after `wait` seconds."""

    type: Literal["step_retried"] = "step_retried"
    agent: str
    attempt: int
    problem: str
    wait: float


class SkillStarted(_Event):
    type: Literal["skill_started"] = "skill_started"
    agent: str
    skill: str


class SkillFinished(_Event):
    type: Literal["skill_finished"] = "skill_finished"
    agent: str
    skill: str
    files: int
    seconds: float


class GuardFinished(_Event):
    """A guard looked at the proposal: a matter of milliseconds, so it has no event for its start."""

    type: Literal["guard_finished"] = "guard_finished"
    agent: str
    guard: str
    violations: int
    seconds: float


class CheckStarted(_Event):
    type: Literal["check_started"] = "check_started"
    agent: str
    check: str


class CheckFinished(_Event):
    type: Literal["check_finished"] = "check_finished"
    agent: str
    check: str
    passed: bool
    summary: str
    seconds: float


class HandoffPublished(_Event):
    """`path` is relative to the workspace."""

    type: Literal["handoff_published"] = "handoff_published"
    agent: str
    path: str
    sha256: str


class QuestionAsked(_Event):
    """`options` are the answers to choose from, if there are such; all of it is in `Orchestrator.questions`."""

    type: Literal["question_asked"] = "question_asked"
    question: str
    node: str
    kind: str
    text: str
    options: tuple[str, ...] = ()


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
    problems: tuple[str, ...] = ()


Event: TypeAlias = Annotated[
    RunStarted
    | RunResumed
    | PlanMade
    | StepStarted
    | StepFinished
    | StepRetried
    | SkillStarted
    | SkillFinished
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
