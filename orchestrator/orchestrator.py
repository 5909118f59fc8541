"""The programmatic API: start runs, follow them, answer them, take them up again.

    async with Orchestrator(workspace="shop") as engine:
        run = await engine.start("feature-prd.md")
        async for event in run.events():
            ...
        result = await run.result()

Importing this module is cheap. LangGraph is imported when the first run starts, while the run's environments are
already being prepared.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from handoff.feature import FeatureIncomplete
from handoff.provenance import sha256
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.compatibility import refuse_unfit
from orchestrator.planning.executors import Executors
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.plan import Plan, make_plan
from orchestrator.planning.policy import Policy, PolicyChange
from orchestrator.planning.workflow import FEATURE
from orchestrator.planning.workflows import Workflows
from orchestrator.records.answers import Answer
from orchestrator.records.events import RunStatus
from orchestrator.runtime import resume
from orchestrator.runtime.answers import give_answer
from orchestrator.runtime.batch import Request, RequestResult, run_many
from orchestrator.runtime.cancel import cancel_run
from orchestrator.runtime.engine import Connection, Engine
from orchestrator.runtime.retention import Pruned, prune
from orchestrator.runtime.run import Run
from orchestrator.runtime.start import start_run
from orchestrator.steps.context import RunContext
from orchestrator.steps.intake.intake import PrdInput, input_of, read_input, understand
from orchestrator.steps.workspace import Workspace
from orchestrator.storage.event_log import follow, last
from orchestrator.storage.home import home as default_home
from orchestrator.storage.questions import Question
from orchestrator.storage.runs import KILLED, RunDetails, RunRecord
from orchestrator.storage.steps import StepAttempt
from schemas.base import JSON
from schemas.feature import Feature
from skills.core.executor import Executor
from skills.core.registry import Registry

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from opentelemetry.trace import TracerProvider

    from orchestrator.records.events import Event


class Orchestrator:
    """Runs pipelines. An asynchronous context manager; leaving it stops what still runs, to be resumed later."""

    def __init__(
        self,
        workspace: str | Path = ".",
        *,
        home: Path | None = None,
        workflow: str = FEATURE,
        workflows: Workflows | None = None,
        pipeline: Pipeline | None = None,
        registry: Registry | None = None,
        executor: Executor | None = None,
        model: str | BaseChatModel | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        """Describe the engine; nothing is started before it is entered.

        Args:
            workspace: Folder that the app is written to; made if missing. A run may be given another one.
            home: Where Baton keeps its database and caches; `BATON_HOME` or the user's data folder by default.
            workflow: The name of the one that runs use unless they name another.
            workflows: Those there are, with their agents; the built-in ones by default.
            pipeline: Used instead of `workflow` and `workflows`: one that is bound already.
            registry: The built-in skills by default.
            executor: Runs skills; by default templates do, and a model where they end, if there is one.
            model: A chat model, or its name (`provider:model`), for the runs whose policy names none.
            tracer_provider: Gets the runs' spans; by default the OpenTelemetry variables decide whether there are any.

        Raises:
            TracingUnavailable: The variables want traces, and OpenTelemetry is not installed.
            TracingRefused: They want what there is not.
        """
        self._workspace = Path(workspace)
        self._workflow = workflow if pipeline is None else pipeline.workflow.name
        self._workflows, self._pipeline = workflows, pipeline
        self._engine = Engine(
            home=home or default_home(),
            registry=registry or Registry(),
            executors=Executors(executor, model),
            tracer_provider=tracer_provider,
        )

    async def __aenter__(self) -> Self:
        await self._engine.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._engine.__aexit__(kind, error, traceback)

    # ---- begin

    async def start(
        self,
        prd: str | Path | bytes,
        *,
        workflow: str | None = None,
        agents: Sequence[str] | None = None,
        policy: Policy | None = None,
        workspace: str | Path | None = None,
    ) -> Run:
        """Start a run; what can be refused is refused here, with the workspace untouched.

        Args:
            prd: Path of the feature PRD, or the bytes of one.
            workflow: Another one than the engine's, by name.
            agents: Names of the agents to run, or of single steps; all by default.
            policy: What to ask people, and how long to wait for them; by default nothing is asked that can be decided.
            workspace: Another folder than the engine's.

        Raises:
            InputError: The PRD, its stack, the agents' names, their contracts, the model or the workspace will not do.
            RunError: There is no database.
        """
        policy = self._engine.executors.settle(policy or Policy())
        modelled = policy.model is not None
        # A file is read once: it may come through a pipe, or change.
        given = input_of(prd, modelled=modelled) if isinstance(prd, bytes) else read_input(Path(prd), modelled=modelled)
        pipeline = self.pipeline if workflow is None else self.workflows.pipeline(workflow)
        pipeline = pipeline if agents is None else pipeline.subset(agents)
        plan = self._plan(given, pipeline)
        self._engine.prepare(plan)
        opened = await self._engine.opened()
        place = Workspace(Path(workspace or self._workspace))
        context = await self._new(opened, pipeline=pipeline, policy=policy, workspace=place, prd=given.raw)
        if given.prd is not None:
            context.handoffs.remember(given.prd)
        return await start_run(self._engine, context, given.raw, plan)

    async def fork(
        self, run_id: str, *, workspace: str | Path, from_agent: str | None = None, policy: Policy | None = None
    ) -> Run:
        """Start a run from another one's PRD elsewhere; what that one did is published there, not done again.

        Args:
            run_id: The run to copy from; it stays as it is, at work or over.
            workspace: Where the new run works.
            from_agent: The first agent, or step, to do again; by default what the other run has not done.
            policy: The other run's by default.

        Raises:
            RunUnknown: There is no such run.
            RunRefused: It was begun with agents, skills or contracts that are not there any more.
            ContentLost: Its contents were pruned.
        """
        opened = await self._engine.opened()
        source = await opened.ledger.runs.get(run_id)
        pipeline = resume.pipeline_of(source, self.workflows)
        raw = (await opened.ledger.content.get([source.prd]))[source.prd]
        policy = self._engine.executors.settle(policy or Policy.model_validate(source.policy))
        given = input_of(raw, name=source.id, modelled=policy.model is not None)
        plan = self._plan(given, pipeline)
        self._engine.prepare(plan)
        context = await self._new(
            opened,
            pipeline=pipeline,
            policy=policy,
            workspace=Workspace(Path(workspace)),
            prd=raw,
        )
        again = set() if from_agent is None else set(pipeline.downstream(pipeline.step(from_agent).name))
        kept = [name for name in pipeline.names if name not in again]
        return await start_run(self._engine, context, raw, plan, source=source.id, kept=kept)

    def run_many(self, requests: Iterable[Request], *, concurrency: int = 8) -> AsyncGenerator[RequestResult, None]:
        """Run many PRDs, `concurrency` at a time, and yield what came of each as it comes.

        Groups take turns, so a group of a thousand does not keep one of two waiting. A request that is refused is
        yielded with the reason. Closing the generator early, as leaving the engine does, stops what still runs, to be
        resumed; what was not started is not.

        Raises:
            ValueError: `concurrency` is less than 1.
        """

        async def start(request: Request) -> Run:
            return await self.start(
                request.prd,
                workflow=request.workflow,
                agents=request.agents,
                policy=request.policy,
                workspace=request.workspace,
            )

        return run_many(requests, start, self._engine.starting, concurrency=concurrency)

    # ---- go on

    async def resume(self, run_id: str, *, change: PolicyChange | None = None) -> Run:
        """Go on with a run that waits and has its answers, was stopped, or whose process died.

        Args:
            run_id: The run.
            change: What is to be different about its policy from now on, and remembered.

        Raises:
            RunUnknown: There is no such run.
            RunBusy: Somebody works on it.
            RunRefused: It has ended; or its agents, contracts, skills, PRD or workspace are no longer what they were.
            NothingToResume: It waits for an answer.
        """
        return await resume.resume_run(self._engine, self.workflows, run_id, change=change)

    async def retry(self, run_id: str, *, from_agent: str | None = None, change: PolicyChange | None = None) -> Run:
        """Do steps of a run again: those that are not done, or `from_agent` and all that come after it.

        Args:
            run_id: The run.
            from_agent: The first agent, or step, to do again.
            change: As in `resume`.

        Raises:
            RunUnknown: There is no such run.
            RunBusy: Somebody works on it.
            RunRefused: Nothing is left to do, or something before `from_agent` is not done; or as in `resume`.
        """
        return await resume.resume_run(
            self._engine, self.workflows, run_id, again=True, agent=from_agent, change=change
        )

    # ---- look

    async def runs(
        self, *, workspace: str | Path | None = None, status: RunStatus | None = None, limit: int = 50
    ) -> list[RunRecord]:
        """Return the newest runs first: of every workspace or of one, of any status or of one."""
        only = None if workspace is None else str(Path(workspace).resolve())
        return await (await self._engine.opened()).ledger.runs.list(workspace=only, status=status, limit=limit)

    async def find(self, name: str) -> str:
        """Return the id of the run that `name` means: an id, the beginning of exactly one, or `latest`.

        Raises:
            RunUnknown: It means none, or more than one; the error names the nearest.
        """
        return await (await self._engine.opened()).ledger.runs.find(name)

    async def run(self, run_id: str) -> RunDetails:
        """Return what is remembered of a run.

        Raises:
            RunUnknown: There is no such run.
        """
        return await (await self._engine.opened()).ledger.runs.get(run_id)

    async def is_live(self, run_id: str) -> bool:
        """Return whether somebody works on the run."""
        return await (await self._engine.opened()).ledger.runs.is_live(run_id)

    async def status_of(self, run: RunRecord) -> str:
        """Return a run's status; `killed` if it is `running` and nobody works on it."""
        return KILLED if run.status == "running" and not await self.is_live(run.id) else run.status

    async def events(self, run_id: str, *, after: int = -1) -> AsyncIterator[Event]:
        """Yield a run's events, numbered from 0, from the one `after` a number on, whichever process works on it.

        Raises:
            RunUnknown: There is no such run.
        """
        ledger = (await self._engine.opened()).ledger
        await ledger.runs.get(run_id)
        live = functools.partial(ledger.runs.is_live, run_id)
        async for _, event in follow(ledger.database, run_id, live=live, after=after):
            yield event

    async def last_event(self, run_id: str) -> int:
        """Return the number of a run's last event, -1 if there is none: `events` after it yields what comes."""
        return await last((await self._engine.opened()).ledger.database, run_id)

    async def attempts(self, run_id: str) -> list[StepAttempt]:
        """Return every attempt at a step of a run, each step's in order, also those that were done again since.

        Raises:
            RunUnknown: There is no such run.
        """
        ledger = (await self._engine.opened()).ledger
        await ledger.runs.get(run_id)
        return await ledger.steps.attempts(run_id, superseded=True)

    async def questions(self, run_id: str) -> list[Question]:
        """Return a run's questions in the order they were asked.

        Raises:
            RunUnknown: There is no such run.
        """
        ledger = (await self._engine.opened()).ledger
        await ledger.runs.get(run_id)
        return await ledger.questions.of(run_id)

    # ---- decide

    async def answer(self, run_id: str, question_id: str, value: JSON | Answer) -> Question:
        """Answer a run's question; `resume` then goes on. The first valid answer counts.

        `value` is an answer (`Approve()`), the words that say the same (`"approve"`), or its JSON.

        Raises:
            RunUnknown: There is no such run.
            RunRefused: The run has ended.
            AnswerRefused: There is no such question, it has its answer, or `value` is not one.
        """
        return await give_answer((await self._engine.opened()).ledger, run_id, question_id, value)

    async def stop(self, run_id: str) -> bool:
        """Ask whoever works on the run to stop, so that it can be resumed. False if nobody works on it.

        Raises:
            RunUnknown: There is no such run.
            RunRefused: It has ended.
        """
        return await (await self._engine.opened()).ledger.runs.request_stop(run_id, "stop")

    async def cancel(self, run_id: str) -> bool:
        """Give a run up, so that its workspace is free; what it published stays.

        Returns:
            Whether it is given up already. If somebody works on it, they were asked to.

        Raises:
            RunUnknown: There is no such run.
            RunRefused: It has ended.
        """
        ledger = (await self._engine.opened()).ledger
        if await ledger.runs.request_stop(run_id, "cancel"):
            return False
        await cancel_run(ledger, run_id)
        return True

    # ---- forget

    async def prune(self, *, older_than: timedelta, dry_run: bool = False) -> Pruned:
        """Remove the runs that ended longer ago, with all that is kept of them, and environments not used for as long.

        Runs that are not over are kept, and workspaces are never touched. May be interrupted and done again, and be
        done by several at once, while runs are at work.

        Args:
            older_than: Not negative.
            dry_run: Remove nothing, and return what would be.

        Raises:
            ValueError: `older_than` is negative.
            DatabaseLost: The database went away; what is removed so far stays so.
        """
        database = (await self._engine.opened()).ledger.database
        return await prune(database, self._engine.home, older_than, dry_run=dry_run)

    async def opened(self) -> Connection:
        """Return the database once it answers, for what is built on the engine.

        Raises:
            PostgresUnavailable: There is none.
        """
        return await self._engine.opened()

    @functools.cached_property
    def workflows(self) -> Workflows:
        """The workflows that runs may use, and their agents."""
        if self._pipeline is not None:
            return Workflows.around(self._pipeline)
        return self._workflows or Workflows()

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The workflow that runs use unless they name another, bound to its agents."""
        return self.workflows.pipeline(self._workflow)

    @property
    def registry(self) -> Registry:
        """The skills that runs use."""
        return self._engine.registry

    # ---- how

    def _plan(self, given: PrdInput, pipeline: Pipeline) -> Plan | None:
        """Return the plan for a PRD; None for one of prose, whose run begins and asks."""
        refuse_unfit(pipeline, self.registry)
        if given.prd is None:
            return None
        try:
            feature: Feature = understand(given.prd, catalogue_of(self.registry, pipeline.toolchains))
        except FeatureIncomplete:
            return None
        return make_plan(feature, pipeline, self.registry)

    async def _new(
        self, opened: Connection, *, pipeline: Pipeline, policy: Policy, workspace: Workspace, prd: bytes
    ) -> RunContext:
        now = datetime.now(UTC)
        pipeline.subset(policy.outside)  # refuses names of nobody
        return await self._engine.context(
            opened,
            run_id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
            started_at=now,
            workspace=workspace,
            pipeline=pipeline,
            policy=policy,
            prd_sha256=sha256(prd),
        )
