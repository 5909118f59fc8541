"""A pipeline: a workflow bound to its agents, step by step, in working order.

A step is done after those whose handoffs it reads; steps that read nothing of each other are done side by side.

Not here: which of them a document needs, and with which skills (`orchestrator.planning.plan`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from agents.binding import bind
from agents.contracts import Agent, Reads, Role
from agents.toolchains.registry import Toolchains
from orchestrator.planning.workflow import FEATURE, PRD, Workflow, WorkflowStep
from schemas.base import JSON, may_state
from schemas.contract import model_of
from schemas.errors import InputError
from schemas.findings import Finding
from schemas.stack import Stack
from skills.core.skill import Skill

GRAPH_VERSION = 2  # raised when the graph's shape changes for the same pipeline: its runs go on in a new thread


class AgentUnknown(InputError):
    """No agent, or no step, has that name."""

    code = "agent_unknown"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a workflow and its agent, which reads and writes what the step says."""

    name: str
    agent: Role
    task: str = ""
    skills: tuple[str, ...] | None = None

    @property
    def may_return(self) -> bool:
        """Whether it reviews: its handoff may state findings, which go back to the steps that own the files."""
        return may_state(model_of(self.agent.writes), Finding)

    def uses(self, skill: Skill) -> bool:
        """Return whether a skill does work of this step, if it applies."""
        return self.agent.name in skill.agents and (self.skills is None or skill.name in self.skills)


@dataclass(frozen=True, kw_only=True)
class BoundStep(Step):
    """A step under a stack."""

    agent: Agent


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Steps in working order, and the toolchains that their agents may work with."""

    workflow: Workflow
    steps: tuple[Step, ...]
    toolchains: Toolchains = field(default_factory=Toolchains)

    @classmethod
    def of(cls, agents: Sequence[Role], *, name: str = FEATURE, toolchains: Toolchains | None = None) -> Pipeline:
        """Return the pipeline in which each of `agents` has a step, in that order."""
        steps = tuple(WorkflowStep(agent=agent.name) for agent in agents)
        return cls.joining(Workflow(name=name, steps=steps), agents, toolchains or Toolchains())

    @classmethod
    def joining(cls, workflow: Workflow, agents: Sequence[Role], toolchains: Toolchains) -> Pipeline:
        """Return the pipeline of `workflow` with those of `agents` that it names.

        Raises:
            AgentUnknown: One of them is not there.
        """
        known = {agent.name: agent for agent in agents}
        for step in workflow.steps:
            if step.agent not in known:
                raise AgentUnknown(_unknown("agent", step.agent, tuple(known)))
        steps = tuple(_joined(each, known[each.agent]) for each in workflow.steps)
        return cls(workflow=workflow, steps=steps, toolchains=toolchains)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the steps."""
        return tuple(step.name for step in self.steps)

    @property
    def agent_names(self) -> dict[str, str]:
        """The names of the agents that work in the steps, by step."""
        return {step.name: step.agent.name for step in self.steps}

    @property
    def agents(self) -> tuple[Role, ...]:
        """The agents, each once."""
        found: dict[str, Role] = {}
        for step in self.steps:
            found.setdefault(step.agent.name, step.agent)
        return tuple(found.values())

    def step(self, name: str) -> Step:
        """Return the step called `name`.

        Raises:
            AgentUnknown: With the nearest name.
        """
        for step in self.steps:
            if step.name == name:
                return step
        kind = "agent" if all(step.name == step.agent.name for step in self.steps) else "step"
        raise AgentUnknown(_unknown(kind, name, self.names))

    def subset(self, names: Sequence[str]) -> Pipeline:
        """Return the pipeline of the named steps alone, in this pipeline's order; an agent's name means all its steps.

        Raises:
            AgentUnknown: With the nearest name.
        """
        agents = {agent.name for agent in self.agents}
        wanted = {name if name in agents else self.step(name).name for name in names}
        chosen = [step.name in wanted or step.agent.name in wanted for step in self.steps]
        pairs = zip(self.steps, self.workflow.steps, chosen, strict=True)
        kept = [(step, described) for step, described, is_chosen in pairs if is_chosen]
        workflow = self.workflow.model_copy(update={"steps": tuple(described for _, described in kept)})
        return replace(self, workflow=workflow, steps=tuple(step for step, _ in kept))

    def bound(self, stack: Stack) -> tuple[BoundStep, ...]:
        """Return the steps as they are done under `stack`."""
        toolchains = self.toolchains.select(stack)
        return tuple(
            BoundStep(name=each.name, agent=bind(each.agent, toolchains), task=each.task, skills=each.skills)
            for each in self.steps
        )

    def before(self, name: str) -> tuple[str, ...]:
        """Return the steps that `name` is done right after: those it reads of that no other one of them reads of."""
        needed = self._needed(name)
        return tuple(each for each in needed if not any(each in self.upstream(other) for other in needed))

    def upstream(self, name: str) -> set[str]:
        """Return every step that must be done before `name`."""
        direct = self._needed(name)
        return set(direct).union(*(self.upstream(each) for each in direct))

    def downstream(self, name: str) -> tuple[str, ...]:
        """Return `name` and every step that is done after it, in order."""
        return tuple(each for each in self.names if each == name or name in self.upstream(each))

    def _needed(self, name: str) -> tuple[str, ...]:
        """Return the earlier steps whose handoffs `name` reads."""
        step = self.step(name)
        contracts = {reads.contract for reads in step.agent.reads}
        earlier = self.steps[: self.steps.index(step)]
        return tuple(each.name for each in earlier if each.agent.writes in contracts)


def agents_of(steps: Iterable[BoundStep]) -> tuple[Agent, ...]:
    """Return the agents that work in steps, each once, in order."""
    found: dict[str, Agent] = {}
    for step in steps:
        found.setdefault(step.agent.name, step.agent)
    return tuple(found.values())


def _joined(step: WorkflowStep, agent: Role) -> Step:
    own = {reads.contract: reads for reads in agent.reads}
    reads = agent.reads if step.reads is None else tuple(own.get(each, _reads(each)) for each in step.reads)
    there = replace(agent, reads=reads, writes=step.writes or agent.writes)
    return Step(name=step.name, agent=there, task=step.task, skills=step.skills)


def _reads(contract: str) -> Reads:
    return Reads(contract=contract, name="prd" if contract == PRD else contract)


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean `{near[0]}`?" if near else "."
    return f"no {kind} is called `{name}`{hint} {kind.capitalize()}s: {', '.join(known)}."


def digest(value: JSON) -> str:
    """Return the SHA-256 of a JSON value in its canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
