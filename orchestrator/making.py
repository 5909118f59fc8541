"""The first half of a step: read the handoffs, run the skills, merge what they made. Nothing is written."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from agents.agent import Agent, Reads
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.store import Handoff
from orchestrator.context import RunContext
from orchestrator.events import SkillFinished, SkillStarted
from orchestrator.ownership import owns
from orchestrator.plan import Plan
from orchestrator.staging import stage_published
from schemas.base import JSON, Document
from skills.contribution import Contribution, merge
from skills.executor import SkillFailed
from skills.formatting import format_python
from skills.paths import path_problems
from skills.workbench import Workbench

OPENAPI = "openapi.json"


@dataclass(frozen=True, slots=True)
class Broken:
    """A handoff that the agent needs is missing or wrong; `question` says so to a person."""

    question: str


def read_handoffs(run: RunContext, agent: Agent) -> dict[str, Handoff] | Broken:
    """Return the handoffs that the agent reads, by name, their files staged."""
    found: dict[str, Handoff] = {}
    for reads in agent.reads:
        try:
            handoff = run.handoffs.read(reads.contract)
        except HandoffMissing as error:
            if reads.required:
                return _broken(run, agent, reads, str(error))
            continue
        except HandoffInvalid as error:
            return _broken(run, agent, reads, str(error))
        changed = stage_published(run.tree(agent.name), run.workspace.root, handoff)
        if changed:
            listed = "\n".join(f"  {path}" for path in changed)
            problem = f"Files of `{run.handoffs.name(reads.contract)}` are missing or changed since:\n{listed}"
            return _broken(run, agent, reads, problem)
        found[reads.name] = handoff
    return found


def _broken(run: RunContext, agent: Agent, reads: Reads, problem: str) -> Broken:
    asked = f"{reads.question}\n" if reads.question else ""
    path = run.workspace.root / run.handoffs.name(reads.contract)
    return Broken(
        f"{asked}The {agent.title} agent cannot work without the handoff `{reads.contract}`.\n{problem}\n"
        f"Put it right at `{path}`, answer `done`, then resume the run; or answer `give up`."
    )


async def run_skills(
    run: RunContext, plan: Plan, agent: Agent, handoffs: Mapping[str, Handoff]
) -> dict[str, Contribution]:
    """Run the agent's skills one after the other and return their outputs by name.

    Raises:
        RunError: A skill failed, or two of them made the same file.
    """
    materials: dict[str, Document | JSON] = {name: handoff.data for name, handoff in handoffs.items()}
    materials["feature"] = plan.feature
    openapi = run.tree(agent.name) / OPENAPI
    if openapi.is_file():
        materials["openapi"] = cast("JSON", json.loads(openapi.read_bytes()))
    bench = Workbench(
        agent=agent.name,
        tree=run.tree(agent.name),
        owned=partial(owns, agent),
        owns=agent.owns,
        excludes=agent.excludes,
        meter=run.meter,
    )
    outputs: dict[str, Contribution] = {}
    for skill in plan.skills[agent.name]:
        run.events.emit(SkillStarted(agent=agent.name, skill=skill.name))
        started = time.monotonic()
        offered = {**materials, "assembled": merge(list(outputs.items()))}
        outputs[skill.name] = await run.executor.execute(skill, offered, bench)
        seconds = round(time.monotonic() - started, 3)
        files = len(outputs[skill.name].files)
        run.events.emit(SkillFinished(agent=agent.name, skill=skill.name, files=files, seconds=seconds))
    return outputs


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
