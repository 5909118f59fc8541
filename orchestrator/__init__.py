"""From a PRD to a verified app: plan, run, answer, resume. What is named here stays; what lies deeper may move.

Each name is imported when it is first used, so that `baton --help` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.planning.choices import built_in
    from orchestrator.planning.model_policy import ModelChange, ModelUse
    from orchestrator.planning.pipeline import AgentUnknown, Pipeline
    from orchestrator.planning.plan import StackIncomplete
    from orchestrator.planning.policy import Policy, PolicyChange
    from orchestrator.planning.workflow import Workflow
    from orchestrator.planning.workflows import Workflows, WorkflowUnknown
    from orchestrator.records.answers import (
        Answer,
        Approve,
        Done,
        EditByHand,
        GivePrd,
        GiveUp,
        Reject,
        Retry,
        SpendingLimits,
        UseTemplate,
    )
    from orchestrator.records.events import (
        CheckFinished,
        CheckStarted,
        Event,
        FindingsReturned,
        GuardFinished,
        HandoffPublished,
        ModelSpent,
        PlanMade,
        QuestionAnswered,
        QuestionAsked,
        RunFinished,
        RunResumed,
        RunStarted,
        SkillFinished,
        SkillStarted,
        StepFinished,
        StepRetried,
        StepStarted,
        WorkReturned,
    )
    from orchestrator.records.result import OpenQuestion, PublishedHandoff, RunResult
    from orchestrator.runtime.answers import NothingToResume
    from orchestrator.runtime.batch import Request, RequestResult
    from orchestrator.runtime.run import Run
    from orchestrator.steps.external.collect import OutsideUnfinished
    from orchestrator.steps.workspace import WorkspaceBusy, WorkspaceConflict
    from orchestrator.storage.database import DatabaseLost
    from orchestrator.storage.questions import AnswerRefused, Question
    from orchestrator.storage.runs import RunBusy, RunDetails, RunRecord, RunRefused, RunUnknown
    from orchestrator.telemetry.logs import configure_logging
    from schemas.errors import BatonError, InputError, RunError
    from schemas.findings import Finding

_MODULES = {
    "orchestrator.orchestrator": ("Orchestrator",),
    "orchestrator.planning.choices": ("built_in",),
    "orchestrator.planning.model_policy": ("ModelChange", "ModelUse"),
    "orchestrator.planning.pipeline": ("AgentUnknown", "Pipeline"),
    "orchestrator.planning.plan": ("StackIncomplete",),
    "orchestrator.planning.policy": ("Policy", "PolicyChange"),
    "orchestrator.planning.workflow": ("Workflow",),
    "orchestrator.planning.workflows": ("WorkflowUnknown", "Workflows"),
    "orchestrator.records.answers": (
        "Answer",
        "Approve",
        "Done",
        "EditByHand",
        "GivePrd",
        "GiveUp",
        "Reject",
        "Retry",
        "SpendingLimits",
        "UseTemplate",
    ),
    "orchestrator.records.events": (
        "CheckFinished",
        "CheckStarted",
        "Event",
        "FindingsReturned",
        "GuardFinished",
        "HandoffPublished",
        "ModelSpent",
        "PlanMade",
        "QuestionAnswered",
        "QuestionAsked",
        "RunFinished",
        "RunResumed",
        "RunStarted",
        "SkillFinished",
        "SkillStarted",
        "StepFinished",
        "StepRetried",
        "StepStarted",
        "WorkReturned",
    ),
    "orchestrator.records.result": ("OpenQuestion", "PublishedHandoff", "RunResult"),
    "orchestrator.runtime.answers": ("NothingToResume",),
    "orchestrator.runtime.batch": ("Request", "RequestResult"),
    "orchestrator.runtime.run": ("Run",),
    "orchestrator.steps.external.collect": ("OutsideUnfinished",),
    "orchestrator.steps.workspace": ("WorkspaceBusy", "WorkspaceConflict"),
    "orchestrator.storage.database": ("DatabaseLost",),
    "orchestrator.storage.questions": ("AnswerRefused", "Question"),
    "orchestrator.storage.runs": ("RunBusy", "RunDetails", "RunRecord", "RunRefused", "RunUnknown"),
    "orchestrator.telemetry.logs": ("configure_logging",),
    "schemas.errors": ("BatonError", "InputError", "RunError"),
    "schemas.findings": ("Finding",),
}
__all__ = [
    "AgentUnknown",
    "Answer",
    "AnswerRefused",
    "Approve",
    "BatonError",
    "CheckFinished",
    "CheckStarted",
    "DatabaseLost",
    "Done",
    "EditByHand",
    "Event",
    "Finding",
    "FindingsReturned",
    "GivePrd",
    "GiveUp",
    "GuardFinished",
    "HandoffPublished",
    "InputError",
    "ModelChange",
    "ModelSpent",
    "ModelUse",
    "NothingToResume",
    "OpenQuestion",
    "Orchestrator",
    "OutsideUnfinished",
    "Pipeline",
    "PlanMade",
    "Policy",
    "PolicyChange",
    "PublishedHandoff",
    "Question",
    "QuestionAnswered",
    "QuestionAsked",
    "Reject",
    "Request",
    "RequestResult",
    "Retry",
    "Run",
    "RunBusy",
    "RunDetails",
    "RunError",
    "RunFinished",
    "RunRecord",
    "RunRefused",
    "RunResult",
    "RunResumed",
    "RunStarted",
    "RunUnknown",
    "SkillFinished",
    "SkillStarted",
    "SpendingLimits",
    "StackIncomplete",
    "StepFinished",
    "StepRetried",
    "StepStarted",
    "UseTemplate",
    "WorkReturned",
    "Workflow",
    "WorkflowUnknown",
    "Workflows",
    "WorkspaceBusy",
    "WorkspaceConflict",
    "built_in",
    "configure_logging",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute may be anything
    """Import a name on its first use."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
