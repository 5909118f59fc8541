"""Take a run up again: what must hold before it may go on, where it goes on, and what it does not do again.

A run that is retried, forked, or resumed with other skills goes on in a new LangGraph thread from its first node; the
steps that are done answer from the ledger. One that only paused or was killed goes on in its thread.

Not here: what callers see (`orchestrator.orchestrator`).
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agents.checks.orphans import end_orphans
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import sha256
from handoff.store import write_atomically
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.fingerprint import Fingerprint, Resumption, compare, fingerprint
from orchestrator.planning.pipeline import AgentUnknown, Pipeline
from orchestrator.planning.plan import make_plan
from orchestrator.planning.policy import Policy, PolicyChange
from orchestrator.planning.workflow import Workflow
from orchestrator.planning.workflows import Workflows
from orchestrator.records.events import QuestionAnswered, RunResumed, RunStatus
from orchestrator.runtime.answers import give_answer
from orchestrator.runtime.engine import Engine
from orchestrator.runtime.run import Run
from orchestrator.steps.beforehand import with_beforehand
from orchestrator.steps.context import PRD, RunContext
from orchestrator.steps.external.collect import OutsideUnfinished, answer_finished
from orchestrator.steps.external.status import waiting
from orchestrator.steps.intake.intake import NODE as INTAKE
from orchestrator.steps.intake.intake import adopt, read_prd, refuse_conflicts, understand
from orchestrator.steps.questions import raised
from orchestrator.steps.workspace import Workspace
from orchestrator.storage import runs
from orchestrator.storage.repositories import Ledger
from orchestrator.storage.runs import ENDED, OPEN, RunDetails, RunRefused
from schemas.errors import InputError

if TYPE_CHECKING:
    from orchestrator.runtime.langgraph.driver import Begin, Driver


async def resume_run(
    engine: Engine,
    workflows: Workflows,
    run_id: str,
    *,
    again: bool = False,
    agent: str | None = None,
    change: PolicyChange | None = None,
) -> Run:
    """Go on with a run; with `again`, do its steps again from `agent` on, or those that are not done.

    `change` is what is to be different about its policy.

    Raises:
        RunUnknown: There is no such run.
        RunBusy: Somebody works on it.
        RunRefused: It stands where it may not be taken from, or what it was begun with changed too much.
        NothingToResume: It waits for an answer.
        OutsideUnfinished: It waits for work done outside, which cannot be taken yet.
        WorkspaceBusy: Another run is in its workspace.
        WorkspaceConflict: Files in its workspace changed.
    """
    opened = await engine.opened()
    ledger = opened.ledger
    known = await ledger.runs.get(run_id)
    await ledger.questions.settle(run_id)
    pipeline, workspace = pipeline_of(known, workflows), workspace_of(known)
    async with AsyncExitStack() as held, claimed(ledger, run_id, (*OPEN, *ENDED) if again else OPEN) as before:
        held.enter_context(workspace.lock())
        stored = Policy.model_validate(before.policy)
        context = await engine.context(
            opened,
            run_id=run_id,
            started_at=before.started_at,
            workspace=workspace,
            pipeline=pipeline,
            policy=change.of(stored) if change else stored,
            prd_sha256=before.prd,
        )
        resumption = await restore(context, before)
        engine.prepare(context.state.plan)
        if again:
            await forget(context, steps_again(context, agent))
        begin: Begin
        if again or resumption.rule == "migrates":
            generation, begin = await ledger.runs.next_generation(run_id), {"run": run_id}
        else:
            generation = before.generation
            driver = await engine.driver(context, generation)
            begin = await _go_on(context, driver)
        revise(context, stored, change)
        announce(context, "resumed" if not again else f"retried from {agent}" if agent else "retried")
        run = Run(context, functools.partial(engine.driver, generation=generation), resumption=resumption)
        run.begin(held, begin)
    engine.watch(run)
    return run


async def _go_on(context: RunContext, driver: Driver) -> Begin:
    """Return where the graph goes on, once work that was done outside is taken as the answer it is.

    Raises:
        NothingToResume: The run waits for an answer.
        OutsideUnfinished: It waits for work that cannot be taken yet.
    """
    left = await answer_finished(context, functools.partial(give_answer, context.services.ledger, context.id))
    try:
        return await driver.begin(context.id, context.state.questions)
    except InputError as error:
        if not left:
            raise
        raise OutsideUnfinished(context.id, left) from error


@asynccontextmanager
async def claimed(ledger: Ledger, run_id: str, allowed: tuple[RunStatus, ...]) -> AsyncIterator[RunDetails]:
    """Own a run; yield it as it was. If what is done with it fails, it is put back to where it was.

    Raises:
        RunUnknown: There is no such run.
        RunBusy: Somebody works on it.
        RunRefused: It stands where it may not be taken from.
    """
    await ledger.owner.hold()
    before = await ledger.runs.claim(run_id, ledger.owner.id, from_=allowed)
    try:
        yield before
    except BaseException:
        await ledger.runs.release(before)
        raise


def pipeline_of(run: RunDetails, workflows: Workflows) -> Pipeline:
    """Return the workflow that a run was started with, bound to the agents that are there now.

    Raises:
        RunRefused: One of its agents is no longer there.
    """
    try:
        return workflows.bind(Workflow.model_validate(run.shape))
    except AgentUnknown as error:
        raise _refused(run.id, (str(error),)) from error


def workspace_of(run: RunDetails) -> Workspace:
    """Return a run's workspace.

    Raises:
        RunRefused: It was deleted.
    """
    workspace = Workspace(workspace_root(run))
    if not workspace.root.is_dir():
        raise RunRefused(
            f"the workspace `{run.workspace}` of run `{run.id}` is gone. Put it back; or have what the run published"
            f" written elsewhere, and go on there, with `baton fork {run.id} --workspace DIR`."
        )
    return workspace


def workspace_root(run: RunDetails) -> Path:
    """Return the folder of a run's workspace, whether or not it is there."""
    return Path(run.workspace)


