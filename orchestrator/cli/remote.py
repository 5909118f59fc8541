"""`baton remote`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handoff.files import read_regular
from orchestrator.cli.answers import value_of
from orchestrator.cli.console import say, say_error, say_json
from orchestrator.cli.options import (
    AnswerWithin,
    ApproveOption,
    CheckTimeout,
    FromAgent,
    Json,
    OnFailure,
    StepTimeout,
    Verbose,
    names_of,
    policy_of,
)
from orchestrator.cli.progress import Watcher
from orchestrator.cli.prompt import ask_person
from orchestrator.cli.session import View, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.cli.summary import exit_code, result_line, show_outcome
from orchestrator.planning.choices import built_in
from orchestrator.runtime.answers import open_question
from orchestrator.vertex.deployment.cloud import Cloud
from orchestrator.vertex.deployment.names import engine_name, place_of
from orchestrator.vertex.download import unpack
from orchestrator.vertex.remote import RemoteEngine
from schemas.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from orchestrator.planning.policy import Policy
    from orchestrator.records.result import RunResult

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

_BETWEEN_QUESTIONS = 0.5  # seconds, for the engine to take the run up


class PrdUnreadable(InputError):
    """The PRD is not there, or not text."""

    code = "prd_unreadable"


@app.callback()
def remote() -> None:
    """Run on a deployed engine, with the same progress and questions as here."""


EngineName = Annotated[
    str,
    typer.Option("--engine", metavar="NAME", envvar="BATON_ENGINE", help="The engine's full name, or its id."),
]
Project = Annotated[
    str | None, typer.Option("--project", envvar="GOOGLE_CLOUD_PROJECT", help="If the engine is named by its id.")
]
Location = Annotated[
    str | None, typer.Option("--location", envvar="GOOGLE_CLOUD_LOCATION", help="If the engine is named by its id.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", show_default=False)]
Into = Annotated[Path, typer.Option("--workspace", help="Folder that the app is written to in the end.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite files there that differ.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where what a run makes goes, and how it is shown."""

    view: View
    workspace: Path
    overwrite: bool
    after: int = -1


@asynccontextmanager
async def _engine(name: str, project: str | None, location: str | None) -> AsyncIterator[RemoteEngine]:
    place = place_of(project, location, name)
    async with Cloud(place.project, place.location) as cloud:
        yield RemoteEngine(cloud, engine_name(place, name))


