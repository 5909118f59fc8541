"""Workflows: named lists of steps, and the document that a run of them starts from.

    name: notes
    title: Write release notes.
    entry: feature-prd
    steps:
      - agent: notes-agent
      - name: polish
        agent: notes-agent
        task: Make the notes short.
        skills: [shorten]
        reads: [feature-prd, notes]
        writes: polished-notes

A workflow without `steps` has one for every agent that its entry leads to: an agent takes its place by what it reads.

Not here: a workflow bound to its agents (`orchestrator.planning.pipeline`), finding workflows
(`orchestrator.planning.workflows`).

Source: `docs/extending.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

from pydantic import Field

from agents.contracts import Role
from schemas.base import Document

FEATURE, PRD = "feature", "feature-prd"  # the built-in workflow, and what it starts from
_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class WorkflowStep(Document):
    """A piece of an agent's work. `name` is the agent's if it is not given.

    `task` says what is to be done, to people and models; `skills` names those that are used, all of the agent's if it
    is null. `reads` and `writes` are ids of contracts, those of the agent if they are null.
    """

    agent: str
    name: str = Field(default_factory=lambda given: given["agent"], pattern=_NAME)
    task: str = ""
    skills: tuple[str, ...] | None = None
    reads: tuple[str, ...] | None = None
    writes: str | None = None


class Workflow(Document):
    """What a run does. `entry` is the contract of the document that it starts from."""

    name: str = Field(pattern=_NAME)
    title: str = ""
    entry: str = PRD
    steps: tuple[WorkflowStep, ...] = ()

    def placing(self, agents: Sequence[Role], entries: Collection[str] = ()) -> Self:
        """Return the workflow with a step for each agent that its entry leads to, if it names none itself.

        Args:
            agents: Those there are; of those that may work at the same time, the earlier one comes first.
            entries: What workflows start from.
        """
        if self.steps:
            return self
        steps = tuple(WorkflowStep(agent=agent.name) for agent in _placed(agents, self.entry, entries))
        return self.model_copy(update={"steps": steps})


def _placed(agents: Sequence[Role], entry: str, entries: Collection[str]) -> list[Role]:
    """Return the agents that have what they require, each after those whose handoffs it reads.

    A document that nobody here writes is people's to bring, unless another workflow starts from it.
    """
    written = {agent.writes for agent in agents}
    there = {reads.contract for agent in agents for reads in agent.reads} - written - set(entries) | {entry}
    waiting, placed = list(agents), list[Role]()
    while waiting:
        ready = [each for each in waiting if _has_required(each, there)]
        if not ready:
            return placed
        next_up = next((each for each in ready if not _should_wait(each, there, waiting)), ready[0])
        waiting.remove(next_up)
        placed.append(next_up)
        there.add(next_up.writes)
    return placed


def _has_required(agent: Role, there: Collection[str]) -> bool:
    return all(reads.contract in there for reads in agent.reads if reads.required)


def _should_wait(agent: Role, there: set[str], waiting: Sequence[Role]) -> bool:
    """Return whether something that the agent would read, too, may come from those that wait."""
    possible = there | {each.writes for each in waiting}
    to_come = {each.writes for each in waiting if each is not agent and _has_required(each, possible)}
    return any(reads.contract in to_come for reads in agent.reads)
