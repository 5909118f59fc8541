"""What a client's calls take: closed models, from which the tools' JSON Schemas are made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.planning.policy import Approve
from schemas.base import JSON, Document

LONGEST_WAIT = 50.0  # seconds; many clients give a call up after 60

RunName = Annotated[
    str, Field(min_length=1, description="The run's id, the beginning of one, or `latest`.", examples=["latest"])
]
QuestionName = Annotated[str | None, Field(description="The question's id; not needed if one is open.")]
PrdPath = Annotated[
    str, Field(min_length=1, description="Path of the feature PRD; a relative one counts from the workspace.")
]


class NoInput(Document):
    """A call without arguments."""


class PlanInput(Document):
    """A PRD to look at."""

    prd: PrdPath


class StartInput(Document):
    """A run to begin."""

    prd: PrdPath
    workspace: str | None = Field(default=None, description="Folder of the app, made if missing; the server's if null.")
    agents: tuple[str, ...] = Field(default=(), description="Only these agents, by name; all if empty.")
    approve: Approve = Field(
        default="plan", description="Ask before the plan is carried out, before each agent works, or never."
    )
    on_failure: Literal["ask", "fail"] = Field(
        default="ask", description="Ask what to do when a step failed, or let the run fail."
    )
    outside: tuple[str, ...] = Field(
        default=(), description="Agents whose work others do, you perhaps: the run asks for it, and takes what is left."
    )


class RunInput(Document):
    """A run."""

    run: RunName


class StatusInput(RunInput):
    """A run, and what is to be told of it."""

    after: int = Field(default=-1, ge=-1, description="Tell what happened after the event of this number.")
    wait_seconds: float = Field(
        default=0, ge=0, le=LONGEST_WAIT, description="Wait so long until the run is over, pauses or asks something."
    )


class AnswerInput(RunInput):
    """An answer to a question."""

    value: JSON = Field(description="The answer, as the question's `answer_schema` says: most often one of `options`.")
    question: QuestionName = None


class ApprovalInput(RunInput):
    """Consent to what a question shows."""

    question: QuestionName = None


class RejectionInput(RunInput):
    """Refusal of what a question shows."""

    reason: str = Field(default="", description="Why; it is kept with the run.")
    question: QuestionName = None


class HandoffInput(RunInput):
    """A handoff to read."""

    contract: str = Field(min_length=1, description="As `handoffs` lists it, for example `database-agent-output`.")
    form: Literal["markdown", "data"] = Field(default="markdown", description="The file's text, or its data as JSON.")


class ResultInput(RunInput):
    """A run's result."""

    evidence: bool = Field(default=False, description="With every tool run that the handoffs' statements rest on.")


class RetryInput(RunInput):
    """A run whose steps are to be done again."""

    from_agent: str | None = Field(
        default=None, description="The first agent to do again; what is not done if null.", examples=["frontend-agent"]
    )
