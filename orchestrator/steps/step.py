"""One node's step: read → skills → assemble → guard → check → publish, once.

Every way out of a step is in `work` and `make`. A step that is done is not done again, whoever calls for it: its
outcome is in the ledger. Nothing reaches the workspace before `publish`, and what reaches it is what was checked: the
receipt names each file by hash and is stored, contents and all, before the first one is moved. So a run that is killed
while it publishes goes on publishing, and one that is killed earlier does the step again.

Not here: the parts of a step (`orchestrator.steps.repair` has the work done and examined,
`orchestrator.steps.publish`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from handoff.store import Handoff
from orchestrator.planning.pipeline import BoundStep, digest
from orchestrator.planning.plan import Plan
from orchestrator.records.events import HandoffPublished, StepFinished, StepRetried, StepStarted
from orchestrator.records.outcome import StepOutcome
from orchestrator.records.receipt import Receipt
from orchestrator.steps import question_files
from orchestrator.steps.context import RunContext
from orchestrator.steps.execute import Broken, read_handoffs
from orchestrator.steps.external import folder
from orchestrator.steps.external.collect import ask_outside, work_outside
from orchestrator.steps.external.status import is_handed_in, is_outside
from orchestrator.steps.findings import findings_for, take_back, tell_returned, to_return
from orchestrator.steps.intake.intake import NODE as INTAKE
from orchestrator.steps.intake.intake import intake, shown_plan
from orchestrator.steps.publish import make_receipt, publish, recall, record
from orchestrator.steps.questions import answered, ask, is_approved, refusal
from orchestrator.steps.repair import ask_about_model, execute_with_repairs
from orchestrator.steps.retry import step_time_limit, with_retries
from orchestrator.steps.verify import Refusal
from orchestrator.steps.workspace import WorkspaceConflict
from orchestrator.storage import steps
from orchestrator.storage.database import DatabaseLost
from orchestrator.storage.questions import Question
from orchestrator.storage.steps import StepAttempt
from orchestrator.storage.writer import OwnerLost
from orchestrator.telemetry.logs import bind
from schemas.errors import RunError
from skills.model.errors import ModelFailed


async def step(run: RunContext, node: str) -> StepOutcome:
    """Do a node's step, or return what came of it if it is done.

    Raises:
        DatabaseLost: What was done cannot be remembered.
        OwnerLost: The run is somebody else's now.
    """
    early, run.step(node).early = run.step(node).early, None
    return await (early or _step(run, node))


async def _step(run: RunContext, node: str) -> StepOutcome:
    bind(run=run.id, **({} if node == INTAKE else {"agent": run.agent_name(node), "step": node}))
    if node == INTAKE:
        await take_back(run)
    known = run.step(node).attempt
    answer = None
    if known is not None and known.outcome is not None:
        answer = answered(run, known.outcome)
        if answer is None:
            return known.outcome
    return await _attempt(run, node, known, answer)


async def _attempt(run: RunContext, node: str, known: StepAttempt | None, answer: Question | None) -> StepOutcome:
    started = time.monotonic()
    if node != INTAKE:
        run.events.emit(StepStarted(agent=run.agent_name(node), step=node))
    outcome = await _outcome(run, node, known, answer)
    attempt = _current(run, node)
    rows = [steps.finish(run.id, attempt, outcome)]
    if outcome.handoff is not None and outcome.handoff_sha256 is not None:
        contract = run.pipeline.step(node).agent.writes
        rows.append(steps.handoff(run.id, attempt, contract, outcome.handoff, outcome.handoff_sha256))
        run.events.emit(
            HandoffPublished(agent=run.agent_name(node), step=node, path=outcome.handoff, sha256=outcome.handoff_sha256)
        )
    await run.events.commit(*rows, event=None if node == INTAKE else _finished(run, node, outcome, started))
    run.step(node).attempt = attempt.model_copy(update={"status": outcome.status, "outcome": outcome})
    if outcome.status == "returned":
        run.step(node).note_returned(outcome)
    if outcome.question is not None:
        await question_files.show(run.services.ledger.questions, run.workspace.root, [outcome.question])
    return outcome


async def _outcome(run: RunContext, node: str, known: StepAttempt | None, answer: Question | None) -> StepOutcome:
    """Return how the step ended; what can go wrong with the work, the tools or the disk is an outcome, too."""
    if answer is not None and (reason := refusal(answer)):
        _begin(run, node, digest(answer.id))
        problems = known.outcome.problems if known and known.outcome else ()
        return StepOutcome(status="failed" if problems else "rejected", problems=(*problems, reason))
    try:
        async with step_time_limit(run.state.policy.step_seconds, node):
            if node == INTAKE:
                attempt = _killed_publishing(known, run.state.prd_sha256) or _begin(run, node, run.state.prd_sha256)
                return await intake(run, attempt, answer)
            return await work(run, run.plan, run.plan.bound[node])
    except (DatabaseLost, OwnerLost):
        raise
    except ModelFailed as error:
        _begin_unless_begun(run, node)
        return ask_about_model(run, node, error)
    except (RunError, WorkspaceConflict, OSError, MemoryError) as error:
        _begin_unless_begun(run, node)
        return _failed(run, node, StepOutcome.failure((_told(error),)))


async def work(run: RunContext, plan: Plan, step: BoundStep) -> StepOutcome:
    """Do one agent's work and return how it ended.

    Raises:
        ModelFailed: A model left nothing that can be published.
        RunError: A tool, a skill or the disk failed.
        WorkspaceConflict: A file that the step writes was changed meanwhile.
    """
    if not plan.step(step.name).active:
        _begin(run, step.name, "")
        return StepOutcome(status="skipped")
    if run.state.policy.approve == "each-agent" and not is_approved(run, step.name):
        _begin(run, step.name, "")
        return ask(run, step.name, "approval", f"{shown_plan(run, step.name)}\nShall it do this?")
    made = await with_retries(lambda: make(run, plan, step), on_retry=_Retried(run, step.name))
    if isinstance(made, StepOutcome):
        return made
    receipt, contents = made
    await publish(run, receipt, contents)
    if is_outside(run, step.name):
        folder.clear(run.workspace.root, step, run.handoffs)
    returned = to_return(run, step, receipt.findings)
    tell_returned(run, step, returned)
    return StepOutcome(
        status="returned" if returned else "published",
        files=len(receipt.files),
        handoff=run.handoffs.name(step.agent.writes),
        handoff_sha256=receipt.handoff_sha256,
        findings=receipt.findings,
        returned=returned,
    )


async def make(run: RunContext, plan: Plan, step: BoundStep) -> tuple[Receipt, dict[str, bytes]] | StepOutcome:
    """Make, guard and check an agent's work; return what to publish, or how the step ended instead.

    Raises:
        ModelFailed: A model left nothing that can be published.
        RunError: A tool or a skill could not be run.
    """
    handoffs = read_handoffs(run, step)
    if isinstance(handoffs, Broken):
        _begin(run, step.name, digest(handoffs.question))
        return ask(run, step.name, "handoff", handoffs.question)
    inputs = _input_hash(run, step, handoffs)
    if killed := _killed_publishing(run.step(step.name).attempt, inputs):
        receipt = Receipt.model_validate(killed.receipt)
        return receipt, await recall(run, receipt)
    attempt, outside = _begin(run, step.name, inputs), is_outside(run, step.name)
    if outside and not is_handed_in(run, step.name):
        return ask_outside(run, step.name, tuple(map(str, findings_for(run, step.name))))
    measured = await (work_outside if outside else execute_with_repairs)(run, plan, step, handoffs)
    if isinstance(measured, Refusal):
        if outside:
            return ask_outside(run, step.name, measured.problems, measured.log)
        return _failed(run, step.name, StepOutcome.failure(measured.problems, measured.log))
    receipt, contents = make_receipt(run, step, measured, handoffs)
    await record(run, attempt, receipt, contents)
    return receipt, contents


def begin_early(run: RunContext) -> None:
    """Begin the first agent's work before the graph asks for it, while LangGraph is still being imported.

    It is the same step: the graph, when it comes to it, waits for its outcome.
    """
    for step in run.pipeline.steps:
        if run.plan.step(step.name).active and not run.pipeline.before(step.name):
            run.step(step.name).early = asyncio.create_task(_step(run, step.name), name=f"{step.name}, begun early")
            return


def _killed_publishing(known: StepAttempt | None, input_hash: str) -> StepAttempt | None:
    """Return the last attempt if it has its receipt and no outcome, and was at the same work: it is to be finished."""
    if known is None or known.outcome is not None or known.receipt is None or known.input_hash != input_hash:
        return None
    return known


def _begin(run: RunContext, node: str, input_hash: str) -> StepAttempt:
    """Note that an attempt at a step begins; return it."""
    this = run.step(node)
    this.attempts += 1
    this.attempt = attempt = StepAttempt(step=node, attempt=this.attempts, status="begun", input_hash=input_hash)
    run.events.note(steps.begin(run.id, attempt))
    return attempt


def _begin_unless_begun(run: RunContext, node: str) -> None:
    attempt = run.step(node).attempt
    if attempt is None or attempt.outcome is not None:
        _begin(run, node, "")


def _current(run: RunContext, node: str) -> StepAttempt:
    attempt = run.step(node).attempt
    assert attempt is not None  # noqa: S101 - every way through a step begins one
    return attempt


def _failed(run: RunContext, node: str, outcome: StepOutcome) -> StepOutcome:
    """Return a failure, or a question: what to do if the policy says so, or for work done outside, once more."""
    if node != INTAKE and is_outside(run, node):
        return ask_outside(run, node, outcome.problems, outcome.log)
    if run.state.policy.on_failure == "fail":
        return outcome
    listed = "\n".join(outcome.problems)
    return ask(run, node, "failure", f"{node} failed:\n{listed}\nTry again, or give up?", of=outcome)


def _input_hash(run: RunContext, step: BoundStep, handoffs: Mapping[str, Handoff]) -> str:
    """Return what must be the same for work that was made before a crash to be published after it."""
    skills = run.state.fingerprint.skills.get(step.name, {}) if run.state.fingerprint else {}
    toolchains = run.state.fingerprint.toolchains.get(step.name, {}) if run.state.fingerprint else {}
    return digest(
        {
            "prd": run.state.prd_sha256,
            "reads": {name: handoff.sha256 for name, handoff in handoffs.items()},
            "skills": dict(skills),
            "toolchains": dict(toolchains),
        }
    )


def _finished(run: RunContext, node: str, outcome: StepOutcome, started: float) -> StepFinished:
    return StepFinished(
        agent=run.agent_name(node),
        step=node,
        status=outcome.status,
        seconds=round(time.monotonic() - started, 3),
        files=outcome.files,
        problems=outcome.problems,
        log=outcome.log,
    )


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f" at `{error.filename}`" if error.filename else ""
        return f"the system refuses: {error.strerror or error}{where}. Put it right, then `baton retry`."
    if isinstance(error, MemoryError):
        return "Baton ran out of memory. Give it more, then `baton retry`."
    return str(error)


class _Retried:
    """Tells of an attempt that failed for a reason that may pass."""

    def __init__(self, run: RunContext, node: str) -> None:
        self._run, self._node = run, node

    def __call__(self, attempt: int, error: BaseException, seconds: float) -> None:
        agent = self._run.agent_name(self._node)
        told = StepRetried(agent=agent, step=self._node, attempt=attempt, problem=str(error), wait=round(seconds, 3))
        self._run.events.emit(told)
