"""What a person types, as the answer that a question takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handoff.json_text import loads
from orchestrator.steps.intake.intake import read_prd, understand
from orchestrator.steps.questions import GIVE_UP
from orchestrator.storage.questions import AnswerRefused, Question
from schemas.base import JSON

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from handoff.catalogue import Catalogue
    from orchestrator.storage.questions import QuestionKind


def value_of(question: Question, text: str, catalogue: Catalogue) -> JSON:
    """Return the answer that `text` says: as it is where a text is asked for, else as JSON if it is JSON.

    A PRD is held against `catalogue` before it becomes the answer, and named by its full path: whoever resumes the run
    may be in another folder.

    Raises:
        InputError: `text` is not UTF-8, or names a PRD that cannot be used. The question is still open.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AnswerRefused(f"this is not an answer to question `{question.id}`: it is not valid UTF-8.") from error
    if question.kind == "prd" and question.is_open and text != GIVE_UP and "\n" not in text:
        path = Path(text).expanduser().absolute()
        understand(read_prd(path), catalogue)
        return str(path)
    if question.answer_schema.get("type") == "string" or text in question.options:
        return text
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text


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
