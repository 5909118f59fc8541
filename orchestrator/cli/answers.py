"""What a person types, as the answer that a question takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handoff.json_text import loads
from orchestrator.records.answers import GIVE_UP
from orchestrator.steps.intake.intake import read_prd, understand
from orchestrator.storage.questions import AnswerRefused, Question
from schemas.base import JSON

if TYPE_CHECKING:
    from handoff.catalogue import Catalogue


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
    if question.kind == "prd" or text in question.options:
        return text
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text
