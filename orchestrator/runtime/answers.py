"""Answer a run's questions: which one is meant, and what becomes of the answer.

Not here: storing an answer (`orchestrator.storage.questions`), what it means (`orchestrator.steps.questions`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from orchestrator.records.answers import Answer, QuestionKind
from orchestrator.steps import question_files
from orchestrator.storage.questions import AnswerRefused, Question
from orchestrator.storage.repositories import Ledger
from schemas.base import JSON
from schemas.errors import InputError


class NothingToResume(InputError):
    """The run waits for an answer."""

    code = "nothing_to_resume"


FOR_APPROVAL: tuple[QuestionKind, ...] = ("approval", "draft")


async def give_answer(ledger: Ledger, run_id: str, question_id: str, value: JSON | Answer) -> Question:
    """Answer a question of a run, whoever does so and by whatever way; return it.

    What is past its deadline has its default first. The first valid answer counts.

    Args:
        ledger: What remembers the run.
        run_id: The run, at work or not.
        question_id: The question.
        value: An answer, its words, or its JSON.

    Raises:
        RunUnknown: There is no such run.
        RunRefused: The run has ended.
        AnswerRefused: There is no such question, it has its answer, or `value` is not one.
    """
    run = await ledger.runs.get(run_id)
    await ledger.questions.settle(run_id)
    question = await ledger.questions.answer(run_id, question_id, value)
    await question_files.show(ledger.questions, Path(run.workspace))
    return question


def open_question(
    run_id: str, questions: Sequence[Question], question_id: str | None, kinds: Collection[QuestionKind] = ()
) -> Question:
    """Return the question that is meant: the named one, or the only open one; only of these kinds, if there are any.

    Raises:
        AnswerRefused: There is no such question, or there are several; the error lists the open ones.
    """
    if question_id is not None:
        found = [each for each in questions if each.id == question_id]
    else:
        found = [each for each in questions if each.is_open and (not kinds or each.kind in kinds)]
    if len(found) == 1 and (not kinds or found[0].kind in kinds):
        return found[0]
    raise AnswerRefused(_not_one(run_id, questions, question_id, found, kinds))


def _not_one(
    run_id: str,
    questions: Sequence[Question],
    question_id: str | None,
    found: Sequence[Question],
    kinds: Collection[QuestionKind],
) -> str:
    wanted = next(iter(kinds), "answer")
    listed = "".join(f"\n  {each.id}" for each in questions if each.is_open)
    now = f" It has these open questions:{listed}" if listed else " It has no open question."
    if question_id is not None and found:
        return f"question `{question_id}` of run `{run_id}` asks for no {wanted}; answer it with `baton answer`."
    if question_id is not None:
        return f"run `{run_id}` has no question `{question_id}`.{now}"
    if found:
        return f"run `{run_id}` asks {len(found)} questions; say which one you answer:{listed}"
    return f"run `{run_id}` asks for no {wanted}.{now}"
