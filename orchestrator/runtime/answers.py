"""Answer a run's questions: which one is meant, and what becomes of the answer.

Not here: storing an answer (`orchestrator.storage.questions`), what it means (`orchestrator.steps.questions`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.storage.questions import AnswerRefused, Question, QuestionKind

FOR_APPROVAL: tuple[QuestionKind, ...] = ("approval", "draft")


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
