"""The first half of a step: read the handoffs, run the skills, merge what they made. Nothing is written."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from agents.contracts import Reads
from agents.ownership import owns
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.store import Handoff
from orchestrator.planning.pipeline import BoundStep
from orchestrator.planning.plan import Plan
from orchestrator.records.answers import UseTemplate
from orchestrator.records.events import SkillStarted
from orchestrator.steps.beforehand import changed_since
from orchestrator.steps.context import RunContext
from orchestrator.steps.findings import findings_for
from orchestrator.steps.questions import decided
from orchestrator.steps.staging import stage_published
from schemas.base import JSON, Document
from skills.core.contribution import Contribution, merge
from skills.core.executor import SkillFailed, TemplateExecutor
from skills.core.formatting import format_python
from skills.core.paths import path_problems
from skills.core.skill_context import Rework, SkillContext
from skills.design.agreement import DesignContradicted
from skills.design.contract import api_contract


@dataclass(frozen=True, slots=True)
class Broken:
    """A handoff that the agent needs is missing or wrong; `question` says so to a person."""

    question: str


def read_handoffs(run: RunContext, step: BoundStep) -> dict[str, Handoff] | Broken:
    """Return the handoffs that the agent reads, by name, their files staged."""
    found: dict[str, Handoff] = {}
    for reads in step.agent.reads:
        try:
            handoff = run.handoffs.read(reads.contract)
        except HandoffMissing as error:
            if reads.required:
                return _broken(run, step, reads, str(error))
            continue
        except HandoffInvalid as error:
            return _broken(run, step, reads, str(error))
        changed = stage_published(run.tree(step.name), run.workspace.root, handoff)
        if changed:
            listed = "\n".join(f"  {path}" for path in changed)
            problem = f"Files of `{run.handoffs.name(reads.contract)}` are missing or changed since:\n{listed}"
            return _broken(run, step, reads, problem)
        found[reads.name] = handoff
    return _disagreement(run, step, found) or found


def _disagreement(run: RunContext, step: BoundStep, found: Mapping[str, Handoff]) -> Broken | None:
    """Return what keeps the agent from its work: what was agreed beforehand is not what the run was begun with."""
    assert run.state.plan is not None  # noqa: S101 - the intake comes first
    try:
        problem = changed_since(run, run.state.plan.feature, found)
    except DesignContradicted as error:
        problem = str(error)
    if problem is None:
        return None
    return Broken(
        f"The {step.agent.title} agent cannot keep what was agreed beforehand.\n{problem}\n"
        "Then answer `done` and resume the run; or answer `give up`."
    )


def _broken(run: RunContext, step: BoundStep, reads: Reads, problem: str) -> Broken:
    asked = f"{reads.question}\n" if reads.question else ""
    path = run.workspace.root / run.handoffs.name(reads.contract)
    return Broken(
        f"{asked}The {step.agent.title} agent cannot work without the handoff `{reads.contract}`.\n{problem}\n"
        f"Put it right at `{path}`, answer `done`, then resume the run; or answer `give up`."
    )


@dataclass(kw_only=True, slots=True)
class Round:
    """One go at a step's skills.

    `kept` is work of the round before that stands, `rework` what goes back, both by skill. `outputs` are filled while
    the skills run, skill by skill; `modelled` are those that a model worked on, in this round or before.
    """

    kept: Mapping[str, Contribution] = field(default_factory=dict)
    rework: Mapping[str, Rework] = field(default_factory=dict)
    outputs: dict[str, Contribution] = field(default_factory=dict)
    modelled: set[str] = field(default_factory=set)


async def run_skills(
    run: RunContext, plan: Plan, step: BoundStep, handoffs: Mapping[str, Handoff], this: Round
) -> Mapping[str, Contribution]:
    """Run the agent's skills one after the other and return their outputs by name.

    Raises:
        RunError: A skill failed, or two of them made the same file.
        ModelFailed: A model left nothing that can be used.
    """
    materials: dict[str, Document | JSON] = {name: handoff.data for name, handoff in handoffs.items()}
    materials["feature"] = plan.feature
    materials["contract"] = api_contract(plan.feature)
    materials["findings"] = [each.model_dump(mode="json") for each in findings_for(run, step.name)]
    if plan.api_document and (document := run.tree(step.name) / plan.api_document).is_file():
        materials["openapi"] = cast("JSON", json.loads(document.read_bytes()))
    executor = TemplateExecutor() if isinstance(decided(run, step.name), UseTemplate) else run.services.executor
    bench = SkillContext(
        agent=step.agent.name,
        step=step.name,
        tree=run.tree(step.name),
        owned=partial(owns, step.agent),
        owns=step.agent.owns,
        excludes=step.agent.excludes,
        meter=run.services.meter,
    )
    for skill in plan.skills[step.name]:
        if skill.name in this.kept:
            this.outputs[skill.name] = this.kept[skill.name]
            continue
        run.events.emit(SkillStarted(agent=step.agent.name, step=step.name, skill=skill.name))
        started, before = time.monotonic(), run.services.meter.skill(step.name, skill.name)
        offered = {**materials, "assembled": merge(list(this.outputs.items()))}
        place = replace(bench, rework=this.rework.get(skill.name))
        output = this.outputs[skill.name] = await executor.execute(skill, offered, place)
        seconds = round(time.monotonic() - started, 3)
        if run.services.meter.finish(step.name, skill.name, files=len(output.files), seconds=seconds, before=before):
            this.modelled.add(skill.name)
    return this.outputs


async def assemble(outputs: Mapping[str, Contribution]) -> dict[str, str]:
    """Return the text of every file the skills made, by path, Python settled in style.

    Raises:
        RunError: Two skills made the same file, or Python does not parse.
    """
    merged = merge(list(outputs.items()))
    problems = path_problems(merged.files)
    if problems:
        raise SkillFailed(", ".join(outputs), problems)
    makers = {file.path: skill for skill, output in outputs.items() for file in output.files}
    formatted = await asyncio.to_thread(format_python, merged.files, makers)
    return {file.path: file.content for file in formatted}
