"""A run's first node: understand the PRD, plan, and put the PRD where agents read it.

A PRD that describes no entities is a valid document, but no skill can act on it: the run asks, and an answer brings
the completed PRD. Nothing is written to the workspace before the PRD is understood.
"""

from __future__ import annotations

from pathlib import Path

from handoff.feature import feature_of
from handoff.problems import HandoffMissing
from handoff.store import Handoff, read_file, write_atomically
from orchestrator.context import PRD, Receipt, RunContext
from orchestrator.outcome import StepOutcome
from orchestrator.plan import Plan, make_plan
from orchestrator.step import ask
from schemas.errors import InputError
from schemas.feature import Feature
from schemas.handoffs import FeaturePrd

NODE = "intake"


class PrdMissing(InputError):
    """There is no PRD to read."""

    code = "prd_missing"


def read_prd(path: Path) -> Handoff:
    """Return the PRD at `path`.

    Raises:
        InputError: With every problem found.
    """
    if path.is_dir():
        raise PrdMissing(f"`{path}` is a folder; name the PRD in it, for example `{path / 'feature-prd.md'}`.")
    try:
        return read_file(path, "feature-prd")
    except HandoffMissing as error:
        raise PrdMissing(f"there is no PRD `{path}`. `baton init DIR` writes one to start from.") from error


def understand(prd: Handoff) -> Feature:
    """Return the feature that a PRD describes.

    Raises:
        HandoffInvalid: With every problem found.
        FeatureIncomplete: It has prose only.
    """
    return feature_of(FeaturePrd.model_validate(prd.data), file=str(prd.path), lines=prd.lines)


async def intake(run: RunContext, answer: str | None) -> StepOutcome:
    """Understand the PRD, or ask for what it lacks; plan; publish the PRD.

    Raises:
        WorkspaceConflict: Files stand where the planned agents would write.
    """
    if run.understood:
        return StepOutcome(status="published", files=1)
    try:
        if answer is not None:
            take_answer(run, answer)
        plan = make_plan(understand(read_prd(run.prd)), run.pipeline, run.registry)
    except InputError as error:
        return await ask(run, NODE, f"The PRD cannot be used.\n{error}\n{_HOW}")
    run.plan = plan
    await run.ledger.set_plan(run.run_id, plan.feature.title, plan.fingerprint())
    run.events.emit(plan.event())
    await refuse_conflicts(run, plan)
    await _publish(run)
    run.understood = True
    return StepOutcome(status="published", files=1)


_HOW = "Answer with the path of the corrected PRD, or with its text."


def take_answer(run: RunContext, answer: str) -> None:
    """Replace the run's PRD by the one that an answer names, or holds if it has more than one line.

    Raises:
        InputError: There is no such file, or it is no PRD.
    """
    content = answer.encode() if "\n" in answer else read_prd(Path(answer).expanduser()).raw
    write_atomically(run.prd, content)


async def refuse_conflicts(run: RunContext, plan: Plan) -> None:
    """Refuse a workspace with files that Baton did not write where the plan's agents write.

    Raises:
        WorkspaceConflict: With every such file.
    """
    working = [agent for agent in run.pipeline.agents if plan.agent(agent.name).active]
    run.workspace.refuse_conflicts(working, await run.recorded())


async def _publish(run: RunContext) -> None:
    prd = read_prd(run.prd)
    receipt = Receipt(agent=NODE, files={PRD: prd.sha256})
    await run.ledger.save_receipt(run.run_id, NODE, receipt.model_dump(mode="json"))
    run.workspace.publish({PRD: prd.raw}, await run.recorded())
    await run.ledger.mark_published(run.run_id, NODE)
