"""What the runs of one process share: the database, the owner's lock, graphs, environments; and who watches them.

Not here: what callers see (`orchestrator.orchestrator`), one run (`orchestrator.runtime.run`).
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from agents.checks.environments.environments import Environments
from handoff.store import HandoffStore
from orchestrator.planning.executors import Executors
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.plan import Plan
from orchestrator.planning.policy import Policy
from orchestrator.runtime.run import Run
from orchestrator.steps.context import RunContext, RunServices
from orchestrator.steps.state import RunState
from orchestrator.steps.usage import RunMeter
from orchestrator.steps.workspace import Workspace
from orchestrator.storage import database, postgres
from orchestrator.storage.database import DatabaseLost
from orchestrator.storage.event_log import EventLog
from orchestrator.storage.home import cache_folder, run_folder
from orchestrator.storage.postgres import Server
from orchestrator.storage.repositories import Ledger, open_ledger
from orchestrator.storage.runs import thread
from orchestrator.telemetry.observers import Observing
from skills.core.registry import Registry
from skills.model.budget import Budget

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from orchestrator.runtime.langgraph.driver import Driver, Graphs

_WATCH_SECONDS = 0.5  # between two looks at what others want of the runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The database, open."""

    server: Server
    ledger: Ledger


class Engine:
    """An asynchronous context manager; leaving it stops what still runs."""

    def __init__(
        self, *, home: Path, registry: Registry, executors: Executors, tracer_provider: TracerProvider | None = None
    ) -> None:
        self.home = home
        self.registry = registry
        self.executors = executors
        self._environments = Environments(cache_folder(home))
        self._observing = Observing(tracer_provider)
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Connection] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._starting: set[asyncio.Task[Any]] = set()  # tasks that start runs
        self._watching: asyncio.Task[None] | None = None
        self._graphs: Graphs | None = None
        self._runs: dict[str, Run] = {}

    async def __aenter__(self) -> Self:
        self._opening = asyncio.create_task(self._open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await _end(self._starting)
        await asyncio.gather(*(run.stop() for run in self._runs.values() if run.is_working), return_exceptions=True)
        await _end(self._background)
        await asyncio.gather(*([self._opening] if self._opening else []), return_exceptions=True)
        await self._environments.close()
        await self._stack.aclose()
        await self._observing.close()

    async def opened(self) -> Connection:
        """Return the database once it answers.

        Raises:
            PostgresUnavailable: There is none.
        """
        if self._opening is None:
            raise RuntimeError("use `async with Orchestrator(...)`")
        return await asyncio.shield(self._opening)

    async def _open(self) -> Connection:
        server = await self._stack.enter_async_context(postgres.serve(self.home))
        connected = await self._stack.enter_async_context(database.connect(server))
        ledger = await self._stack.enter_async_context(open_ledger(connected, self._regained))
        return Connection(server=server, ledger=ledger)

    def prepare(self, plan: Plan | None) -> None:
        """Begin, in the background, with what takes long: environments, and the import of LangGraph."""
        for each in plan.preparations() if plan else ():
            make = self._environments.python if each.ecosystem == "python" else self._environments.node
            self.in_background(make(each.lock))
        if self._graphs is None:
            self.in_background(asyncio.to_thread(importlib.import_module, "orchestrator.runtime.langgraph.driver"))

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do `work` beside everything else; it ends with the engine."""
        task = asyncio.create_task(work)
        self._background.add(task)
        # A failure shows again where the result is needed; here it is only marked as seen.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.add_done_callback(self._background.discard)

    def starting(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a task that starts runs; it is cancelled when the engine is left, before the runs are stopped."""
        task = asyncio.create_task(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task

    async def context(
        self,
        opened: Connection,
        *,
        run_id: str,
        started_at: datetime,
        workspace: Workspace,
        pipeline: Pipeline,
        policy: Policy,
        prd_sha256: str,
    ) -> RunContext:
        """Return the context of a run.

        Raises:
            InputError: The model that its policy wants cannot be had.
        """
        use = policy.model
        workers = await self.executors.workers(use, self.registry)
        events = EventLog(opened.ledger.writer, run_id, self._observing.run(run_id))
        return RunContext(
            id=run_id,
            started_at=started_at,
            workspace=workspace,
            folder=run_folder(self.home, run_id),
            pipeline=pipeline,
            handoffs=HandoffStore(workspace.root),
            events=events,
            services=RunServices(
                registry=self.registry,
                executor=workers.executor,
                model=workers.model,
                meter=RunMeter(
                    use.budget() if use else Budget(), events, use.name if use else "", pipeline.agent_names
                ),
                environments=self._environments,
                admin_dsn=opened.server.admin,
                ledger=opened.ledger,
            ),
            state=RunState(policy=policy, prd_sha256=prd_sha256),
        )

    async def driver(self, context: RunContext, generation: int) -> Driver:
        """Return the graph of a run, in the thread of its `generation`."""
        driving = await asyncio.to_thread(importlib.import_module, "orchestrator.runtime.langgraph.driver")
        graphs = await self.graphs()
        driver: Driver = driving.Driver(graphs, context.pipeline, thread(context.id, generation))
        return driver

    async def graphs(self) -> Graphs:
        """Return the compiled graphs."""
        driving = await asyncio.to_thread(importlib.import_module, "orchestrator.runtime.langgraph.driver")
        opened = await self.opened()
        if self._graphs is None:
            self._graphs = driving.Graphs(opened.ledger)
        return cast("Graphs", self._graphs)

    def watch(self, run: Run) -> None:
        """Have a run stopped or cancelled when another process asks for it, or when the engine is left."""
        self._runs = {each.id: each for each in self._runs.values() if each.is_working} | {run.id: run}
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
            self._background.add(self._watching)

    async def _watch(self) -> None:
        ledger = (await self.opened()).ledger
        while any(run.is_working for run in self._runs.values()):
            await asyncio.sleep(_WATCH_SECONDS)
            with suppress(DatabaseLost):  # the runs say so themselves
                await self._heed(ledger)

    async def _heed(self, ledger: Ledger) -> None:
        """Do what others want of the runs."""
        for run_id, what in (await ledger.runs.wanted(ledger.owner.id)).items():
            run = self._runs.get(run_id)
            if run is not None and run.is_working:
                self.in_background(run.cancel() if what == "cancel" else run.stop())

    async def _regained(self) -> None:
        """Let go of the runs that somebody else took over while the database had forgotten us."""
        ledger = (await self.opened()).ledger
        for run_id in await ledger.runs.lost(ledger.owner.id, [run.id for run in self._runs.values()]):
            self._runs[run_id].abandon()


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and return when they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
