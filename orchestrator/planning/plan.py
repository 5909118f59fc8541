"""A plan: a pipeline made concrete for one feature. Which steps are done, with which skills, and why.

A step is done if one of its skills is active; a skill is active if the stack meets its conditions. Nothing else
decides, so a new skill or a new stack choice needs no change here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.contracts import Toolchain
from orchestrator.planning.pipeline import BoundStep, Pipeline, Step
from orchestrator.records.events import PlanMade, PlannedAgent, PlannedSkill
from schemas.errors import InputError
from schemas.feature import Feature
from schemas.handoffs import Unimplemented
from schemas.stack import Stack, all_hold
from skills.core.manifest import Preparation
from skills.core.registry import Registry, Selection
from skills.core.skill import Skill


class StackIncomplete(InputError):
    """Agents that the stack cannot do without have no skill for it; `problems` says which, and why."""

    code = "stack_incomplete"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return (
            f"there are no skills for this stack ({len(self.problems)} agents cannot work):\n{listed}\n"
            "Choose otherwise under `## Stack` (`baton choices` lists what there is), or add skills."
        )


class ToolchainMissing(InputError):
    """No toolchain says what agents own under a stack, for which they have skills."""

    code = "toolchain_missing"

    def __init__(self, agents: tuple[str, ...], stack: Stack) -> None:
        super().__init__(agents, stack)
        self.agents, self.stack = agents, stack

    def __str__(self) -> str:
        chosen = ", ".join(f"{part} {choice}" for part, choice in self.stack.root.items())
        return (
            f"no toolchain says what {' and '.join(f'`{each}`' for each in self.agents)} may write, and how that is"
            f" checked, under the stack: {chosen}. Choose another stack, or add a toolchain for it"
            " (docs/extending.md)."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is done for a feature, with which skills and toolchains.

    `bound` holds every step of the pipeline as it is done under the feature's stack, by name; `skills` those of each
    step, in running order; `locks` the lock file of each ecosystem's environment, also if the skill that brings it
    belongs to an agent that does not work in this run.
    """

    feature: Feature
    steps: tuple[PlannedAgent, ...]
    bound: Mapping[str, BoundStep]
    toolchains: tuple[Toolchain, ...]
    skills: Mapping[str, tuple[Skill, ...]]
    locks: Mapping[str, Path]

    def step(self, name: str) -> PlannedAgent:
        """Return what is planned for the step called `name`."""
        return next(step for step in self.steps if step.step == name)

    @property
    def api_document(self) -> str | None:
        """Where the app's OpenAPI document is published, relative to the workspace; None if it serves no API."""
        return next((chain.api.document for chain in self.toolchains if chain.api), None)

    def preparations(self) -> tuple[Preparation, ...]:
        """Return the environments that the plan's skills need, which can be made before the skills run."""
        return tuple(each for used in self.skills.values() for skill in used for each in skill.prepares)

    def event(self) -> PlanMade:
        """Return the plan as an event, which is also how it is shown."""
        return PlanMade(agents=self.steps, gaps=tuple(map(Unimplemented.of, self.feature.gaps)))


def make_plan(feature: Feature, pipeline: Pipeline, registry: Registry) -> Plan:
    """Return the plan for `feature`.

    Raises:
        StackIncomplete: An agent that the stack cannot do without has no skill for it.
        ToolchainMissing: An agent has skills for the feature's stack, but no toolchain says where it works.
        ColumnTaken: A label adds a field to an entity that has another of that name.
    """
    registry.aspects.designed(feature)  # refused here, and not in the first step
    selections = registry.select(feature.stack)
    _refuse_incomplete(pipeline, selections, feature.stack)
    steps = tuple(_planned(step, selections) for step in pipeline.steps)
    bound = {step.name: step for step in pipeline.bound(feature.stack)}
    if lost := [step.step for step in steps if step.active and not bound[step.step].agent.owns]:
        raise ToolchainMissing(tuple(lost), feature.stack)
    return Plan(
        feature=feature,
        steps=steps,
        bound=bound,
        toolchains=pipeline.toolchains.select(feature.stack),
        skills={step.name: _active(step, selections) for step in pipeline.steps},
        locks={lock.ecosystem: lock.lock for each in selections if each.active for lock in each.skill.prepares},
    )


def _refuse_incomplete(pipeline: Pipeline, selections: list[Selection], stack: Stack) -> None:
    problems = []
    for step in pipeline.steps:
        required = step.agent.required is not None and all_hold(step.agent.required, stack)
        if required and not _active(step, selections):
            problems.append(f"{step.name}: {_planned(step, selections).reason}")
    if problems:
        raise StackIncomplete(tuple(problems))


def _active(step: Step, selections: list[Selection]) -> tuple[Skill, ...]:
    return tuple(each.skill for each in selections if each.active and step.uses(each.skill))


def _planned(step: Step, selections: list[Selection]) -> PlannedAgent:
    skills = tuple(
        PlannedSkill(name=each.skill.name, active=each.active, reason=each.reason)
        for each in selections
        if step.uses(each.skill)
    )
    active = [skill for skill in skills if skill.active]
    if active:
        reason = f"{len(active)} of its {len(skills)} skills apply"
    else:
        reason = "; ".join(dict.fromkeys(skill.reason for skill in skills)) or "it has no skills"
    return PlannedAgent(
        name=step.agent.name, step=step.name, title=step.agent.title, active=bool(active), reason=reason, skills=skills
    )
