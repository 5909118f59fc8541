"""Refuse a pipeline whose contracts do not fit, before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from agents.contracts import Reads, Role
from handoff.compatible import Schema, compatible
from orchestrator.planning.pipeline import Pipeline
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
    problems = [*_order_problems(pipeline)]
    for agent in pipeline.agents:
        for skill in registry.skills:
            if skill.agent == agent.name:
                problems += [problem for reads in agent.reads for problem in _skill_problems(reads, skill)]
    if problems:
        raise ContractsDoNotFit(tuple(problems))


def _order_problems(pipeline: Pipeline) -> Iterator[str]:
    """Yield a problem for each agent that needs what an agent after it writes."""
    writers = {agent.writes: agent for agent in pipeline.agents}
    done: set[str] = set()
    for agent in pipeline.agents:
        for reads in agent.reads:
            writer = writers.get(reads.contract)
            if reads.required and writer is not None and writer.name not in done:
                yield f"{agent.name} reads `{reads.contract}`, which {_later(writer, agent)} writes"
        done.add(agent.name)


def _later(writer: Role, reader: Role) -> str:
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
