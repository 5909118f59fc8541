"""What stands between an agent's work and its publication: guards, files that may not change, checks.

Whoever did the work, this is the same for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from agents.contracts import Work
from handoff.store import Handoff
from orchestrator.planning.pipeline import BoundStep
from orchestrator.planning.plan import Plan
from orchestrator.steps.context import RunContext
from orchestrator.steps.publish import refuse_fixed
from orchestrator.steps.run_checks import Measured, guard, measure
from skills.core.contribution import Contribution
from skills.design.contract import api_contract


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why work cannot be published; `log` is the path of what the failing tool said."""

    problems: tuple[str, ...]
    log: str | None = None


async def verify(
    run: RunContext,
    plan: Plan,
    step: BoundStep,
    handoffs: Mapping[str, Handoff],
    outputs: Mapping[str, Contribution],
    made: Mapping[str, str],
) -> Measured | Refusal:
    """Return what checks measured in an agent's work, or why it cannot be published.

    Args:
        run: At work.
        plan: Of the run.
        step: Whose work it is.
        handoffs: Those it read, by name.
        outputs: What its skills state, by skill.
        made: The text of every file, by path.

    Raises:
        RunError: A check could not be run at all.
    """
    problems = guard(run, step, made, handoffs) or _of_other_steps(run, step, made)
    if problems := problems or await refuse_fixed(run, step, made):
        return Refusal(problems=problems)
    todo = Work(
        task=plan.feature.title,
        timestamp=run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        feature=plan.feature,
        handoffs={name: handoff.data for name, handoff in handoffs.items()},
        outputs=outputs,
        files=tuple(sorted(made)),
        contract=api_contract(plan.feature),
    )
    measured = await measure(run, plan, step, todo, made)
    if measured.problems:
        return Refusal(problems=measured.problems, log=measured.log)
    derived = {path: text for path, text in measured.files.items() if made.get(path) != text}
    if problems := guard(run, step, derived, handoffs) or await refuse_fixed(run, step, measured.files):
        return Refusal(problems=problems)
    return measured


def _of_other_steps(run: RunContext, step: BoundStep, made: Mapping[str, str]) -> tuple[str, ...]:
    """Return a problem for each file that would change what another step has published: its handoff would lie."""
    others = {name: receipt.files for name, receipt in run.state.receipts().items() if name != step.name}
    return tuple(
        f"`{path}` is what the step `{name}` published; a step leaves the files of other steps as they are"
        for name, files in others.items()
        for path, sha256 in files.items()
        if path in made and hashlib.sha256(made[path].encode()).hexdigest() != sha256
    )
