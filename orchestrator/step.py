"""One agent's step: read → skills → assemble → guard → check → publish.

Every way out of a step is in `work` and `make`. Nothing reaches the workspace before `publish`, and what reaches it is
what was checked: the receipt names each file by hash before the first one is moved, so a run that is killed while it
publishes goes on publishing, and one that is killed earlier does the step again.

Not here: the parts of a step (`orchestrator.making`, `orchestrator.measuring`, `orchestrator.publishing`).
"""

from __future__ import annotations

import asyncio
import time

from agents.agent import Agent, Work
from orchestrator.context import Ahead, Receipt, RunContext
from orchestrator.events import QuestionAsked, StepFinished, StepStarted
from orchestrator.making import Broken, assemble, read_handoffs, run_skills
from orchestrator.measuring import guard, measure
from orchestrator.outcome import StepOutcome
from orchestrator.plan import Plan
from orchestrator.publishing import publish, refuse_fixed, staged_receipt, write_receipt
from orchestrator.storage.ledger import Question
from schemas.errors import RunError


async def work(run: RunContext, plan: Plan, agent: Agent) -> StepOutcome:
    """Do one agent's step and return how it ended.

    Raises:
        RunError: The step could not go on, through no fault of the agent's work; it can be repeated.
        WorkspaceConflict: A file that the step writes was changed meanwhile.
    """
    if not plan.agent(agent.name).active:
        return StepOutcome(status="skipped")
    begun = run.ahead.pop(agent.name, None)
    receipt = await begun.making if begun else await staged_receipt(run, agent) or await make(run, plan, agent)
    if isinstance(receipt, StepOutcome):
        return receipt
    await publish(run, agent, receipt)
    return StepOutcome(
        status="published",
        files=len(receipt.files),
        handoff=run.handoffs.name(agent.writes),
        handoff_sha256=receipt.handoff_sha256,
    )


async def make(run: RunContext, plan: Plan, agent: Agent) -> Receipt | StepOutcome:
    """Make, guard and check an agent's work; return what to publish, or how the step ended instead."""
    handoffs = read_handoffs(run, agent)
    if isinstance(handoffs, Broken):
        return await ask(run, agent.name, handoffs.question)
    try:
        outputs = await run_skills(run, plan, agent, handoffs)
        made = await assemble(outputs)
    except RunError as error:
        return StepOutcome.failure((str(error),))
    if problems := guard(run, agent, made, handoffs) or await refuse_fixed(run, agent, made):
        return StepOutcome.failure(problems)
    todo = Work(
        task=plan.feature.title,
        timestamp=run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        feature=plan.feature,
        handoffs={name: handoff.data for name, handoff in handoffs.items()},
        outputs=outputs,
        files=tuple(sorted(made)),
    )
    measured = await measure(run, plan, agent, todo, made)
    if measured.problems:
        return StepOutcome.failure(measured.problems, measured.log)
    derived = {path: text for path, text in measured.files.items() if made.get(path) != text}
    if problems := guard(run, agent, derived, handoffs) or await refuse_fixed(run, agent, measured.files):
        return StepOutcome.failure(problems)
    return await write_receipt(run, agent, measured, handoffs)


async def step(run: RunContext, plan: Plan, agent: Agent) -> StepOutcome:
    """Do one agent's step with its events around it. Raises as `work` does."""
    begun = run.ahead.get(agent.name)
    started = begun.started if begun else time.monotonic()
    if begun is None:
        run.events.emit(StepStarted(agent=agent.name))
    outcome = await work(run, plan, agent)
    run.events.emit(
        StepFinished(
            agent=agent.name,
            status=outcome.status,
            seconds=round(time.monotonic() - started, 3),
            files=outcome.files,
            problems=outcome.problems,
            log=outcome.log,
        )
    )
    return outcome


def begin_ahead(run: RunContext, plan: Plan) -> Ahead | None:
    """Begin to make the first agent's work before the graph asks for it, while LangGraph is still being imported.

    Making changes nothing outside the run's own folder and rows, so it does no harm if the graph never asks.
    """
    for agent in run.pipeline.agents:
        if plan.agent(agent.name).active:
            run.events.emit(StepStarted(agent=agent.name))
            making = asyncio.create_task(make(run, plan, agent), name=f"{agent.name}, begun ahead")
            run.ahead[agent.name] = Ahead(started=time.monotonic(), making=making)
            return run.ahead[agent.name]
    return None


async def ask(run: RunContext, node: str, text: str) -> StepOutcome:
    """Ask a person. A question that is still open is not asked twice."""
    earlier = [question for question in await run.ledger.questions(run.run_id) if question.node == node]
    answered = sum(question.answer is not None for question in earlier)
    question = await run.ledger.ask(
        Question(id=f"{run.run_id}-{node}-{answered + 1}", run_id=run.run_id, node=node, text=text)
    )
    run.events.emit(QuestionAsked(question=question.id, node=node, text=question.text))
    return StepOutcome(status="waiting", question=question.id, question_text=question.text)
