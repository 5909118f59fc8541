"""`baton reject`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.answer_flow import decide
from orchestrator.cli.options import Json, QuestionName, Resume, RunName, Verbose
from orchestrator.cli.session import view_of
from orchestrator.cli.signals import carry_out
from orchestrator.records.answers import Reject
from orchestrator.runtime.answers import FOR_APPROVAL, open_question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.records.answers import Answer
    from orchestrator.storage.questions import Question

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def reject(
    run: RunName,
    question: QuestionName = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the run.")] = "",
    resume: Resume = False,  # noqa: FBT002 - typer's way to say a flag
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Reject the plan, an agent's skills, or a drafted PRD, that a run asks about.

    `baton resume RUN` then ends it; of a draft that was rejected with a reason, it has another one made.
    """

    def choose(run_id: str, questions: Sequence[Question]) -> tuple[Question, Answer]:
        return open_question(run_id, questions, question, FOR_APPROVAL), Reject(reason=reason)

    raise typer.Exit(carry_out(decide(run, choose, resume=resume, view=view_of(json=json, verbose=verbose))))
