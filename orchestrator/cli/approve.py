"""`baton approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from orchestrator.cli.answer_flow import decide
from orchestrator.cli.options import Json, QuestionName, Resume, RunName, Verbose
from orchestrator.cli.session import view_of
from orchestrator.cli.signals import carry_out
from orchestrator.records.answers import Approve
from orchestrator.runtime.answers import FOR_APPROVAL, open_question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.records.answers import Answer
    from orchestrator.storage.questions import Question

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def approve(
    run: RunName,
    question: QuestionName = None,
    resume: Resume = False,  # noqa: FBT002 - typer's way to say a flag
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Approve of the plan, an agent's skills, or a drafted PRD, that a run asks about.

    `baton resume RUN` then goes on.
    """

    def choose(run_id: str, questions: Sequence[Question]) -> tuple[Question, Answer]:
        return open_question(run_id, questions, question, FOR_APPROVAL), Approve()

    raise typer.Exit(carry_out(decide(run, choose, resume=resume, view=view_of(json=json, verbose=verbose))))
