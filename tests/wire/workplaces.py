"""Every built-in skill at its place in a run: materials, staged tree, ownership, with templates at work before it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.ownership import owns
from schemas.base import JSON, Document
from schemas.stack import Stack
from skills.core.contribution import Contribution, merge
from skills.core.executor import run_template
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext
from tests.support.bound_agents import DATABASE, FRONTEND, PYTHON_BACKEND, TEST
from tests.support.core_build import example, write
from tests.support.front_openapi import openapi
from tests.support.golden_prompts import handed_on


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A skill's place. `output` is its template's; `handoffs` are those of the agents before, by the inputs' names."""

    skill: Skill
    materials: Mapping[str, Document | JSON]
    bench: SkillContext
    output: Contribution
    handoffs: Mapping[str, Document | JSON]


def workplaces(prd: str = "todo-lists") -> Iterator[Workplace]:
    """Yield the place of every skill that the PRD of that name takes. It is there until the next is asked for."""
    feature = example(prd)
    document: JSON = openapi(feature)
    handoffs: dict[str, Document | JSON] = {}
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for agent in (DATABASE, PYTHON_BACKEND, FRONTEND, TEST):
            outputs: dict[str, Contribution] = {}
            bench = SkillContext(
                agent=agent.name, tree=tree, owned=partial(owns, agent), owns=agent.owns, excludes=agent.excludes
            )
            for skill in _skills(feature.stack, agent.name):
                assembled = merge(tuple(outputs.items()))
                materials = {**handoffs, "feature": feature, "openapi": document, "assembled": assembled}
                outputs[skill.name] = run_template(skill, materials)
                yield Workplace(
                    skill=skill, materials=materials, bench=bench, output=outputs[skill.name], handoffs={**handoffs}
                )
            write({file.path: file.content for output in outputs.values() for file in output.files}, tree)
            handoffs |= handed_on(agent, outputs)


def in_order(output: Contribution) -> Contribution:
    """Return a contribution with its files in the order of their paths."""
    return output.model_copy(update={"files": tuple(sorted(output.files, key=lambda file: file.path))})


def _skills(stack: Stack, agent: str) -> Iterator[Skill]:
    for selection in Registry().select(stack):
        if selection.active and agent in selection.skill.agents:
            yield selection.skill
