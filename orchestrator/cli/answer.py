"""`baton answer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.answer_flow import decide
from orchestrator.cli.answers import value_of
from orchestrator.cli.completion import question_ids
from orchestrator.cli.options import Json, Resume, RunName, Verbose
from orchestrator.cli.project import catalogue_at
from orchestrator.cli.session import view_of
from orchestrator.cli.signals import carry_out
from orchestrator.runtime.answers import open_question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.records.answers import Answer
    from orchestrator.storage.questions import Question
    from schemas.base import JSON

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_MOST = 2  # words: the question and the answer


@app.command()
def answer(
    run: RunName,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[QUESTION] VALUE",
            help="The question's id, not needed if one is open; and the answer, as text or JSON.",
            autocompletion=question_ids,
        ),
    ],
    resume: Resume = False,  # noqa: FBT002 - typer's way to say a flag
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Answer a run's question. The first valid answer counts; `baton resume RUN` then goes on."""
    if len(words) > _MOST:
        raise typer.BadParameter("an answer of several words needs quotes around it.", param_hint="VALUE")
    question_id = words[0] if len(words) == _MOST else None

    def choose(run_id: str, questions: Sequence[Question]) -> tuple[Question, JSON | Answer]:
        question = open_question(run_id, questions, question_id)
        return question, value_of(question, words[-1], catalogue_at())

    raise typer.Exit(carry_out(decide(run, choose, resume=resume, view=view_of(json=json, verbose=verbose))))