@app.command()
def run(
    prd: Annotated[Path, typer.Argument(help="The feature PRD.")],
    engine: EngineName,
    project: Project = None,
    location: Location = None,
    workspace: Into = Path(),
    overwrite: Overwrite = False,  # noqa: FBT002 - typer's way to say a flag
    agents: Annotated[str, typer.Option(help="Only these agents, names separated by commas.")] = "",
    approve: ApproveOption = None,
    on_failure: OnFailure = None,
    answer_within: AnswerWithin = None,
    check_timeout: CheckTimeout = None,
    step_timeout: StepTimeout = None,
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Build the app that a PRD describes on a deployed engine, and bring it here.

    Ctrl-C leaves the run going on there, and says how to get back to it.
    """
    view = view_of(json=json, verbose=verbose)
    policy = policy_of(
        approve=approve,
        on_failure=on_failure,
        answer_within=answer_within,
        check_timeout=check_timeout,
        step_timeout=step_timeout,
        attended=view.asks,
    )
    target = Target(view=view, workspace=workspace, overwrite=overwrite)
    raise typer.Exit(carry_out(_run(prd, _engine(engine, project, location), names_of(agents), policy, target)))


async def _run(
    prd: Path, opening: AbstractAsyncContextManager[RemoteEngine], agents: list[str], policy: Policy, target: Target
) -> int:
    text = _text(prd)
    async with opening as engine:
        run_id = await engine.start(text, agents, policy)
        if not target.view.json:
            say(f"run {run_id} on {engine.name}")
        return await _attend(engine, run_id, target)


def _text(prd: Path) -> str:
    try:
        return read_regular(prd).decode()
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PrdUnreadable(f"the PRD `{prd}` cannot be read: {said}. `baton init DIR` writes one.") from error


@app.command()
def follow(
    run: Run,
    engine: EngineName,
    project: Project = None,
    location: Location = None,
    workspace: Into = Path(),
    overwrite: Overwrite = False,  # noqa: FBT002
    after: Annotated[int, typer.Option(min=-1, help="Leave out the events up to this number; the first is 0.")] = -1,
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Get back to a run: show it, ask what it asks, and bring what it made here."""
    target = Target(view=view_of(json=json, verbose=verbose), workspace=workspace, overwrite=overwrite, after=after)
    raise typer.Exit(carry_out(_follow(run, _engine(engine, project, location), target)))


async def _follow(run_id: str, opening: AbstractAsyncContextManager[RemoteEngine], target: Target) -> int:
    async with opening as engine:
        return await _attend(engine, run_id, target)


@app.command()
def answer(
    run: Run,
    value: Annotated[str, typer.Argument(help="The answer, as text or JSON.")],
    engine: EngineName,
    question: Annotated[str | None, typer.Option(help="The question's id; not needed if one is open.")] = None,
    project: Project = None,
    location: Location = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Answer a run's question; the run then goes on by itself."""
    raise typer.Exit(carry_out(_answer(run, value, question, _engine(engine, project, location), json=json)))


async def _answer(
    run_id: str,
    value: str,
    question_id: str | None,
    opening: AbstractAsyncContextManager[RemoteEngine],
    *,
    json: bool,
) -> int:
    async with opening as engine:
        question = open_question(run_id, await engine.questions(run_id), question_id)
        await engine.answer(run_id, question.id, value_of(question, value, built_in()))
        if json:
            say_json(dumps({"type": "answer", "run": run_id, "question": question.id}))
        else:
            say(f"answered; the run goes on. Follow it with: {_follows(engine, run_id)}")
    return 0


@app.command()
def retry(
    run: Run,
    engine: EngineName,
    from_agent: FromAgent = None,
    project: Project = None,
    location: Location = None,
    workspace: Into = Path(),
    overwrite: Overwrite = False,  # noqa: FBT002
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Do steps of a run again: those that are not done, or an agent's and all that come after it."""
    view = view_of(json=json, verbose=verbose)
    target = Target(view=view, workspace=workspace, overwrite=overwrite)
    raise typer.Exit(carry_out(_retry(run, from_agent, _engine(engine, project, location), target)))


async def _retry(
    run_id: str, from_agent: str | None, opening: AbstractAsyncContextManager[RemoteEngine], target: Target
) -> int:
    async with opening as engine:
        last = int((await engine.status(run_id))["last_event"])
        await engine.retry(run_id, from_agent)
        return await _attend(engine, run_id, replace(target, after=last))


@app.command()
def cancel(
    run: Run,
    engine: EngineName,
    project: Project = None,
    location: Location = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Give a run up. What it published stays on the engine."""
    raise typer.Exit(carry_out(_cancel(run, _engine(engine, project, location), json=json)))


async def _cancel(run_id: str, opening: AbstractAsyncContextManager[RemoteEngine], *, json: bool) -> int:
    async with opening as engine:
        await engine.cancel(run_id)
    if json:
        say_json(dumps({"type": "cancelled", "run": run_id}))
    else:
        say(f"cancelled {run_id}")
    return 0


async def _attend(engine: RemoteEngine, run_id: str, target: Target) -> int:
    """Show a run until it is over or waits for somebody who is not here, and bring what it made; return the exit code.

    A signal leaves the run as it is.
    """
    try:
        result = await _watched(engine, run_id, target)
        written = await _bring(engine, result, target)
    except asyncio.CancelledError:
        say_error(f"the run goes on at the engine. Get back to it with: {_follows(engine, run_id)}")
        raise
    here = result.model_copy(update={"workspace": str(target.workspace.resolve())})
    if target.view.json:
        say_json(result_line(here))
    else:
        show_outcome(here)
        _show_next(engine, result, written)
    return exit_code(result.status)


async def _watched(engine: RemoteEngine, run_id: str, target: Target) -> RunResult:
    watcher = Watcher(json=target.view.json, lines=target.after >= 0, after=target.after)
    while True:
        await watcher.watch(lambda number: engine.events(run_id, after=number))
        result = await engine.result(run_id)
        if result is None:
            continue
        if result.status != "waiting" or not target.view.asks or not await ask_person(engine, run_id):
            return result
        await asyncio.sleep(_BETWEEN_QUESTIONS)


async def _bring(engine: RemoteEngine, result: RunResult, target: Target) -> list[str]:
    """Write what a run published into the workspace, once the run is over; return the paths that changed."""
    if result.status == "waiting" or not result.files:
        return []
    packed = await engine.download(result.run)
    return await asyncio.to_thread(unpack, packed, target.workspace, overwrite=target.overwrite)


def _show_next(engine: RemoteEngine, result: RunResult, written: list[str]) -> None:
    if written:
        say(f"{len(written)} files were written")
    for question in result.questions:
        say(f"\n{question.node} asks:\n\n{question.text}\n")
        for option in question.options:
            say(f"  {_command('answer', result.run, shlex.quote(option), engine, question.id)}")
    if result.questions:
        say(f"\nAnswer, then get back with: {_follows(engine, result.run)}")
    if result.status == "failed":
        say(f"try again with: {_command('retry', result.run, '', engine)}")


def _follows(engine: RemoteEngine, run_id: str) -> str:
    return _command("follow", run_id, "", engine)


def _command(verb: str, run_id: str, value: str, engine: RemoteEngine, question: str = "") -> str:
    words = [
        "baton remote",
        verb,
        run_id,
        value,
        f"--question {question}" if question else "",
        f"--engine {engine.name}",
    ]
    return " ".join(word for word in words if word)
