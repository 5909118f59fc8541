"""What a node of the graph leaves in the state: a verdict and references, never contents."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.records.events import RedactedFinding, RedactedText, StepStatus
from schemas.base import Document
from skills.core.redaction import redact

MAX_PROBLEM = 1000  # characters; the whole text is in the events and in the log
MAX_PROBLEMS = 5


class StepOutcome(Document):
    """How a step ended. Failure is data here: LangGraph sees an exception only if Baton itself cannot go on.

    `question` is the id of the question that a waiting step asks, `proposal` the SHA-256 of what it proposes in it,
    `log` the path of a failing tool's output. A step is
    rejected if a person said that it should not be done, or not be tried again. `findings` are what a review states,
    `returned` those that go back, by the step that has to put them right.
    """

    status: StepStatus
    files: int = 0
    handoff: str | None = None
    handoff_sha256: str | None = None
    question: str | None = None
    question_text: RedactedText | None = None
    proposal: str | None = None
    problems: tuple[RedactedText, ...] = ()
    log: str | None = None
    findings: tuple[RedactedFinding, ...] = ()
    returned: Mapping[str, tuple[RedactedFinding, ...]] = {}

    @classmethod
    def failure(cls, problems: tuple[str, ...], log: str | None = None) -> StepOutcome:
        """Return a failed step, its problems cut to what a checkpoint should carry."""
        # Redacted before it is cut: half a secret is not recognised.
        kept = tuple(redact(problem)[:MAX_PROBLEM].replace("\0", "\N{REPLACEMENT CHARACTER}") for problem in problems)
        return cls(status="failed", problems=kept[:MAX_PROBLEMS], log=log)
