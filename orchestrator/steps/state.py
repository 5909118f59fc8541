"""How far a run is: its plan, what was asked and answered, and each of its steps.

What the ledger knows is loaded when a run is taken up; from then on only the engine that works on the run adds to it.

Not here: what does not change while a run is at work (`orchestrator.steps.context`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.planning.fingerprint import Fingerprint
from orchestrator.planning.plan import Plan
from orchestrator.planning.policy import Policy
from orchestrator.records.outcome import StepOutcome
from orchestrator.records.receipt import Receipt
from orchestrator.storage.questions import Question
from orchestrator.storage.repositories import Ledger
from orchestrator.storage.steps import StepAttempt
from schemas.findings import Finding
from skills.core.contribution import Contribution


@dataclass(frozen=True, kw_only=True, slots=True)
class Salvage:
    """What a model made, by skill, in an attempt at a step that is tried again; `read` are the handoffs' SHA-256."""

    read: tuple[str, ...]
    outputs: Mapping[str, Contribution]


@dataclass(kw_only=True, slots=True)
class StepRun:
    """One step of a run.

    `attempt` is the last attempt at it, `attempts` how many there were, also those that were done again since;
    `pending` are the ids of its questions that no retry has overtaken. `salvage` is kept from an attempt that a server
    did not let finish, `early` is its work if that began before the graph asked for it, and `collected` the SHA-256 of
    what people left for it, by path.
    `returns` is how often it sent findings back, `returned` what it sent last, by the step that gets it.
    """

    attempt: StepAttempt | None = None
    attempts: int = 0
    pending: set[str] = field(default_factory=set)
    salvage: Salvage | None = None
    early: asyncio.Task[StepOutcome] | None = None
    collected: Mapping[str, str] = field(default_factory=dict)
    returns: int = 0
    returned: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether it need not be done again."""
        return self.attempt is not None and self.attempt.status in {"published", "skipped"}

    @property
    def done_with(self) -> StepOutcome | None:
        """How it ended, if it need not be done again."""
        return self.attempt.outcome if self.attempt is not None and self.is_done else None

    @property
    def returns_to(self) -> tuple[str, ...]:
        """The steps that have to put its findings right, if those were not taken back yet."""
        is_returned = self.attempt is not None and self.attempt.status == "returned"
        return tuple(self.returned) if is_returned else ()

    def note_returned(self, outcome: StepOutcome) -> None:
        """Remember that it sent findings back."""
        self.returns, self.returned = self.returns + 1, outcome.returned

    @property
    def receipt(self) -> Receipt | None:
        """What it published, if it has."""
        if self.attempt is None or self.attempt.status != "published" or self.attempt.receipt is None:
            return None
        return Receipt.model_validate(self.attempt.receipt)

    @property
    def asked(self) -> str | None:
        """The id of the question that it waits for."""
        if self.attempt is None or self.attempt.status != "waiting" or self.attempt.outcome is None:
            return None
        return self.attempt.outcome.question


@dataclass(kw_only=True, slots=True)
class RunState:
    """How far one run is.

    `plan` and `fingerprint` are set by the intake. `questions` are by id, in the order they were asked; `written` holds
    the SHA-256 of all that Baton ever wrote to the workspace, by path. `began` is on the monotonic clock.
    """

    policy: Policy
    prd_sha256: str
    plan: Plan | None = None
    fingerprint: Fingerprint | None = None
    steps: dict[str, StepRun] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    written: dict[str, set[str]] = field(default_factory=dict)
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    began: float = field(default_factory=time.monotonic)

    def step(self, name: str) -> StepRun:
        """Return the step called `name`, which may not have begun."""
        return self.steps.setdefault(name, StepRun())

    async def load(self, ledger: Ledger, run_id: str) -> None:
        """Load what the ledger knows of the run's steps and questions."""
        self.steps = {}
        for attempt in await ledger.steps.attempts(run_id):
            step = self.step(attempt.step)
            step.attempt = attempt
            if attempt.outcome is not None and attempt.outcome.question is not None:
                step.pending.add(attempt.outcome.question)
        for attempt in await ledger.steps.attempts(run_id, superseded=True):
            if attempt.status == "returned" and attempt.outcome is not None:
                self.step(attempt.step).note_returned(attempt.outcome)
        for name, number in (await ledger.steps.last_attempts(run_id)).items():
            self.step(name).attempts = number
        self.questions = {each.id: each for each in await ledger.questions.of(run_id)}

    async def load_written(self, ledger: Ledger, workspace: str) -> None:
        """Load what Baton ever wrote to a workspace."""
        for stored in await ledger.steps.workspace_receipts(workspace):
            self.note_written(Receipt.model_validate(stored))

    def note_written(self, receipt: Receipt) -> None:
        """Remember what a receipt names as Baton's."""
        for path, sha256 in receipt.files.items():
            self.written.setdefault(path, set()).add(sha256)

    def forget(self, steps: Iterable[str]) -> None:
        """Have `steps` done again, with nothing of what was answered about them."""
        for step in map(self.step, steps):
            step.attempt, step.pending = None, set()

    def receipts(self) -> dict[str, Receipt]:
        """Return the receipts of what this run published, by step."""
        found = {name: step.receipt for name, step in self.steps.items()}
        return {name: receipt for name, receipt in found.items() if receipt is not None}

    def done(self) -> set[str]:
        """Return the steps that need not be done again."""
        return {name for name, step in self.steps.items() if step.is_done}

    def asked(self) -> set[str]:
        """Return the ids of the questions that steps wait for."""
        return {step.asked for step in self.steps.values() if step.asked is not None}
