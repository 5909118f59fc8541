"""`baton show`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from json import dumps
from typing import Annotated

import typer

from orchestrator.cli.console import say, say_json, say_table
from orchestrator.cli.options import RunName
from orchestrator.cli.progress import Watcher
from orchestrator.cli.summary import say_result
from orchestrator.orchestrator import Orchestrator
from orchestrator.records.events import ModelSpent
from orchestrator.records.result import RunResult
from orchestrator.storage.questions import Question
from orchestrator.storage.runs import KILLED, RunDetails
from orchestrator.storage.steps import StepAttempt
from skills.model.budget import Spending

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def show(
    run: RunName,
    after: Annotated[int, typer.Option(min=-1, help="Leave out the events up to this number; the first is 0.")] = -1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines: events, the run, the result.")] = False,  # noqa: FBT002
) -> None:
    """Show one run: what happened, what it made, what it asks. A run at work is followed until it is over."""
    asyncio.run(_show(run, after, json=json))


async def _show(name: str, after: int, *, json: bool) -> None:
    async with Orchestrator() as engine:
        run_id = await engine.find(name)
        live = await engine.is_live(run_id)
        await Watcher(json=json, lines=not live, after=after).watch(lambda number: engine.events(run_id, after=number))
        run = await engine.run(run_id)
        status = await engine.status_of(run)
        attempts, questions = await engine.attempts(run_id), await engine.questions(run_id)
        spent = await _spent(engine, run_id) if run.result is None else Spending()
    if json:
        say_json(dumps(_as_json(run, status, attempts, questions)))
    else:
        _show_run(run, status, attempts, questions)
    if run.result is not None:
        say_result(RunResult.model_validate(run.result), json=json)
    elif json:
        say_json(dumps({"type": status, "run": run_id}))
    elif status == KILLED:
        if spent.calls:
            say(f"models have spent {spent}")
        say(f"run {run_id} was killed; go on with: baton resume {run_id}")


async def _spent(engine: Orchestrator, run_id: str) -> Spending:
    """Return what models spent in a run that has no result yet."""
    told = [event.spent async for event in engine.events(run_id) if isinstance(event, ModelSpent)]
    return sum(told, Spending())


def _as_json(run: RunDetails, status: str, attempts: list[StepAttempt], questions: list[Question]) -> dict[str, object]:
    return {
        "type": "run",
        **run.model_dump(mode="json", exclude={"result", "fingerprint"}),
        "status": status,
        "attempts": [each.model_dump(mode="json", exclude={"receipt"}) for each in attempts],
        "questions": [each.model_dump(mode="json") for each in questions],
    }


def _show_run(run: RunDetails, status: str, attempts: list[StepAttempt], questions: list[Question]) -> None:
    said = [f"run {run.id}: {status}, started {run.started_at.astimezone():%Y-%m-%d %H:%M:%S}"]
    if run.resumes:
        said.append(f"taken up again {run.resumes} time{'s' if run.resumes > 1 else ''}")
    if run.forked_from:
        said.append(f"forked from {run.forked_from}")
    if run.owner:
        said.append(f"{'was' if status == KILLED else 'is'} worked on by engine {run.owner}")
    say("; ".join(said))
    if attempts:
        _show_attempts(attempts)
    for question in questions:
        if not question.is_open:
            by = "a person" if question.answered_by == "person" else "its deadline"
            say(f"question {question.id} ({question.kind}): answered by {by}: {_short(question)}")


def _show_attempts(attempts: list[StepAttempt]) -> None:
    by_step: dict[str, list[StepAttempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: (each.started_at is None, each.started_at)):
        by_step[attempt.step].append(attempt)
    say_table(
        ("Step", "Attempts", "Came to"),
        ((step, str(len(each)), ", ".join(one.status for one in each)) for step, each in by_step.items()),
        right=("Attempts",),
    )


def _short(question: Question) -> str:
    text = question.answer if isinstance(question.answer, str) else dumps(question.answer)
    first, _, rest = text.partition("\n")
    return f"{first} …" if rest else first
