"""Refuse a pipeline whose contracts do not fit, before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from agents.contracts import Reads
from handoff.compatible import Schema, compatible
from orchestrator.planning.pipeline import Pipeline, Step
from schemas.base import JSON
from schemas.contract import contract_of, model_of
from schemas.errors import InputError
from skills.core.registry import Registry
from skills.core.skill import Skill


class ContractsDoNotFit(InputError):
    """An agent or a skill reads what nobody before it is bound to write. `problems` name the fields."""

    code = "contracts_do_not_fit"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the pipeline's contracts do not fit ({len(self.problems)} found):\n{listed}"


def refuse_unfit(pipeline: Pipeline, registry: Registry) -> None:
    """Refuse a pipeline in which a step reads something else than what is written.

    Raises:
        ContractsDoNotFit: With every field that does not fit.
    """
    problems = [*_name_problems(pipeline, registry), *_order_problems(pipeline)]
    for step in pipeline.steps:
        for skill in registry.skills:
            if step.uses(skill):
                problems += [problem for reads in step.agent.reads for problem in _skill_problems(reads, skill)]
    if problems:
        raise ContractsDoNotFit(tuple(dict.fromkeys(problems)))


def _name_problems(pipeline: Pipeline, registry: Registry) -> Iterator[str]:
    """Yield a problem for each step whose name or handoff another one has, or whose skills its agent has not."""
    names, writers = set[str](), dict[str, str]()
    for step in pipeline.steps:
        if step.name in names:
            yield f"two steps are called `{step.name}`"
        names.add(step.name)
        writer = writers.setdefault(step.agent.writes, step.name)
        if writer != step.name:
            yield f"{step.name} writes `{step.agent.writes}`, as {writer} does; give it a handoff of its own"
        known = {skill.name for skill in registry.skills if step.agent.name in skill.agents}
        for name in step.skills or ():
            if name not in known:
                yield f"{step.name} uses the skill `{name}`, which {step.agent.name} does not have"


def _order_problems(pipeline: Pipeline) -> Iterator[str]:
    """Yield a problem for each step that needs what one after it writes."""
    writers = {step.agent.writes: step for step in pipeline.steps}
    done: set[str] = set()
    for step in pipeline.steps:
        for reads in step.agent.reads:
            writer = writers.get(reads.contract)
            if reads.required and writer is not None and writer.name not in done:
                yield f"{step.name} reads `{reads.contract}`, which {_later(writer, step)} writes"
        done.add(step.name)


def _later(writer: Step, reader: Step) -> str:
    return "it itself" if writer is reader else f"{writer.name}, working after it,"


def _skill_problems(reads: Reads, skill: Skill) -> Iterator[str]:
    """Yield where the skill's input may not admit the handoff that it gets under the name `reads.name`."""
    field = skill.blueprint().input.model_fields.get(reads.name)
    if field is None or field.annotation is model_of(reads.contract):
        return  # not asked for, or asked for exactly as it is written
    whole = cast("dict[str, JSON]", skill.blueprint().input.model_json_schema())
    wanted = cast("dict[str, dict[str, JSON]]", whole["properties"])[reads.name]
    consumer: Schema = {**wanted, "$defs": whole.get("$defs", {})}
    for reason in compatible(contract_of(reads.contract), consumer):
        yield f"skill `{skill.name}` reads `{reads.contract}` as `{reads.name}`: {reason}"
