"""How a run treats the people around it: what it asks them, how long it waits, how long a step may take, what helps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.planning.model_policy import ModelChange, ModelUse
from schemas.base import Document

Approve = Literal["never", "plan", "each-agent"]

MOST_ROUNDS = 10


class Policy(Document):
    """Decided when a run starts, and kept.

    `approve`: ask before the plan is carried out, before each agent works, or never. `on_failure`: whether a failed
    check fails the run or asks. `answer_seconds`: after that time a question takes its default; without it, it waits
    for ever. `check_seconds`: a check's tool that takes longer is ended; without it, the limit grows with the files it
    works on. `step_seconds`: a step that takes longer fails; without it, none does that makes progress. `model`: who
    does what templates cannot do; without one, it is listed as not implemented. `outside`: agents whose work is done by
    people or other systems; the run asks for it. `review_rounds`: how often a review may send findings back.
    """

    approve: Approve = "never"
    on_failure: Literal["fail", "ask"] = "fail"
    answer_seconds: float | None = Field(default=None, gt=0)
    check_seconds: float | None = Field(default=None, gt=0)
    step_seconds: float | None = Field(default=None, gt=0)
    model: ModelUse | None = None
    outside: tuple[str, ...] = ()
    review_rounds: int = Field(default=1, ge=0, le=MOST_ROUNDS)


class PolicyChange(Document):
    """What a person changes of a run's policy when they take the run up again; what is null stays."""

    check_seconds: float | None = Field(default=None, gt=0)
    model: ModelChange | None = None

    def of(self, policy: Policy) -> Policy:
        """Return the changed policy.

        Raises:
            ModelUnset: The run has no model, and limits are changed, but none is named.
        """
        update: dict[str, object] = {}
        if self.check_seconds is not None:
            update["check_seconds"] = self.check_seconds
        if self.model is not None:
            update["model"] = self.model.of(policy.model)
        return policy.model_copy(update=update)
