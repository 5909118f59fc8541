"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.records.events import RedactedFinding, RedactedGap, RedactedText, RunStatus
from orchestrator.records.receipt import CheckRecord
from schemas.base import Document, Field
from skills.model.budget import Spending


class SkillWork(Document):
    """Who did a skill last, `template` or a model's name, and what models took for it in the whole run."""

    agent: str
    step: str = Field(default_factory=lambda given: given["agent"])
    skill: str
    by: str
    spent: Spending = Spending()


class PublishedHandoff(Document):
    """A handoff that the run wrote. `path` is relative to the workspace."""

    agent: str
    step: str = Field(default_factory=lambda given: given["agent"])
    path: str
    sha256: str


class OpenQuestion(Document):
    """A question of a node that waits for a person. `options` are the answers to choose from, if there are such."""

    id: str
    node: str
    kind: str
    text: RedactedText
    options: tuple[str, ...] = ()


class RunResult(Document):
    """What a run came to.

    `files` holds the SHA-256 of every published file by path; `timings` seconds by agent, and of the whole run under
    `total`; `work` who did each skill and what that took, if a model took part; `findings` are what reviews found last
    and nobody has put right; `problems` and `log` say why a run
    failed.
    """

    run: str
    status: RunStatus
    title: RedactedText
    workspace: str
    handoffs: tuple[PublishedHandoff, ...] = ()
    files: Mapping[str, str] = {}
    evidence: tuple[CheckRecord, ...] = ()
    work: tuple[SkillWork, ...] = ()
    gaps: tuple[RedactedGap, ...] = ()
    findings: tuple[RedactedFinding, ...] = ()
    timings: Mapping[str, float] = {}
    questions: tuple[OpenQuestion, ...] = ()
    problems: tuple[RedactedText, ...] = ()
    log: str | None = None


def fork_command(run_id: str) -> str:
    """Return the command that builds a run's app in another folder, where nothing stands in its way."""
    return f"baton fork {run_id} --workspace DIR"
