"""All that the steps of one run share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agents.checks.environments.environments import Environments
from agents.ownership import owns
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import CheckRun
from handoff.store import HandoffStore
from orchestrator.planning.fingerprint import Fingerprint
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.plan import Plan
from orchestrator.planning.policy import Policy
from orchestrator.records.outcome import StepOutcome
from orchestrator.steps.usage import RunMeter
from orchestrator.steps.workspace import Workspace
from orchestrator.storage.event_log import EventLog
from orchestrator.storage.questions import Question
from orchestrator.storage.repositories import Ledger
from orchestrator.storage.steps import Attempt
from schemas.base import Document
from skills.core.contribution import Contribution
from skills.core.executor import Executor
from skills.core.registry import Registry
from skills.model.executor import ModelExecutor

PRD = ".claude/handoff/feature-prd.md"


class Evidence(Document):
    """One tool run and the path of its log."""

    agent: str
    run: CheckRun
    log: str


class Receipt(Document):
    """What a step is about to publish, or has published: stored before the first file is moved.

    `files` and `handoff_sha256` are SHA-256; paths are relative to the workspace; `handoff` is a contract id.
    `replaces` holds the SHA-256 of what people left for a step done outside; it stands where `files` will.
    """

    agent: str
    files: Mapping[str, str]
    replaces: Mapping[str, str] = {}
    handoff: str | None = None
    handoff_sha256: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """A step whose work began before the graph asked for it."""

    working: asyncio.Task[StepOutcome]


@dataclass(frozen=True, kw_only=True, slots=True)
class Salvage:
    """What a model made, by skill, in an attempt at a step that is tried again; `read` are the handoffs' SHA-256."""

    read: tuple[str, ...]
    outputs: Mapping[str, Contribution]


@dataclass(kw_only=True, slots=True)
class RunContext:
    """One run at work.

    `folder` holds its PRD, its staged trees and its logs, and can be made anew from the ledger. `executor` does the
    skills, with the help of `model` if the run has one; `meter` counts what it spends. `plan` and `fingerprint` are set
    by the intake. `attempts` holds the last attempt at each step, `attempt_counts` how many there were,
    `written` the SHA-256 of all that Baton ever wrote to the workspace, by path: only this engine adds to them.
    """

    run_id: str
    started_at: datetime
    workspace: Workspace
    folder: Path
    pipeline: Pipeline
    registry: Registry
    executor: Executor
    model: ModelExecutor | None
    meter: RunMeter
    environments: Environments
    admin_dsn: str
    ledger: Ledger
    events: EventLog
    policy: Policy
    prd_sha256: str
    plan: Plan | None = None
    fingerprint: Fingerprint | None = None
    attempts: dict[str, Attempt] = field(default_factory=dict)
    pending: dict[str, set[str]] = field(default_factory=dict)  # ids of questions that no retry has overtaken, by step
    attempt_counts: dict[str, int] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)  # by id, in the order they were asked
    written: dict[str, set[str]] = field(default_factory=dict)
    set_aside: dict[str, Salvage] = field(default_factory=dict)  # by agent
    ahead: dict[str, Ahead] = field(default_factory=dict)  # by agent
    taken: dict[str, Mapping[str, str]] = field(default_factory=dict)  # SHA-256 of what people left, by agent, by path
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    began: float = field(default_factory=time.monotonic)  # on the monotonic clock
    handoffs: HandoffStore = field(init=False)

    def __post_init__(self) -> None:
        self.handoffs = HandoffStore(self.workspace.root)

    @property
    def prd(self) -> Path:
        return self.folder / "feature-prd.md"

    @property
    def title(self) -> str:
        return self.plan.feature.title if self.plan else self.prd.name

    def tree(self, agent: str) -> Path:
        """Return the folder of an agent's staged tree: the app as it would be, where its checks run."""
        return self.folder / "trees" / agent

    async def remember(self) -> None:
        """Load what the ledger knows of this run and its workspace."""
        for attempt in await self.ledger.steps.attempts(self.run_id):
            self.attempts[attempt.step] = attempt
            if attempt.outcome is not None and attempt.outcome.question is not None:
                self.pending.setdefault(attempt.step, set()).add(attempt.outcome.question)
        self.attempt_counts = await self.ledger.steps.last_attempts(self.run_id)
        self.questions = {each.id: each for each in await self.ledger.questions.of(self.run_id)}
        await self.remember_written()

    def forget(self, steps: Iterable[str]) -> None:
        """Have `steps` done again, with nothing of what was answered about them."""
        for name in steps:
            self.attempts.pop(name, None)
            self.pending.pop(name, None)

    async def remember_written(self) -> None:
        """Load what Baton ever wrote to this workspace."""
        for stored in await self.ledger.steps.workspace_receipts(str(self.workspace.root)):
            self.note_written(Receipt.model_validate(stored))

    def note_written(self, receipt: Receipt) -> None:
        """Remember what a receipt names as Baton's."""
        for path, sha256 in receipt.files.items():
            self.written.setdefault(path, set()).add(sha256)

    def receipts(self) -> dict[str, Receipt]:
        """Return the receipts of what this run published, by step."""
        return {
            step: Receipt.model_validate(attempt.receipt)
            for step, attempt in self.attempts.items()
            if attempt.status == "published" and attempt.receipt is not None
        }

    def done(self) -> set[str]:
        """Return the steps that need not be done again."""
        return {step for step, attempt in self.attempts.items() if attempt.status in {"published", "skipped"}}

    def asked(self) -> set[str]:
        """Return the ids of the questions that steps wait for."""
        outcomes = (attempt.outcome for attempt in self.attempts.values() if attempt.status == "waiting")
        return {outcome.question for outcome in outcomes if outcome is not None and outcome.question is not None}

    def recorded(self) -> Mapping[str, Collection[str]]:
        """Return the SHA-256 of every version of every file that Baton wrote to the workspace, by path.

        What handoffs say counts only for paths of their own agent: their text is in the workspace, for anyone to edit.
        """
        recorded = {path: set(hashes) for path, hashes in self.written.items()}
        for path, sha256 in self._listed():
            recorded.setdefault(path, set()).add(sha256)
        return recorded

    def _listed(self) -> Iterable[tuple[str, str]]:
        for agent in self.pipeline.agents:
            try:
                provenance = self.handoffs.read(agent.writes).provenance
            except (HandoffMissing, HandoffInvalid):
                continue
            if provenance is not None:
                yield from ((path, sha) for path, sha in provenance.files.items() if owns(agent, path))
                yield from ((path, sha) for path, sha in provenance.reads.items() if path == PRD)
