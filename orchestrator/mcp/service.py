"""What each tool does: a call of the engine's API, kept to the folders that the server may use.

Runs go on in this process while calls come and go. When the server ends, they are stopped and can be resumed.

Not here: the protocol (`orchestrator.mcp.server`), what tools are called and take (`orchestrator.mcp.tools`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from handoff.store import HandoffStore, as_data
from orchestrator.mcp import inputs, outputs
from orchestrator.mcp.roots import Roots
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.compatibility import refuse_unfit
from orchestrator.planning.plan import make_plan
from orchestrator.planning.policy import Policy
from orchestrator.records.answers import GIVE_UP, Answer, Approve, Reject, words_of
from orchestrator.records.events import QuestionAsked
from orchestrator.records.result import RunResult
from orchestrator.runtime.answers import FOR_APPROVAL, open_question
from orchestrator.steps.intake.intake import read_prd, understand
from orchestrator.steps.workspace import Workspace
from orchestrator.storage.runs import KILLED, LATEST, RunDetails, RunRecord, RunUnknown
from schemas.base import JSON
from schemas.errors import BatonError, InputError

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.planning.model_policy import ModelUse
    from orchestrator.runtime.run import Run
    from orchestrator.storage.questions import Question

MOST_EVENTS = 100  # in one answer
_LISTED = 20
_LOOKED_AT = 1000  # newest runs, of all workspaces
_PAUSES_IN = 30.0  # seconds
_STAYS = frozenset({"nothing_to_resume", "outside_unfinished", "run_busy"})  # it cannot go on yet, or does already


class RunUnfinished(InputError):
    """The run has no result yet."""

    code = "run_unfinished"


class ToolService:
    """The tools, one method each."""

    def __init__(self, engine: Orchestrator, roots: Roots, model: ModelUse | None = None) -> None:
        """Serve the folders `roots`; runs that are started get `model`."""
        self._engine = engine
        self._roots = roots
        self._model = model
        self._working: set[asyncio.Task[None]] = set()
        self._lost: dict[str, str] = {}  # why this process had to leave a run, by id

    # ---- begin

    async def plan(self, asked: inputs.PlanInput) -> outputs.Planned:
        """Return what a PRD needs. Raises as `Orchestrator.start` does."""
        feature = understand(
            read_prd(self._roots.path(asked.prd)), catalogue_of(self._engine.registry, self._engine.pipeline.toolchains)
        )
        refuse_unfit(self._engine.pipeline, self._engine.registry)
        made = make_plan(feature, self._engine.pipeline, self._engine.registry).event()
        return outputs.Planned(title=feature.title, agents=made.agents, gaps=made.gaps)

    async def start(self, asked: inputs.StartInput) -> outputs.Status:
        """Begin a run. Raises as `Orchestrator.start` does."""
        run = await self._engine.start(
            self._roots.path(asked.prd),
            agents=asked.agents or None,
            policy=Policy(approve=asked.approve, on_failure=asked.on_failure, model=self._model, outside=asked.outside),
            workspace=self._roots.path(asked.workspace or "."),
        )
        return await self._taken_up(run)

    async def resume(self, asked: inputs.RunInput) -> outputs.Status:
        """Go on with a run. Raises as `Orchestrator.resume` does."""
        return await self._taken_up(await self._engine.resume((await self._run(asked.run)).id))

    async def retry(self, asked: inputs.RetryInput) -> outputs.Status:
        """Do steps again. Raises as `Orchestrator.retry` does."""
        run = await self._run(asked.run)
        return await self._taken_up(await self._engine.retry(run.id, from_agent=asked.from_agent))

    # ---- look

    async def runs(self, asked: inputs.NoInput) -> outputs.Listing:  # noqa: ARG002 - every tool takes what it is asked
        """Return the newest runs of the server's workspaces."""
        return outputs.Listing(runs=tuple([await self._line(each) for each in (await self._known())[:_LISTED]]))

    async def status(self, asked: inputs.StatusInput) -> outputs.Status:
        """Return where a run stands, once it pauses or the time to wait is over."""
        run = await self._run(asked.run)
        if asked.wait_seconds:
            await self._pause(run.id, asked.wait_seconds)
        return await self._status(run.id, asked.after)

    async def questions(self, asked: inputs.RunInput) -> outputs.QuestionList:
        """Return what a run asked."""
        run = await self._run(asked.run)
        return outputs.QuestionList(questions=tuple(await self._engine.questions(run.id)))

    async def result(self, asked: inputs.ResultInput) -> RunResult:
        """Return what a run came to.

        Raises:
            RunUnfinished: It is at work.
        """
        run = await self._run(asked.run)
        if run.result is None:
            state = await self._engine.status_of(run)
            raise RunUnfinished(f"run `{run.id}` has no result yet ({state}). {_next(state, asks=False)}")
        result = RunResult.model_validate(run.result)
        return result if asked.evidence else result.model_copy(update={"evidence": ()})

    async def handoffs(self, asked: inputs.RunInput) -> outputs.Handoffs:
        """Return the handoffs that a run published so far."""
        run = await self._run(asked.run)
        outcomes = {
            each.step: each.outcome
            for each in await self._engine.attempts(run.id)
            if each.outcome is not None and each.outcome.handoff is not None
        }
        published = [(name, outcomes[name]) for name in run.agents if name in outcomes]
        workspace = Workspace(Path(run.workspace))
        return outputs.Handoffs(
            workspace=run.workspace,
            handoffs=tuple(
                outputs.HandoffLine(
                    agent=name,
                    contract=Path(str(outcome.handoff)).stem,
                    path=str(outcome.handoff),
                    sha256=str(outcome.handoff_sha256),
                    changed=workspace.sha256(str(outcome.handoff)) != outcome.handoff_sha256,
                )
                for name, outcome in published
            ),
        )

    async def read_handoff(self, asked: inputs.HandoffInput) -> outputs.HandoffText:
        """Return a handoff of a run's workspace. Raises as `HandoffStore.read` does."""
        run = await self._run(asked.run)
        store = HandoffStore(Path(run.workspace))
        found = store.read(asked.contract)
        markdown = asked.form == "markdown"
        data: JSON = None if markdown else as_data(found.data)
        return outputs.HandoffText(
            contract=asked.contract,
            path=store.name(asked.contract),
            sha256=found.sha256,
            edited=found.edited,
            form=asked.form,
            text=found.raw.decode() if markdown else None,
            data=data,
        )

    # ---- decide

    async def answer(self, asked: inputs.AnswerInput) -> outputs.Status:
        """Answer a question and go on. Raises as `Orchestrator.answer` does."""
        run = await self._run(asked.run)
        question = open_question(run.id, await self._engine.questions(run.id), asked.question)
        return await self._answered(run, question, asked.value)

    async def approve(self, asked: inputs.ApprovalInput) -> outputs.Status:
        """Approve and go on. Raises as `Orchestrator.answer` does."""
        return await self._decided(asked.run, asked.question, Approve())

    async def reject(self, asked: inputs.RejectionInput) -> outputs.Status:
        """Reject and go on. Raises as `Orchestrator.answer` does."""
        return await self._decided(asked.run, asked.question, Reject(reason=asked.reason))

    async def stop(self, asked: inputs.RunInput) -> outputs.Status:
        """Have a run stopped, and wait until it is. Raises as `Orchestrator.stop` does."""
        run = await self._run(asked.run)
        await self._engine.stop(run.id)
        await self._pause(run.id, _PAUSES_IN)
        return await self._status(run.id)

    async def cancel(self, asked: inputs.RunInput) -> outputs.Status:
        """Give a run up, and wait until it is. Raises as `Orchestrator.cancel` does."""
        run = await self._run(asked.run)
        await self._engine.cancel(run.id)
        await self._pause(run.id, _PAUSES_IN)
        return await self._status(run.id)

    # ---- how

    async def _known(self) -> list[RunRecord]:
        known = await self._engine.runs(limit=_LOOKED_AT)
        return [each for each in known if self._roots.holds(Path(each.workspace))]

    async def _line(self, run: RunRecord) -> outputs.Listed:
        return outputs.Listed(
            run=run.id,
            title=run.title,
            workspace=run.workspace,
            status=await self._engine.status_of(run),
            started_at=run.started_at.isoformat(timespec="seconds"),
        )

    async def _run(self, name: str) -> RunDetails:
        """Return the run that is meant.

        Raises:
            RunUnknown: There is none, or it works outside of the server's folders.
        """
        if name == LATEST:
            known = await self._known()
            if not known:
                raise RunUnknown(f"there is no run in {self._roots} yet. `start` begins one.")
            name = known[0].id
        run = await self._engine.run(await self._engine.find(name))
        if not self._roots.holds(Path(run.workspace)):
            raise RunUnknown(f"run `{run.id}` works outside of what this server may use: {self._roots}.")
        return run

    async def _taken_up(self, run: Run) -> outputs.Status:
        task = asyncio.create_task(self._end(run), name=f"end of {run.id}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await self._status(run.id)

    async def _end(self, run: Run) -> None:
        """Wait for a run's end; what kept it from saying so itself is told with its status."""
        self._lost.pop(run.id, None)
        try:
            await run.result()
        except BatonError as error:
            self._lost[run.id] = str(error)

    async def _pause(self, run_id: str, seconds: float) -> None:
        """Wait until a run is over, pauses or asks something, so many seconds at most."""
        last = await self._engine.last_event(run_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for event in self._engine.events(run_id, after=last):
                    if isinstance(event, QuestionAsked):
                        return

    async def _status(self, run_id: str, after: int = -1) -> outputs.Status:
        last = await self._engine.last_event(run_id)
        events = await self._events(run_id, after, min(last - after, MOST_EVENTS))
        run = await self._engine.run(run_id)
        state = await self._engine.status_of(run)
        asked = tuple(each for each in await self._engine.questions(run_id) if each.is_open)
        problems = (self._lost[run_id],) if state == KILLED and run_id in self._lost else ()
        return outputs.Status(
            run=run_id,
            title=run.title,
            workspace=run.workspace,
            status=state,
            questions=asked,
            events=events,
            more=after + len(events) < last,
            next=_next(state, asks=bool(asked)),
            problems=problems,
        )

    async def _events(self, run_id: str, after: int, count: int) -> tuple[outputs.Progress, ...]:
        events: list[outputs.Progress] = []
        if count > 0:
            async for event in self._engine.events(run_id, after=after):
                events.append(outputs.Progress(number=after + 1 + len(events), event=event.model_dump(mode="json")))
                if len(events) == count:
                    break
        return tuple(events)

    async def _decided(self, name: str, question_id: str | None, value: Answer) -> outputs.Status:
        run = await self._run(name)
        question = open_question(run.id, await self._engine.questions(run.id), question_id, FOR_APPROVAL)
        return await self._answered(run, question, value)

    async def _answered(self, run: RunDetails, question: Question, value: JSON | Answer) -> outputs.Status:
        await self._engine.answer(run.id, question.id, self._value(question, value))
        try:
            going_on = await self._engine.resume(run.id)
        except InputError as error:
            if error.code not in _STAYS:
                raise
            return await self._status(run.id)
        return await self._taken_up(going_on)

    def _value(self, question: Question, given: JSON | Answer) -> JSON:
        """Return the words of an answer; a PRD is named by its full path, and looked at first."""
        value = words_of(question.kind, given)
        if question.kind != "prd" or not isinstance(value, str) or value == GIVE_UP or "\n" in value:
            return value
        path = self._roots.path(value)
        understand(read_prd(path), catalogue_of(self._engine.registry, self._engine.pipeline.toolchains))
        return str(path)


def _next(state: str, *, asks: bool) -> str:
    """Return what a client does now."""
    if asks:
        return "Show the questions to your user, and bring back their answers with `answer`, `approve` or `reject`."
    return {
        "running": "Call `status` with `wait_seconds`.",
        "waiting": "Every question has its answer: call `resume`.",
        "stopped": "Call `resume` to go on.",
        KILLED: "Call `resume` to go on.",
        "failed": "Read `result`; when what was wrong is put right, call `retry`.",
    }.get(state, "Read `result` and `handoffs`.")
