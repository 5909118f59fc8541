"""Answer a question of a run, and go on with it if that is wanted: what `answer`, `approve` and `reject` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json import dumps
from typing import TYPE_CHECKING

from orchestrator.cli.console import say, say_json
from orchestrator.cli.project import engine_of
from orchestrator.cli.resume import resume_run

if TYPE_CHECKING:
    from orchestrator.cli.session import View
    from orchestrator.records.answers import Answer
    from orchestrator.storage.questions import Question
    from schemas.base import JSON

Choose = Callable[[str, "Sequence[Question]"], "tuple[Question, JSON | Answer]"]


async def decide(name: str, choose: Choose, *, resume: bool, view: View) -> int:
    """Answer a question; return the exit code.

    Args:
        name: Of the run.
        choose: Returns the question that is meant, of those it is given, and the answer.
        resume: Go on at once.
        view: How the run is then shown.

    Raises:
        InputError: There is no such run or question, it has its answer, or this is not one. Nothing was changed.
    """
    async with engine_of() as engine:
        run_id = await engine.find(name)
        question, value = choose(run_id, await engine.questions(run_id))
        answered = await engine.answer(run_id, question.id, value)
        if resume:
            return await resume_run(engine, run_id, view)
        left = [each for each in await engine.questions(run_id) if each.is_open]
    if view.json:
        say_json(dumps({"type": "answer", **answered.model_dump(mode="json"), "open": [each.id for each in left]}))
    elif left:
        say(f"answered; still open: {', '.join(each.id for each in left)}")
    else:
        say(f"answered. Go on with: baton resume {run_id}")
    return 0
