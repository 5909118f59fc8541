"""A pipeline: agents in the order they work, with contracts that fit.

An agent works after those whose handoffs it reads; agents that read nothing of each other work side by side.

Not here: which of them a PRD needs, and with which skills (`orchestrator.planning.plan`).
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from agents.binding import bind
from agents.contracts import Agent, Role
from agents.toolchains.registry import Toolchains
from schemas.base import JSON
from schemas.errors import InputError
from schemas.stack import Stack

FULL_STACK = ("database", "python_backend", "frontend", "test")
GRAPH_VERSION = 2  # raised when the graph's shape changes for the same pipeline: its runs go on in a new thread


class AgentUnknown(InputError):
    """No agent has that name."""

    code = "agent_unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Agents in working order, and the toolchains that they may work with."""

    agents: tuple[Role, ...]
    toolchains: Toolchains = field(default_factory=Toolchains)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(agent.name for agent in self.agents)

    def agent(self, name: str) -> Role:
        """Return the agent called `name`.

        Raises:
            AgentUnknown: With the nearest name.
        """
        for agent in self.agents:
            if agent.name == name:
                return agent
        near = get_close_matches(name, self.names, 1)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        raise AgentUnknown(f"no agent is called `{name}`{hint} Agents: {', '.join(self.names)}.")

    def subset(self, names: Sequence[str]) -> Pipeline:
        """Return the pipeline of the named agents alone, in this pipeline's order.

        Raises:
            AgentUnknown: With the nearest name.
        """
        wanted = {self.agent(name).name for name in names}
        return replace(self, agents=tuple(agent for agent in self.agents if agent.name in wanted))

    def bound(self, stack: Stack) -> tuple[Agent, ...]:
        """Return the agents as they work under `stack`."""
        toolchains = self.toolchains.select(stack)
        return tuple(bind(agent, toolchains) for agent in self.agents)

    def before(self, name: str) -> tuple[str, ...]:
        """Return the agents that `name` works right after: those it reads of that no other one of them reads of."""
        needed = self._needed(name)
        return tuple(each for each in needed if not any(each in self.upstream(other) for other in needed))

    def upstream(self, name: str) -> set[str]:
        """Return every agent that must be done before `name` works."""
        direct = self._needed(name)
        return set(direct).union(*(self.upstream(each) for each in direct))

    def downstream(self, name: str) -> tuple[str, ...]:
        """Return `name` and every agent that works after it, in order."""
        return tuple(each for each in self.names if each == name or name in self.upstream(each))

    def _needed(self, name: str) -> tuple[str, ...]:
        """Return the earlier agents whose handoffs `name` reads."""
        agent = self.agent(name)
        contracts = {reads.contract for reads in agent.reads}
        earlier = self.agents[: self.agents.index(agent)]
        return tuple(each.name for each in earlier if each.writes in contracts)


def full_stack() -> Pipeline:
    """Return the pipeline of the built-in agents: Database, Python Backend, Frontend, Test."""
    modules = (importlib.import_module(f"agents.{folder}.agent") for folder in FULL_STACK)
    return Pipeline(agents=tuple(module.ROLE for module in modules))


def digest(value: JSON) -> str:
    """Return the SHA-256 of a JSON value in its canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
