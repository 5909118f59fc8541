"""What a run asks people, and what their answers mean.

A question is stored in the transaction that says that its step waits, so it is never asked twice and never lost.

Not here: storing and answering (`orchestrator.storage.questions`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from orchestrator.planning.model_policy import ModelChange
from orchestrator.records.events import QuestionAsked
from orchestrator.records.outcome import StepOutcome
from orchestrator.steps.context import RunContext
from orchestrator.storage import questions
from orchestrator.storage.questions import Question, QuestionKind
from schemas.base import JSON
from skills.core.redaction import redact

APPROVE, REJECT = "approve", "reject"
DONE, RETRY, GIVE_UP = "done", "retry", "give up"
EDIT, TEMPLATE = "edit by hand", "take the template"

_NUMBER = r"[1-9][0-9]*"
_DECIMAL = r"(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*)"
_RAISE = rf"(?:--max-(?:calls|tokens) {_NUMBER}|--max-(?:money|minutes) {_DECIMAL})"

_OPTIONS: dict[QuestionKind, tuple[str, ...]] = {
    "prd": (),
    "draft": (APPROVE, REJECT),
    "handoff": (DONE, GIVE_UP),
    "approval": (APPROVE, REJECT),
    "failure": (RETRY, GIVE_UP),
    "model": (RETRY, EDIT, TEMPLATE, GIVE_UP),
    "outside": (DONE, GIVE_UP),
}


def _model_schema(options: Sequence[str]) -> dict[str, JSON]:
    return {"anyOf": [{"enum": [*options]}, {"type": "string", "pattern": f"^{RETRY}(?: {_RAISE})+$"}]}


_APPROVAL: dict[str, JSON] = {"anyOf": [{"enum": [APPROVE, REJECT]}, {"type": "string", "pattern": f"^{REJECT}: "}]}
SCHEMAS: dict[QuestionKind, dict[str, JSON]] = {
    "prd": {"type": "string", "minLength": 1},
    "handoff": {"enum": [DONE, GIVE_UP]},
    "approval": _APPROVAL,
    "draft": _APPROVAL,
    "failure": {"enum": [RETRY, GIVE_UP]},
    "model": _model_schema((RETRY, EDIT, TEMPLATE, GIVE_UP)),
    "outside": {"enum": [DONE, GIVE_UP]},
}


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
    options = tuple(each for each in _OPTIONS[kind] if each not in without)
    question = Question(
        id=f"{run.id}-{node}-{len(earlier) + 1}",
        run_id=run.id,
        node=node,
        kind=kind,
        text=redact(text),
        answer_schema=_model_schema(options) if kind == "model" else SCHEMAS[kind],
        options=options,
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
    if question.answer == GIVE_UP:
        return "given up"
    reason = objection(question)
    if question.kind == "approval" and reason is not None:
        return f"rejected: {reason}" if reason else "rejected"
    return "rejected" if question.kind == "draft" and reason == "" else None  # with a reason, another draft is made


def objection(question: Question) -> str | None:
    """Return the reason, maybe empty, why a person rejects what a question shows; None if they do not."""
    if not isinstance(question.answer, str) or not question.answer.startswith(REJECT):
        return None
    return question.answer.removeprefix(REJECT).removeprefix(":").strip()


def raised(question: Question) -> ModelChange | None:
    """Return what an answer lets models spend: `retry --max-money 10`, say. None if it says nothing of that."""
    if question.kind != "model" or not isinstance(question.answer, str):
        return None
    limits = dict(re.findall(r"--max-(\w+) (\S+)", question.answer))
    return ModelChange.model_validate(limits) if limits else None


def decided(run: RunContext, node: str) -> JSON:
    """Return the last answer to what to do about a model's work in a step; None if there is none that still counts."""
    pending = run.step(node).pending
    answers = [each.answer for each in run.state.questions.values() if each.kind == "model" and each.id in pending]
    return answers[-1] if answers else None


def is_approved(run: RunContext, node: str) -> bool:
    """Return whether a person approved of a node's work."""
    return any(
        each.node == node and each.kind == "approval" and each.answer == APPROVE
        for each in run.state.questions.values()
    )
