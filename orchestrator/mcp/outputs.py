"""What a client's calls return."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.records.events import PlannedAgent, RedactedGap
from orchestrator.storage.questions import Question
from schemas.base import JSON, Document


class Planned(Document):
    """Which agents and skills a PRD needs, and why; `gaps` is what no skill makes."""

    title: str
    agents: tuple[PlannedAgent, ...]
    gaps: tuple[RedactedGap, ...]


class Listed(Document):
    """One run among others."""

    run: str
    title: str
    workspace: str
    status: str
    started_at: str


class Listing(Document):
    """The runs of the server's workspaces, the newest first."""

    runs: tuple[Listed, ...]


class Progress(Document):
    """Something that happened; numbers count from 0 without gaps. `event` has a `type` and a time, `at`."""

    number: int
    event: dict[str, JSON]


class Status(Document):
    """Where a run stands. `more`: there are further events after the last one told; `next` says what to do now."""

    run: str
    title: str
    workspace: str
    status: str = Field(description="A run that is `killed` was at work in a process that is gone: resume it.")
    questions: tuple[Question, ...] = Field(description="What it asks and has no answer to yet.")
    events: tuple[Progress, ...] = ()
    more: bool = False
    next: str
    problems: tuple[str, ...] = ()


class QuestionList(Document):
    """A run's questions, open or answered, in the order they were asked."""

    questions: tuple[Question, ...]


class HandoffLine(Document):
    """A handoff that a run published. `changed`: the file is no longer as the run wrote it."""

    agent: str
    contract: str
    path: str
    sha256: str
    changed: bool


class Handoffs(Document):
    """The handoffs that a run published, in working order."""

    workspace: str
    handoffs: tuple[HandoffLine, ...]


class HandoffText(Document):
    """One handoff as it is in the workspace. `edited`: by hand, since it was written. `text` or `data` is null."""

    contract: str
    path: str
    sha256: str
    edited: bool
    form: Literal["markdown", "data"]
    text: str | None = None
    data: JSON = None
