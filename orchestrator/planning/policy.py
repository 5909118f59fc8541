"""How a run treats the people around it: what it asks them, how long it waits, how long a step may take, what helps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.planning.model_policy import ModelUse
from schemas.base import Document

Approve = Literal["never", "plan", "each-agent"]
STEP_SECONDS = 3600.0


class Policy(Document):
    """Decided when a run starts, and kept.

    `approve`: ask before the plan is carried out, before each agent works, or never. `on_failure`: whether a failed
    check fails the run or asks. `answer_seconds`: after that time a question takes its default; without it, it waits
    for ever. `step_seconds`: a step that takes longer fails. `model`: who does what templates cannot do; without one,
    it is listed as not implemented. `outside`: agents whose work is done by people or other systems; the run asks for
    it.
    """

    approve: Approve = "never"
    on_failure: Literal["fail", "ask"] = "fail"
    answer_seconds: float | None = Field(default=None, gt=0)
    step_seconds: float = Field(default=STEP_SECONDS, gt=0)
    model: ModelUse | None = None
    outside: tuple[str, ...] = ()