async def restore(context: RunContext, before: RunDetails) -> Resumption:
    """Bring a run's context to where the run stopped, its folder included; return the rule by which it goes on.

    Raises:
        RunRefused: What it was begun with changed too much, or its PRD did.
        WorkspaceConflict: Files in its workspace changed.
        ContentLost: Its PRD is gone.
    """
    if before.status == "running":
        await end_orphans(context.id)
    await _restore_prd(context)
    await context.load()
    context.services.meter.restore(await context.events.load(context.services.ledger.database))
    if before.fingerprint is None:
        return Resumption(rule="continues")
    _refuse_changed_prd(context)
    feature = understand(read_prd(context.prd), catalogue_of(context.services.registry, context.pipeline.toolchains))
    plan = make_plan(with_beforehand(context, feature), context.pipeline, context.services.registry)
    old, new = (
        Fingerprint.model_validate(before.fingerprint),
        fingerprint(context.pipeline, plan, context.state.policy.model),
    )
    resumption = compare(old, new, context.state.done(), _unread(context))
    if resumption.rule == "refuses":
        raise _refused(context.id, resumption.reasons)
    adopt(context, plan)
    if not any(waiting(context)):  # else whatever stands where it should not is listed with the rest of what is wrong
        await refuse_conflicts(context, plan)
    return resumption


def revise(context: RunContext, stored: Policy, change: PolicyChange | None) -> None:
    """Have new answers and `change` count, and be remembered."""
    new = [
        each for each in context.state.questions.values() if not each.is_open and each.id not in context.events.answered
    ]
    for each in (*(PolicyChange(model=raised(question)) for question in new), change or PolicyChange()):
        context.state.policy = each.of(context.state.policy)
    if context.state.policy != stored:
        context.events.note(runs.revised(context.id, context.state.policy.model_dump(mode="json")))
    if context.state.policy.model is not None:
        context.services.meter.budget = context.state.policy.model.budget()


def announce(context: RunContext, reason: str) -> None:
    """Tell that a run that paused or ended goes on, and which answers came. One that was killed just goes on."""
    if context.events.paused:
        context.services.meter.begin_anew()
        context.events.emit(RunResumed(run=context.id, reason=reason))
    for question in context.state.questions.values():
        if question.answered_by is not None and question.id not in context.events.answered:
            told = QuestionAnswered(question=question.id, node=question.node, by=question.answered_by)
            context.events.emit(told)


def steps_again(context: RunContext, agent: str | None) -> tuple[str, ...]:
    """Return the steps to do again: from `agent` on, or from what is not done.

    Raises:
        AgentUnknown: No step of the run has that name.
        RunRefused: Everything is done, or something before `agent` is not.
    """
    done, run_id = context.state.done(), context.id
    if agent is None:
        if INTAKE not in done:
            return (INTAKE, *context.pipeline.names)
        returned = {owner for name in context.pipeline.names for owner in context.step(name).returns_to}
        undone = [name for name in context.pipeline.names if name not in done or name in returned]
        if not undone:
            raise RunRefused(f"every step of run `{run_id}` is done. Name the first one to do again with `--from`.")
        return tuple(dict.fromkeys(each for name in undone for each in context.pipeline.downstream(name)))
    again = context.pipeline.downstream(context.pipeline.step(agent).name)
    missing = sorted(({INTAKE} | context.pipeline.upstream(agent)) - done)
    if missing:
        raise RunRefused(
            f"`{agent}` cannot be done again in run `{run_id}`: before it, {', '.join(missing)} is not done."
        )
    return again


async def forget(context: RunContext, steps: tuple[str, ...]) -> None:
    """Have `steps` done again."""
    await context.services.ledger.steps.supersede(context.id, steps)
    context.state.forget(steps)


async def _restore_prd(context: RunContext) -> None:
    """Have the run's own copy of its PRD as it was, whatever became of the run's folder."""
    if context.prd.is_file() and sha256(context.prd.read_bytes()) == context.state.prd_sha256:
        return
    found = await context.services.ledger.content.get([context.state.prd_sha256])
    context.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(context.prd, found[context.state.prd_sha256])


def _refuse_changed_prd(context: RunContext) -> None:
    if INTAKE in context.state.done() and context.workspace.sha256(PRD) != context.state.prd_sha256:
        prd = context.workspace.root / PRD
        raise RunRefused(
            f"the PRD `{prd}` is not the one that run `{context.id}` works from.\n"
            f"Undo the change, then resume; or build what it says now elsewhere: `baton run {prd} --workspace DIR`."
        )


def _unread(context: RunContext) -> list[str]:
    """Return the done steps whose handoff does not satisfy its contract as it is now."""
    found = []
    for name in context.state.receipts():
        if name != INTAKE:
            try:
                context.handoffs.read(context.pipeline.step(name).agent.writes)
            except HandoffMissing:
                continue  # asked about by the step that needs it
            except HandoffInvalid:
                found.append(name)
    return found


def _refused(run_id: str, reasons: tuple[str, ...]) -> RunRefused:
    listed = "".join(f"\n  {reason}" for reason in reasons)
    return RunRefused(
        f"run `{run_id}` cannot go on: what it was begun with changed.{listed}\n"
        f"Undo that, do the steps again with `baton retry {run_id} --from AGENT`, or start anew with `baton run`."
    )
