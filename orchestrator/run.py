"""A run at work: has its graph driven, and says what came of it.

LangGraph is imported while the run already works: its import takes longer than most tools.

Not here: what must hold before a run may begin or go on (`orchestrator.orchestrator`).
"""

from __future__ import annotations

import asyncio
import importlib
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from orchestrator.context import RunContext
from orchestrator.events import Event, RunFinished, RunStatus, StepFinished, parse_event
from orchestrator.intake import NODE as INTAKE
from orchestrator.intake import intake
from orchestrator.outcome import StepOutcome
from orchestrator.result import OpenQuestion, PublishedHandoff, RunResult
from orchestrator.step import step
from orchestrator.storage.event_log import follow
from orchestrator.storage.ledger import Ledger
from schemas.errors import BatonError

if TYPE_CHECKING:
    from orchestrator.driving import Begin, Driver


class Run:
    """A run that this process works on. Get one from `Orchestrator.start` or `Orchestrator.resume`."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._crash: Exception | None = None
        self._entered = asyncio.Event()  # a task that is cancelled before its first step would never let go of `held`
        self._finishing = False
        self._task: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()

    def start(self, held: AsyncExitStack) -> None:
        """Begin to work; `held`, the run's lease, lock and event log, is let go when the work ends."""
        self._go(held, {"run": self.id})

    async def resume(self, held: AsyncExitStack) -> None:
        """Go on where the run stopped.

        Raises:
            NothingToResume: The run waits for an answer that it does not have, or has ended. `held` is still the
                caller's then.
        """
        begin = await (await self._driver()).begin()
        self._context.announce(resumed=True)
        await self._context.ledger.set_status(self.id, "running")
        self._go(held, begin)

    def _go(self, held: AsyncExitStack, begin: Begin) -> None:
        self._task = asyncio.create_task(self._work(held.pop_all(), begin), name=f"run {self.id}")

    @property
    def id(self) -> str:
        return self._context.run_id

    async def events(self) -> AsyncIterator[Event]:
        """Yield everything that happens, from the run's first event on, until it is over or waits for a person."""
        async for event in follow(self._context.ledger.pool, self.id, self._is_working):
            yield event

    async def _is_working(self) -> bool:
        return not self._task.done()  # known here; another process would have to ask the database

    async def result(self) -> RunResult:
        """Return what the run came to, once it is over or waits for a person. A failed run is a result, too."""
        return await asyncio.shield(self._task)

    async def answer(self, question_id: str, value: str) -> None:
        """Answer a question; `Orchestrator.resume` then goes on.

        Raises:
            AnswerRefused: There is no such question, or it has its answer.
        """
        await self._context.ledger.answer(self.id, question_id, value)

    async def cancel(self) -> RunResult:
        """Stop the work, whatever tool it is in, and return what it came to. `Orchestrator.resume` goes on later."""
        await self._entered.wait()
        if not self._finishing:
            self._task.cancel()
        return await self.result()

    async def stop(self) -> None:
        """Cancel the work if it is not over; return when it is."""
        if not self._task.done():
            await self.cancel()

    async def _work(self, held: AsyncExitStack, begin: Begin) -> RunResult:
        run = self._context
        async with held:
            self._entered.set()
            status, problems, log = await self._drive(begin)
            self._finishing = True
            for begun in run.ahead.values():  # stopped before the graph came to it
                begun.making.cancel()
            await asyncio.gather(*(begun.making for begun in run.ahead.values()), return_exceptions=True)
            seconds = round(time.monotonic() - run.began, 3)
            run.events.emit(RunFinished(status=status, seconds=seconds, problems=problems))
            await run.events.flush()
            result = await self._result(status, problems, log)
            await run.ledger.set_status(run.run_id, status, result.model_dump(mode="json"))
            return result

    async def _drive(self, begin: Begin) -> tuple[RunStatus, tuple[str, ...], str | None]:
        """Run the graph as far as it goes; return the status, what went wrong, and the log that tells more."""
        try:
            outcomes = await (await self._driver()).drive(begin)
        except asyncio.CancelledError:
            return "cancelled", (), None
        except Exception as error:  # noqa: BLE001 - here a run becomes a recorded failure
            return "failed", *self._crashed(self._crash or error)
        if outcomes is None:
            return "waiting", (), None
        for node, outcome in outcomes.items():
            if outcome.status == "failed":
                return "failed", tuple(f"{node}: {problem}" for problem in outcome.problems), outcome.log
        plan = self._context.plan
        return ("completed with gaps" if plan and plan.feature.gaps else "completed"), (), None

    async def _driver(self) -> Driver:
        module = await asyncio.to_thread(importlib.import_module, "orchestrator.driving")
        driver: Driver = module.Driver(self._context, self._step)
        return driver

    async def _step(self, node: str, answer: str | None) -> StepOutcome:
        run = self._context
        try:
            if node == INTAKE:
                return await intake(run, answer)
            assert run.plan is not None  # noqa: S101 - the intake comes first, and resuming restores its plan
            return await step(run, run.plan, run.pipeline.agent(node))
        except Exception as error:
            self._crash = error  # kept here: the graph must not store its text
            raise

    def _crashed(self, error: Exception) -> tuple[tuple[str, ...], str | None]:
        """Return what to say of an exception, and where its traceback is if it is a fault of Baton's."""
        if isinstance(error, BatonError):
            return (str(error),), None
        log = self._context.folder / "logs" / "crash.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return (f"a fault in Baton, not in your input: {type(error).__name__}: {error}",), str(log)

    async def _result(self, status: RunStatus, problems: tuple[str, ...], log: str | None) -> RunResult:
        run = self._context
        record = await run.ledger.run(run.run_id)
        receipts = await run.receipts(published=True)
        order = {name: receipts[name] for name in run.pipeline.names if name in receipts}
        questions = await run.ledger.questions(run.run_id) if status == "waiting" else []
        return RunResult(
            run=run.run_id,
            status=status,
            title=record.title,
            workspace=record.workspace,
            handoffs=tuple(
                PublishedHandoff(agent=name, path=run.handoffs.name(receipt.handoff), sha256=receipt.handoff_sha256)
                for name, receipt in order.items()
                if receipt.handoff and receipt.handoff_sha256
            ),
            files={path: sha256 for receipt in order.values() for path, sha256 in receipt.files.items()},
            evidence=tuple(each for receipt in order.values() for each in receipt.evidence),
            gaps=run.plan.feature.gaps if run.plan else (),
            timings=await _timings(run.ledger, run.run_id),
            questions=tuple(OpenQuestion(id=each.id, text=each.text) for each in questions if each.answer is None),
            problems=problems,
            log=log,
        )


async def _timings(ledger: Ledger, run_id: str) -> dict[str, float]:
    """Return the seconds of each agent and of the whole, over all the times that the run was resumed."""
    rows = await ledger.pool.fetch("SELECT event FROM baton.events WHERE run_id = $1 ORDER BY seq", run_id)
    seconds: dict[str, float] = {}
    for row in rows:
        event = parse_event(row["event"])
        if isinstance(event, StepFinished):
            seconds[event.agent] = round(seconds.get(event.agent, 0.0) + event.seconds, 3)
        elif isinstance(event, RunFinished):
            seconds["total"] = round(seconds.get("total", 0.0) + event.seconds, 3)
    return seconds
