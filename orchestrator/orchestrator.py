"""The programmatic API: start runs, follow them, resume them.

    async with Orchestrator(workspace="shop") as engine:
        run = await engine.start("feature-prd.md")
        async for event in run.events():
            ...
        result = await run.result()

Importing this module is cheap. LangGraph is imported when the first run starts, while the run's environments are
already being prepared.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from agents.checks.environment import Environments
from handoff.feature import FeatureIncomplete
from handoff.store import Handoff, write_atomically
from orchestrator.context import RunContext
from orchestrator.contracts import refuse_unfit
from orchestrator.home import cache_folder, run_folder
from orchestrator.home import home as default_home
from orchestrator.intake import intake, read_prd, refuse_conflicts, understand
from orchestrator.pipeline import Pipeline, full_stack
from orchestrator.plan import Plan, make_plan
from orchestrator.run import Run
from orchestrator.step import begin_ahead
from orchestrator.storage import database, postgres
from orchestrator.storage.event_log import EventLog, follow
from orchestrator.storage.ledger import Ledger, Question, RunRecord
from orchestrator.storage.postgres import Server
from orchestrator.workspace import Workspace
from schemas.errors import InputError, RunError
from schemas.feature import Feature
from skills.executor import Executor, TemplateExecutor
from skills.registry import Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.events import Event


class RunRefused(InputError):
    """The run may not be started or resumed as things are."""

    code = "run_refused"


class RunLost(RunError):
    """The run's own files are gone."""

    code = "run_lost"


