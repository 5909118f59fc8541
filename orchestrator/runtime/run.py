"""A run at work: has its graph driven, and says what came of it.

LangGraph is imported while the run already works: its import takes longer than most tools.

Not here: what must hold before a run may begin or go on (`orchestrator.runtime.resume`).
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Literal

from orchestrator.planning.fingerprint import Resumption
from orchestrator.records.answers import Answer
from orchestrator.records.events import Event, RunFinished, RunStatus
from orchestrator.records.outcome import StepOutcome
from orchestrator.records.result import OpenQuestion, PublishedHandoff, RunResult
from orchestrator.runtime.answers import give_answer
from orchestrator.steps import question_files
from orchestrator.steps.context import RunContext
from orchestrator.steps.findings import open_findings
from orchestrator.steps.gaps import open_gaps
from orchestrator.steps.step import step
from orchestrator.storage import runs
from orchestrator.storage.database import DatabaseLost
from orchestrator.storage.event_log import follow
from orchestrator.storage.questions import Question
from orchestrator.storage.writer import OwnerLost
from orchestrator.telemetry.logs import bind
from schemas.base import JSON
from schemas.errors import BatonError
from skills.core.redaction import redact

if TYPE_CHECKING:
    from orchestrator.runtime.langgraph.driver import Begin, Driver

End = Literal["stopped", "cancelled", "abandoned"]
DriverOf = Callable[[RunContext], Awaitable["Driver"]]


class Run:
    """A run that this process works on. Get one from `Orchestrator.start`, `resume`, `retry` or `fork`.

    `resumption` says how it was taken up again; None if it is new.
    """

    def __init__(
        self,
        context: RunContext,
        driver_of: DriverOf,
        *,
        first: Callable[[], Awaitable[None]] | None = None,
        resumption: Resumption | None = None,
    ) -> None:
        """Describe a run.

        Args:
            context: What its steps share.
            driver_of: Returns its graph.
            first: What is done before the graph begins.
            resumption: How it was taken up again.
        """
        self.resumption = resumption
        self._first = first
        self._context = context
        self._driver_of = driver_of
        self._crash: Exception | None = None
        self._entered = asyncio.Event()  # a task that is cancelled before its first step would never let go of `held`
        self._finishing = False
        self._end: End = "stopped"
        self._task: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()

    def begin(self, held: AsyncExitStack, begin: Begin) -> None:
        """Begin to work; `held`, the workspace's lock, is let go when the work ends.

        Args:
            held: Left when the work ends.
            begin: The graph's input.
        """
        self._task = asyncio.create_task(self._work(held.pop_all(), begin), name=f"run {self.id}")

    @property
    def id(self) -> str:
        return self._context.id

    @property
    def is_working(self) -> bool:
        """Whether it is neither over nor paused."""
        return not self._task.done()

    async def events(self, *, after: int = -1) -> AsyncIterator[Event]:
        """Yield everything that happens until the run is over or pauses: from its first event on, or `after` a number.

        Events are numbered from 0; live and stored ones are the same.
        """
        run = self._context
        database = run.services.ledger.database
        async for _, event in follow(database, self.id, live=self._is_working, after=after, wait=run.events.grown):
            yield event

    async def _is_working(self) -> bool:
        return self.is_working  # known here; another process would have to ask the database

    async def result(self) -> RunResult:
        """Return what the run came to, once it is over or pauses. A failed run is a result, too.

        Raises:
            DatabaseLost: The database went away for longer than is waited for; the run can be resumed.
            OwnerLost: Another engine took the run over.
        """
        return await asyncio.shield(self._task)

    async def questions(self) -> list[Question]:
        """Return the run's questions in the order they were asked."""
        return await self._context.services.ledger.questions.of(self.id)

    async def answer(self, question_id: str, value: JSON | Answer) -> None:
        """Answer a question, as `Orchestrator.answer` does; `Orchestrator.resume` then goes on.

        Raises:
            RunRefused: The run has ended.
            AnswerRefused: There is no such question, it has its answer, or this is not one.
        """
        await give_answer(self._context.services.ledger, self.id, question_id, value)

    async def _show_questions(self) -> None:
        run = self._context
        await question_files.show(run.services.ledger.questions, run.workspace.root, run.state.questions)

    async def stop(self) -> RunResult:
        """End the tools, finish what is being published, and pause; `Orchestrator.resume` goes on later."""
        return await self._stop("stopped")

    async def cancel(self) -> RunResult:
        """Stop, and give the run up."""
        return await self._stop("cancelled")

    def abandon(self) -> None:
        """Stop at once and write nothing: the run is somebody else's."""
        self._end = "abandoned"
        if self._entered.is_set() and not self._finishing:
            self._task.cancel()

    async def _stop(self, end: End) -> RunResult:
        await self._entered.wait()
        if not self._finishing and not self._task.done():
            self._end = end
            self._task.cancel()
        return await self.result()

    async def _work(self, held: AsyncExitStack, begin: Begin) -> RunResult:
        async with held:
            bind(run=self.id)  # this task is the run's
            self._entered.set()
            try:
                status, problems, log = await self._drive(begin)
            finally:
                self._finishing = True
                await self._end_early()
            if self._end == "abandoned":
                raise OwnerLost(f"run `{self.id}` was taken over by another engine.")
            return await self._leave(status, problems, log)

    async def _end_early(self) -> None:
        """End what was begun before the graph asked for it."""
        working = [step.early for step in self._context.state.steps.values() if step.early is not None]
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def _leave(self, status: RunStatus, problems: tuple[str, ...], log: str | None) -> RunResult:
        run = self._context
        seconds = round(time.monotonic() - run.state.began, 3)
        finished = RunFinished(status=status, seconds=seconds, problems=problems)
        run.events.tell_time(finished)
        result = self._result(status, problems, log)
        if status in runs.OPEN:
            await self._show_questions()
        else:
            question_files.hide(run.workspace.root, run.id)
        await run.events.commit(runs.leave(run.id, status, result.model_dump(mode="json")), event=finished)
        return result

    async def _drive(self, begin: Begin) -> tuple[RunStatus, tuple[str, ...], str | None]:
        """Run the graph as far as it goes; return the status, what went wrong, and the log that tells more."""
        run = self._context
        try:
            await self._show_questions()
            if self._first is not None:
                await self._first()
            driver = await self._driver_of(run)
            outcomes = await driver.drive(begin, self._step)
        except asyncio.CancelledError:
            return ("cancelled" if self._end == "cancelled" else "stopped"), (), None
        except Exception as error:  # noqa: BLE001 - here a run becomes a recorded failure
            cause = self._crash or error
            if isinstance(cause, DatabaseLost | OwnerLost):  # nothing can be recorded
                raise cause from None
            return "failed", *self._crashed(cause)
        return self._came_to(outcomes)

    def _came_to(self, outcomes: Mapping[str, StepOutcome] | None) -> tuple[RunStatus, tuple[str, ...], str | None]:
        if outcomes is None:
            return "waiting", (), None
        ended = {node: each for node, each in outcomes.items() if each.status in {"failed", "rejected"}}
        for node, outcome in ended.items():
            status: RunStatus = "failed" if any(each.status == "failed" for each in ended.values()) else "cancelled"
            return status, tuple(f"{node}: {problem}" for problem in outcome.problems), outcome.log
        blocked = any(each.is_blocking for each in open_findings(self._context))
        return ("completed with gaps" if blocked or open_gaps(self._context) else "completed"), (), None

    async def _step(self, node: str) -> StepOutcome:
        try:
            return await step(self._context, node)
        except Exception as error:
            self._crash = error  # kept here: the graph must not store its text
            raise

    def _crashed(self, error: Exception) -> tuple[tuple[str, ...], str | None]:
        """Return what to say of an exception, and where its traceback is if it is a fault of Baton's."""
        if isinstance(error, BatonError):
            return (str(error),), None
        self._context.events.observe.crashed(error)
        log = self._context.folder / "logs" / "crash.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(redact("".join(traceback.format_exception(error))), encoding="utf-8")
        return (f"a fault in Baton, not in your input: {type(error).__name__}: {error}",), str(log)

    def _result(self, status: RunStatus, problems: tuple[str, ...], log: str | None) -> RunResult:
        run = self._context
        receipts = run.state.receipts()
        order = {name: receipts[name] for name in run.pipeline.names if name in receipts}
        asked = run.state.asked()
        return RunResult(
            run=run.id,
            status=status,
            title=run.title,
            workspace=str(run.workspace.root),
            handoffs=tuple(
                PublishedHandoff(
                    agent=run.agent_name(name),
                    step=name,
                    path=run.handoffs.name(receipt.handoff),
                    sha256=receipt.handoff_sha256,
                )
                for name, receipt in order.items()
                if receipt.handoff and receipt.handoff_sha256
            ),
            files={path: sha256 for receipt in order.values() for path, sha256 in receipt.files.items()},
            evidence=tuple(each for receipt in order.values() for each in receipt.evidence),
            gaps=open_gaps(run),
            findings=open_findings(run),
            timings=dict(run.events.seconds),
            questions=tuple(
                OpenQuestion(id=each.id, node=each.node, kind=each.kind, text=each.text, options=each.options)
                for each in run.state.questions.values()
                if each.is_open and status == "waiting" and each.id in asked
            ),
            work=run.services.meter.work(),
            problems=problems,
            log=log,
        )
