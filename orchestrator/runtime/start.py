"""Begin a run: have it remembered before anything happens, then let it work.

Not here: what callers see (`orchestrator.orchestrator`), going on with one (`orchestrator.runtime.resume`).
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from orchestrator.planning.plan import Plan
from orchestrator.records.events import RunStarted
from orchestrator.runtime.cancel import cancel_run
from orchestrator.runtime.engine import Engine
from orchestrator.runtime.run import Run
from orchestrator.steps.beforehand import with_beforehand
from orchestrator.steps.context import RunContext
from orchestrator.steps.intake.intake import NODE as INTAKE
from orchestrator.steps.intake.intake import adopt, refuse_conflicts
from orchestrator.steps.step import begin_early, step
from orchestrator.steps.workspace import Workspace
from orchestrator.storage import runs
from orchestrator.storage.repositories import Ledger
from orchestrator.storage.runs import RunRecord, RunRefused
from schemas.errors import RunError


class HomeUnusable(RunError):
    """Baton's home cannot be written to."""

    code = "home_unusable"


async def start_run(
    engine: Engine,
    context: RunContext,
    prd: bytes,
    plan: Plan | None,
    *,
    source: str | None = None,
    kept: Sequence[str] = (),
) -> Run:
    """Have a new run remembered, and begin it.

    Args:
        engine: Where it runs.
        context: Of the run.
        prd: Its PRD.
        plan: Made from the PRD; None if it is one of prose, about which the run asks.
        source: A run whose work in the steps `kept` is published as this run's.
        kept: Names of steps.

    Raises:
        WorkspaceBusy: Another run is in the workspace.
        WorkspaceConflict: Files stand there that Baton did not write.
        RunRefused: A run in the workspace waits for an answer.
        HandoffInvalid: What was agreed beforehand is not of its contract.
        DesignContradicted: It contradicts what the PRD leads to.
        HomeUnusable: There is no room for its files, or no permission.
    """
    ledger, workspace = context.services.ledger, context.workspace
    async with AsyncExitStack() as held:
        held.enter_context(workspace.lock())
        await _give_up_others(ledger, workspace)
        await context.load_written()
        if plan is not None:
            plan = replace(plan, feature=with_beforehand(context, plan.feature))
            await refuse_conflicts(context, plan)
        await ledger.owner.hold()
        _keep_prd(context, prd)
        title = plan.feature.title if plan else context.title
        record = RunRecord(
            id=context.id,
            workspace=str(workspace.root),
            title=title,
            status="running",
            agents=context.pipeline.names,
            workflow=context.pipeline.workflow.name,
            owner=ledger.owner.id,
            forked_from=source,
            started_at=context.started_at,
        )
        context.events.note(
            runs.add(
                record,
                shape=context.pipeline.workflow.model_dump(mode="json"),
                policy=context.state.policy.model_dump(mode="json"),
                prd=context.state.prd_sha256,
            )
        )
        context.events.emit(RunStarted(run=context.id, title=title, workspace=str(workspace.root)))
        await ledger.content.keep(context.id, [prd], lambda rows: context.events.commit(*rows))
        if plan is not None:
            adopt(context, plan)
            context.events.emit(plan.event())

        async def first() -> None:
            """Do the intake and begin the first step: neither needs LangGraph, whose import takes its time."""
            if source is not None:
                await ledger.steps.copy(source, context.id, kept)
                await context.load()
            if context.state.plan is not None and (await step(context, INTAKE)).status == "published":
                begin_early(context)

        run = Run(context, functools.partial(engine.driver, generation=0), first=first)
        run.begin(held, {"run": context.id})
    engine.watch(run)
    return run


def _keep_prd(context: RunContext, prd: bytes) -> None:
    try:
        context.folder.mkdir(parents=True)
        context.prd.write_bytes(prd)
    except OSError as error:
        shutil.rmtree(context.folder, ignore_errors=True)
        raise HomeUnusable(
            f"a run cannot keep its files in `{context.folder.parent}`: {error.strerror}. Nothing was begun.\n"
            "Make room or correct the permissions, or set BATON_HOME to another folder."
        ) from error


async def _give_up_others(ledger: Ledger, workspace: Workspace) -> None:
    """Refuse a new run where one waits for a person: it would be overtaken. Others that nobody works on are given up.

    Raises:
        RunRefused: One waits.
        RunBusy: Somebody works on one.
    """
    for record in await ledger.runs.unfinished(str(workspace.root)):
        if record.status == "waiting":
            raise RunRefused(
                f"run `{record.id}` in the workspace `{workspace.root}` waits for an answer.\n"
                f"See it with `baton show {record.id}`, answer and resume it, or give it up with"
                f" `baton cancel {record.id}`."
            )
        await cancel_run(ledger, record.id)