class Orchestrator:
    """Runs pipelines in one workspace. An asynchronous context manager; leaving it stops what still runs."""

    def __init__(
        self,
        workspace: str | Path = ".",
        *,
        home: Path | None = None,
        pipeline: Pipeline | None = None,
        registry: Registry | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Describe the engine; nothing is started before it is entered.

        Args:
            workspace: Folder that the app is written to; made if missing.
            home: Where Baton keeps its database and caches; `BATON_HOME` or the user's data folder by default.
            pipeline: The built-in agents by default.
            registry: The built-in skills by default.
            executor: Runs skills; by templates by default.
        """
        self._workspace = Path(workspace)
        self._home = home or default_home()
        self._pipeline = pipeline
        self._registry = registry
        self._executor = executor or TemplateExecutor()
        self._environments = Environments(cache_folder(self._home))
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[tuple[Server, Ledger]] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._runs: list[Run] = []

    async def __aenter__(self) -> Self:
        self._opening = asyncio.create_task(self._open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for run in self._runs:
            await run.stop()
        for task in (*self._background, *([self._opening] if self._opening else [])):
            if not task.done() and task is not self._opening:
                task.cancel()
        await asyncio.gather(*self._background, *([self._opening] if self._opening else []), return_exceptions=True)
        await self._environments.close()
        await self._stack.aclose()

    async def start(self, prd: str | Path, *, agents: Sequence[str] | None = None) -> Run:
        """Start a run; what can be refused is refused here, with the workspace untouched.

        Args:
            prd: Path of the feature PRD.
            agents: Names of the agents to run; all by default.

        Raises:
            InputError: The PRD, its stack, the agents' names, their contracts or the workspace will not do.
            RunError: There is no database.
        """
        given = read_prd(Path(prd))  # once: it may come through a pipe, or change meanwhile
        pipeline, plan = self._plan(given, agents)
        self._prepare(plan)
        workspace = Workspace(self._workspace)
        server, ledger = await self._opened()
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        async with AsyncExitStack() as held:
            held.enter_context(workspace.lock())
            await self._refuse_if_waiting(ledger, workspace)
            await held.enter_async_context(ledger.lease(run_id))
            context = self._context(
                run_id=run_id,
                started_at=datetime.now(UTC),
                workspace=workspace,
                pipeline=pipeline,
                server=server,
                ledger=ledger,
            )
            context.plan = plan
            if plan is not None:
                await refuse_conflicts(context, plan)
            context.tree.mkdir(parents=True)
            write_atomically(context.prd, given.raw)  # before the row: a run that is known has its PRD
            record = await ledger.add_run(
                run_id=run_id,
                workspace=str(workspace.root),
                title=plan.feature.title if plan else given.path.name,
                agents=pipeline.names,
                fingerprint=pipeline.fingerprint(),
            )
            context.started_at = record.started_at
            context.events = await held.enter_async_context(EventLog(ledger.pool, run_id))
            context.announce(resumed=False)
            if plan is not None:
                await self._begin_ahead(context, plan)
            run = Run(context)
            run.start(held)
        self._runs.append(run)
        return run

    async def resume(self, run_id: str) -> Run:
        """Go on with a run that waits and has its answer, was stopped, or whose process died.

        Raises:
            RunUnknown: There is no such run.
            RunBusy: Another process works on it.
            RunRefused: The agents, their contracts, the skills or the PRD are no longer those it began with.
            NothingToResume: It waits for an answer, or has ended.
            RunLost: Its files are gone.
        """
        server, ledger = await self._opened()
        record = await ledger.run(run_id)
        pipeline = self.pipeline.subset(record.agents)
        if pipeline.fingerprint() != record.pipeline_fingerprint:
            raise RunRefused(_changed(run_id, "the agents, their order or their contracts"))
        workspace = Workspace(Path(record.workspace))
        context = self._context(
            run_id=run_id,
            started_at=record.started_at,
            workspace=workspace,
            pipeline=pipeline,
            server=server,
            ledger=ledger,
        )
        if not context.prd.is_file():
            raise RunLost(
                f"the files of run `{run_id}` are gone from `{context.folder}`. Start it anew with `baton run`."
            )
        if record.plan_fingerprint is not None:
            context.plan = self._plan_again(context, record.plan_fingerprint)
        self._prepare(context.plan)
        async with AsyncExitStack() as held:
            held.enter_context(workspace.lock())
            await held.enter_async_context(ledger.lease(run_id))
            if context.plan is not None:
                await refuse_conflicts(context, context.plan)
            context.events = await held.enter_async_context(EventLog(ledger.pool, run_id))
            run = Run(context)
            await run.resume(held)
        self._runs.append(run)
        return run

    async def runs(self, *, workspace: str | Path | None = None, limit: int = 50) -> list[RunRecord]:
        """Return the newest runs first: of every workspace, or of one."""
        _, ledger = await self._opened()
        only = None if workspace is None else str(Path(workspace).resolve())
        return await ledger.runs(workspace=only, limit=limit)

    async def run(self, run_id: str) -> RunRecord:
        """Return what is remembered of a run.

        Raises:
            RunUnknown: There is no such run.
        """
        _, ledger = await self._opened()
        return await ledger.run(run_id)

    async def is_live(self, run_id: str) -> bool:
        """Return whether a process works on the run. One that is `running` but not live has crashed."""
        _, ledger = await self._opened()
        return await ledger.is_live(run_id)

    async def events(self, run_id: str) -> AsyncIterator[Event]:
        """Yield a run's events from its first on, whichever process works on it."""
        _, ledger = await self._opened()
        await ledger.run(run_id)
        async for event in follow(ledger.pool, run_id, lambda: ledger.is_live(run_id)):
            yield event

    async def questions(self, run_id: str) -> list[Question]:
        """Return a run's questions in the order they were asked."""
        _, ledger = await self._opened()
        await ledger.run(run_id)
        return await ledger.questions(run_id)

    async def answer(self, run_id: str, question_id: str, value: str) -> None:
        """Answer a run's question; `resume` then goes on.

        Raises:
            AnswerRefused: There is no such question, or it has its answer.
        """
        _, ledger = await self._opened()
        await ledger.run(run_id)
        await ledger.answer(run_id, question_id, value)

    async def cancel(self, run_id: str) -> None:
        """Give up a run that nobody works on, so that its workspace is free for another one.

        Raises:
            RunBusy: A process works on it; stop that one.
            RunRefused: It has ended.
        """
        _, ledger = await self._opened()
        record = await ledger.run(run_id)
        if record.status not in {"running", "waiting"}:
            raise RunRefused(f"run `{run_id}` has ended ({record.status}); there is nothing to cancel.")
        async with ledger.lease(run_id):
            await ledger.set_status(run_id, "cancelled")

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that runs use."""
        if self._pipeline is None:
            self._pipeline = full_stack()
        return self._pipeline

    @property
    def registry(self) -> Registry:
        """The skills that runs use."""
        if self._registry is None:
            self._registry = Registry()
        return self._registry

    async def _open(self) -> tuple[Server, Ledger]:
        server = await self._stack.enter_async_context(postgres.serve(self._home))
        pool = await self._stack.enter_async_context(database.connect(server))
        return server, Ledger(pool)

    async def _opened(self) -> tuple[Server, Ledger]:
        if self._opening is None:
            raise RuntimeError("use `async with Orchestrator(...)`")
        return await asyncio.shield(self._opening)

    def _prepare(self, plan: Plan | None) -> None:
        """Begin, in the background, with what takes long: environments, and the import of LangGraph."""
        for each in plan.preparations() if plan else ():
            make = self._environments.python if each.ecosystem == "python" else self._environments.node
            self._in_background(asyncio.create_task(make(each.lock)))
        self._in_background(asyncio.create_task(asyncio.to_thread(importlib.import_module, "orchestrator.driving")))

    def _in_background(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)
        # A failure shows again where the result is needed; here it is only marked as seen.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _plan(self, prd: Handoff, agents: Sequence[str] | None) -> tuple[Pipeline, Plan | None]:
        """Return the pipeline and its plan; None for a PRD of prose, whose run begins and asks."""
        try:
            feature: Feature | None = understand(prd)
        except FeatureIncomplete:
            feature = None
        pipeline = self.pipeline if agents is None else self.pipeline.subset(agents)
        refuse_unfit(pipeline, self.registry)
        return pipeline, None if feature is None else make_plan(feature, pipeline, self.registry)

    async def _begin_ahead(self, context: RunContext, plan: Plan) -> None:
        """Do the intake and begin the first step: neither needs LangGraph, whose import takes its time meanwhile."""
        await intake(context, None)
        begun = begin_ahead(context, plan)
        if begun is not None:
            self._in_background(begun.making)

    def _context(
        self,
        *,
        run_id: str,
        started_at: datetime,
        workspace: Workspace,
        pipeline: Pipeline,
        server: Server,
        ledger: Ledger,
    ) -> RunContext:
        return RunContext(
            run_id=run_id,
            started_at=started_at,
            workspace=workspace,
            folder=run_folder(self._home, run_id),
            pipeline=pipeline,
            registry=self.registry,
            executor=self._executor,
            environments=self._environments,
            admin_dsn=server.admin,
            ledger=ledger,
            events=EventLog(ledger.pool, run_id),
        )

    def _plan_again(self, context: RunContext, fingerprint: str) -> Plan:
        plan = make_plan(understand(read_prd(context.prd)), context.pipeline, context.registry)
        if plan.fingerprint() != fingerprint:
            raise RunRefused(_changed(context.run_id, "the PRD or the skills"))
        return plan

    async def _refuse_if_waiting(self, ledger: Ledger, workspace: Workspace) -> None:
        """Refuse a new run where one waits for a person: it would be overtaken. One whose process died is given up."""
        for record in await ledger.runs(workspace=str(workspace.root)):
            if record.status == "waiting":
                raise RunRefused(
                    f"run `{record.id}` in the workspace `{workspace.root}` waits for an answer.\n"
                    f"See it with `baton show {record.id}`, answer and resume it, or give it up with"
                    f" `baton cancel {record.id}`."
                )
            if record.status == "running":
                await ledger.set_status(record.id, "cancelled")  # the workspace's lock is ours: nobody works on it


def _changed(run_id: str, what: str) -> str:
    return (
        f"run `{run_id}` cannot be resumed: {what} changed since it began, so it would not come to the same result.\n"
        "Start it anew with `baton run`."
    )
