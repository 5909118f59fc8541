"""Find the agents: a folder with an `agent.py` is one.

It exposes `ROLE`, which toolchains bind to a stack, or `AGENT`, which needs none.

The built-in ones are the folders beside this file, others come from folders passed in. Adding a folder adds an agent;
nothing else changes. Skills that only it uses may lie in the agent's folder, in `skills/`.

Not here: in which order agents work (`orchestrator.planning.workflow`).

Source: `docs/extending.md`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from agents.contracts import Agent, Role
from agents.ownership import unownable
from handoff.plugins import load_module
from schemas.contract import ContractInvalid, ContractUnknown, contract_of, register
from schemas.errors import InputError

BUILT_IN = Path(__file__).parent
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class AgentInvalid(InputError):
    """Folders of agents that cannot be used, with every problem found."""

    code = "agent_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the agents cannot be used ({len(self.problems)} found):\n{listed}"


def find_agents(folders: Sequence[Path] = (), *, built_in: bool = True) -> tuple[Role, ...]:
    """Return the built-in agents, unless told not to, and those in `folders`, each of which holds agents' folders.

    The contracts that they bring are known from then on.

    Raises:
        AgentInvalid: With every problem of every `agent.py`, or two agents of one name.
    """
    problems: list[str] = []
    found: dict[str, Role] = {}
    for parent in (BUILT_IN, *folders) if built_in else folders:
        if not parent.is_dir():
            problems.append(f"{parent}: no such folder of agents")
        for path in sorted(parent.glob("*/agent.py")):
            try:
                agent = _agent(path, built_in=parent == BUILT_IN)
            except AgentInvalid as error:
                problems.extend(error.problems)
                continue
            other = found.setdefault(agent.name, agent)
            if other is not agent:
                problems.append(f"{path}: an agent called `{agent.name}` is already in {other.folder}; rename one")
    problems += [problem for agent in found.values() for problem in _unknown_contracts(agent)]
    if problems:
        raise AgentInvalid(tuple(problems))
    return tuple(found.values())


def skill_folders(agents: Sequence[Role]) -> tuple[Path, ...]:
    """Return the folders of skills that lie in the agents' own folders."""
    places = (agent.folder / "skills" for agent in agents if agent.folder is not None)
    return tuple(place for place in places if place.is_dir())


def _agent(path: Path, *, built_in: bool) -> Role:
    try:
        module = _module(path.parent, built_in=built_in)
    except Exception as error:  # whatever a stranger's module raises at import
        raise AgentInvalid((f"{path}: cannot be imported: {type(error).__name__}: {error}",)) from error
    agent = getattr(module, "AGENT", getattr(module, "ROLE", None))
    if not isinstance(agent, Role):
        raise AgentInvalid((f"{path}: must expose `ROLE`, an `agents.contracts.Role`, or `AGENT`, an `Agent`",))
    if problems := tuple(_problems(agent)):
        raise AgentInvalid(tuple(f"{path}: {problem}" for problem in problems))
    try:
        for contract, model in agent.contracts.items():
            register(contract, model)
    except ContractInvalid as error:
        raise AgentInvalid((f"{path}: {error}",)) from error
    return replace(agent, folder=path.parent)


def _problems(agent: Role) -> Iterator[str]:
    if not _NAME.fullmatch(agent.name):
        yield f"`name` is `{agent.name}`; it must be lower-case letters and digits in words joined by single hyphens"
    if isinstance(agent, Agent):
        yield from unownable(agent)


def _module(folder: Path, *, built_in: bool) -> ModuleType:
    return importlib.import_module(f"agents.{folder.name}.agent") if built_in else load_module(folder, "agent")


def _unknown_contracts(agent: Role) -> Iterator[str]:
    for contract in dict.fromkeys((*(reads.contract for reads in agent.reads), agent.writes)):
        try:
            contract_of(contract)
        except ContractUnknown as error:
            yield f"{agent.folder}: {error}"
