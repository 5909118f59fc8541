"""A project's own agents, workflows, skills and toolchains.

`.baton/project.yaml` says who owns and reads what, `.baton/skills` what to do, `.baton/toolchains` with which tools.

`baton import` writes the YAML file, which is the project's to edit, and skills, from what a project has for its coding
agent. Skills and labels that stand beside those in `.baton/skills` are the project's own, and no import touches them.

    agents:
      copy-editor:
        source: .claude/agents/copy-editor.md
        title: Copy Editor
        reads: [feature-prd]
        owns: [docs/**]
    skills:
      house-style:
        source: .claude/skills/house-style/SKILL.md
        agent: copy-editor

An agent works in the workflows that lead to what it reads once it owns something, a skill once it has an agent; it may
have several, with spaces between. What is written in Python stands in `.baton/agents`, a folder an agent, and workflows
of the project's own in `.baton/workflows`.

Not here: writing them (`orchestrator.interop.import_`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from agents.contracts import Agent, Role
from agents.custom import own_agent
from agents.guards.paths import path_fault
from agents.registry import find_agents, skill_folders
from agents.toolchains.registry import Toolchains
from handoff.files import read_regular
from orchestrator.interop import lenient_front_matter
from orchestrator.planning.workflows import Workflows
from schemas.base import Document
from schemas.contract import is_handoff
from schemas.errors import InputError
from skills.core.executor import refusals
from skills.core.registry import Registry

FOLDER = ".baton"
MAPPING = f"{FOLDER}/project.yaml"
SKILLS = f"{FOLDER}/skills"
TOOLCHAINS = f"{FOLDER}/toolchains"
AGENTS, WORKFLOWS = f"{FOLDER}/agents", f"{FOLDER}/workflows"
_WILD = frozenset("*?")


class ProjectInvalid(InputError):
    """`.baton/project.yaml` cannot be used. `problems` are all that was found."""

    code = "project_invalid"

    def __init__(self, file: str, problems: tuple[str, ...]) -> None:
        super().__init__(file, problems)
        self.file, self.problems = file, problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"`{self.file}` cannot be used ({len(self.problems)} found):\n{listed}\nCorrect it, then `baton import`."


class OwnAgent(Document):
    """An agent of the project's own. `reads` are ids of contracts, `owns` and `excludes` glob patterns."""

    source: str
    title: str
    reads: tuple[str, ...] = ("feature-prd",)
    owns: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


class OwnSkill(Document):
    """A skill of the project's own, and the agent that uses it; nobody does as long as that is empty."""

    source: str
    agent: str = ""


class Mapping(Document):
    """What `.baton/project.yaml` holds, by name."""

    version: Literal[1] = 1
    agents: dict[str, OwnAgent] = Field(default_factory=dict)
    skills: dict[str, OwnSkill] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """Workflows with their agents, and the skills of these."""

    workflows: Workflows
    registry: Registry


def read_mapping(root: Path) -> Mapping:
    """Return what the project's file says; nothing if there is none.

    Raises:
        ProjectInvalid: With every problem found.
    """
    place = root / MAPPING
    try:
        found = yaml.safe_load(read_regular(place))
        return Mapping.model_validate(found or {})
    except FileNotFoundError:
        return Mapping()
    except ValidationError as error:
        raise ProjectInvalid(MAPPING, refusals("entry", error)) from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        raise ProjectInvalid(MAPPING, (f"it cannot be read: {error}",)) from error


def project_at(root: Path) -> Project | None:
    """Return the workflows, agents and skills of a project, Baton's among them; None if it has none of its own.

    Raises:
        ProjectInvalid: With every problem found.
        InputError: An agent, a workflow, a skill or a toolchain of the project cannot be used.
    """
    if not any((root / name).exists() for name in (MAPPING, SKILLS, AGENTS, WORKFLOWS, TOOLCHAINS)):
        return None
    mapping = read_mapping(root)
    agents, toolchains = find_agents(_folders(root / AGENTS)), Toolchains(_folders(root / TOOLCHAINS))
    problems = tuple(_problems(mapping, agents, toolchains))
    if problems:
        raise ProjectInvalid(MAPPING, problems)
    own = tuple(_agent(name, each) for name, each in mapping.agents.items() if each.owns)
    registry = Registry((*_folders(root / SKILLS), *skill_folders(agents)))
    _refuse_old(mapping, registry, imported_skills(root))
    workflows = Workflows(_folders(root / WORKFLOWS), agents=(*agents, *own), toolchains=toolchains)
    return Project(workflows=workflows, registry=registry)


def imported_skills(root: Path) -> tuple[Path, ...]:
    """Return the folders of skills that an import wrote: each says from what."""
    return tuple(path.parent for path in sorted((root / SKILLS).glob("*/SKILL.md")) if _has_source(path))


def _has_source(path: Path) -> bool:
    metadata = lenient_front_matter.read(read_regular(path)).front.get("metadata") if path.is_file() else None
    return isinstance(metadata, dict) and "source" in metadata


def _folders(place: Path) -> tuple[Path, ...]:
    return (place,) if place.is_dir() else ()


def _agent(name: str, own: OwnAgent) -> Agent:
    return own_agent(name, title=own.title, reads=own.reads, owns=own.owns, excludes=own.excludes)


def _problems(mapping: Mapping, agents: Sequence[Role], toolchains: Toolchains) -> Iterator[str]:
    bound = [(role, each) for toolchain in toolchains.toolchains for role, each in toolchain.bindings.items()]
    bound += [(agent.name, agent) for agent in agents if isinstance(agent, Agent)]
    claimed = [(name, pattern) for name, each in bound for pattern in each.owns]
    names = {agent.name for agent in agents}
    for name, own in mapping.agents.items():
        if name in names:
            yield f"agents.{name}: another agent has that name; choose another"
        yield from (f"agents.{name}.reads: there is no handoff `{each}`" for each in own.reads if not is_handoff(each))
        for pattern in own.owns:
            taken = next((f"`{other}` of {whose}" for whose, other in claimed if overlap(pattern, other)), None)
            if fault := path_fault(pattern):
                yield f"agents.{name}.owns: `{pattern}` is nothing that an agent may own: it {fault}"
            elif taken:
                yield f"agents.{name}.owns: `{pattern}` may mean files that {taken} means, too"
        claimed += [(name, pattern) for pattern in own.owns]
    known = {*names, *mapping.agents}
    for name, skill in mapping.skills.items():
        for agent in skill.agent.split():
            if agent not in known:
                yield f"skills.{name}.agent: there is no agent `{agent}`"


def overlap(one: str, other: str) -> bool:
    """Return whether two patterns may mean the same file, as far as what stands before their first `*` tells."""
    first, second = _literal(one), _literal(other)
    if first == one and second == other:
        return one == other
    return first.startswith(second) if second != other else second.startswith(first) if first != one else False


def _literal(pattern: str) -> str:
    end = min((pattern.index(mark) for mark in _WILD if mark in pattern), default=len(pattern))
    return pattern[:end]


def _refuse_old(mapping: Mapping, registry: Registry, imported: Sequence[Path]) -> None:
    """Refuse skills that were imported before the project's file was edited.

    Raises:
        ProjectInvalid: They are for other agents than the file says.
    """
    there = {skill.name: skill.agents for skill in registry.skills if skill.folder in imported}
    wanted = {name: tuple(each.agent.split()) for name, each in mapping.skills.items() if each.agent}
    changed = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    if changed:
        listed = ", ".join(f"`{name}`" for name in changed)
        raise ProjectInvalid(
            MAPPING, (f"skills: {listed}: not as they were imported; `baton import` brings them up to date",)
        )
