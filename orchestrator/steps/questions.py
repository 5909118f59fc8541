"""What a run asks people, and what their answers mean.

A question is stored in the transaction that says that its step waits, so it is never asked twice and never lost.

Not here: storing and answering (`orchestrator.storage.questions`).
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.planning.model_policy import ModelChange
from orchestrator.records.answers import (
    GIVE_UP,
    REJECT,
    Answer,
    Approve,
    GiveUp,
    QuestionKind,
    Reject,
    Retry,
    SpendingLimits,
    options_of,
    schema_of,
)
from orchestrator.records.events import QuestionAsked
from orchestrator.records.outcome import StepOutcome
from orchestrator.steps.context import RunContext
from orchestrator.storage import questions
from orchestrator.storage.questions import Question
from skills.core.redaction import redact


def ask(
    run: RunContext,
    node: str,
    kind: QuestionKind,
    text: str,
    *,
    of: StepOutcome | None = None,
    without: Collection[str] = (),
) -> StepOutcome:
    """Ask a person; return the outcome of a step that waits.

    Args:
        run: At work.
        node: Whose step waits.
        kind: What is asked; it decides how one may answer.
        text: The question.
        of: The failure that the question is about.
        without: Options of this kind that cannot be had here.
    """
    earlier = [each for each in run.state.questions.values() if each.node == node]
    question = Question(
        id=f"{run.id}-{node}-{len(earlier) + 1}",
        run_id=run.id,
        node=node,
        kind=kind,
        text=redact(text),
        answer_schema=schema_of(kind, without),
        options=options_of(kind, without),
        default=REJECT if kind in {"approval", "draft"} else GIVE_UP,
    )
    last = earlier[-1] if earlier else None
    if last is not None and last.is_open and (last.kind, last.text) == (kind, question.text):
        question = last  # asked by an attempt that was killed before it could say that it waits
    run.state.questions[question.id] = question
    run.events.note(questions.ask(question, run.state.policy.answer_seconds))
    asked = QuestionAsked(question=question.id, node=node, kind=kind, text=question.text, options=question.options)
    run.events.emit(asked)
    waiting = StepOutcome(status="waiting", question=question.id, question_text=question.text)
    return waiting.model_copy(update={"problems": of.problems, "log": of.log}) if of else waiting


def answered(run: RunContext, outcome: StepOutcome) -> Question | None:
    """Return the question that a waiting step asked, if it has its answer."""
    question = run.state.questions.get(outcome.question or "")
    return question if question is not None and not question.is_open else None


def refusal(question: Question) -> str | None:
    """Return why a person does not want the step to go on, or None if they do."""
    match question.decision:
        case GiveUp():
            return "given up"
        case Reject(reason=reason) if question.kind == "approval":
            return f"rejected: {reason}" if reason else "rejected"
        case Reject(reason=""):  # with a reason, another draft is made
            return "rejected"
        case _:
            return None


def objection(question: Question) -> str | None:
    """Return the reason, maybe empty, why a person rejects what a question shows; None if they do not."""
    return question.decision.reason if isinstance(question.decision, Reject) else None


def raised(question: Question) -> ModelChange | None:
    """Return what an answer lets models spend: `retry --max-money 10`, say. None if it says nothing of that."""
    match question.decision:
        case Retry(limits=limits) if limits != SpendingLimits():
            return ModelChange.model_validate(limits.model_dump())
        case _:
            return None


def decided(run: RunContext, node: str) -> Answer | None:
    """Return the last answer to what to do about a model's work in a step; None if there is none that still counts."""
    pending = run.step(node).pending
    asked = [each for each in run.state.questions.values() if each.kind == "model" and each.id in pending]
    return asked[-1].decision if asked else None


def is_approved(run: RunContext, node: str) -> bool:
    """Return whether a person approved of a node's work, as it is to be done now and not before a retry."""
    pending = run.step(node).pending
    return any(
        each.id in pending and each.kind == "approval" and isinstance(each.decision, Approve)
        for each in run.state.questions.values()
    )
