"""Make agents and skills of a pipeline out of what a project has for its coding agent.

Every agent becomes an agent with one skill, its own prose; every skill a skill without a template. What an agent may
own nobody can know from its prose: until the project's file says so, it is listed and does not work.

Not here: reading what is there (`orchestrator.interop.read`), what the project's file means
(`orchestrator.interop.project`).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from agents.registry import find_agents
from handoff.store import UnsafePath, safe_path, write_atomically
from orchestrator.interop.project import MAPPING, SKILLS, Mapping, OwnAgent, OwnSkill, imported_skills, read_mapping
from orchestrator.interop.read import Piece, Skipped, read_project
from schemas.errors import InputError
from skills.core.registry import Registry

_HEAD = """\
# The project's own agents and skills. `baton import` adds what it finds and keeps what you say here.
# An agent works once it owns something (`owns: [docs/**]`), a skill once it has an `agent`; then `baton import` again.
# An agent reads the PRD, and whatever other handoffs `reads` names, for example python-backend-agent-output.
"""


class NothingToImport(InputError):
    """The project has neither agents nor skills."""

    code = "nothing_to_import"


class ImportRefused(InputError):
    """What was imported cannot be written."""

    code = "import_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import found. `warnings` name file and problem; `gone` are names whose source is no longer there."""

    mapping: Mapping
    agents: tuple[Piece, ...]
    skills: tuple[Piece, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    gone: tuple[str, ...]


def import_project(root: Path) -> Imported:
    """Read a project's agents and skills and write `.baton`; what its file said already, stays.

    Raises:
        NothingToImport: There are none.
        ProjectInvalid: The project's file cannot be read.
        ImportRefused: `.baton` cannot be written.
    """
    before, found = read_mapping(root), list(read_project(root))
    pieces = [each for each in found if isinstance(each, Piece)]
    if not found and not before.agents and not before.skills:
        raise NothingToImport(
            f"there is nothing to import in `{root}`: neither `.claude/agents/*.md` nor `.claude/skills/*/SKILL.md`."
        )
    named, warnings = _named(pieces, before, _own_names(root))
    mapping, gone = _merged(named, before)
    _write(root, mapping, named)
    return Imported(
        mapping=mapping,
        agents=tuple(each for each in named.values() if each.kind == "agent"),
        skills=tuple(each for each in named.values() if each.kind == "skill"),
        skipped=tuple(each for each in found if isinstance(each, Skipped)),
        warnings=(*(f"{each.source}: {text}" for each in pieces for text in each.warnings), *warnings),
        gone=gone,
    )


def _own_names(root: Path) -> set[str]:
    """Return the names that folders of `.baton/skills` have which no import wrote."""
    own = {path.name for path in (root / SKILLS).glob("*/")} - {path.name for path in imported_skills(root)}
    return {name.replace("_", "-") for name in own}


def _named(pieces: Sequence[Piece], before: Mapping, own: set[str]) -> tuple[dict[str, Piece], list[str]]:
    """Return the pieces by names that nobody else has; one that was imported before keeps its name."""
    had = {each.source: name for name, each in before.skills.items()}  # each agent is a skill, too
    taken = (
        own | {skill.name for skill in Registry().skills} | {agent.name for agent in find_agents()} | {*had.values()}
    )
    named: dict[str, Piece] = {}
    warnings = []
    for piece in pieces:
        name = had.get(piece.source) or _free(piece.name, taken)
        if name != piece.name and piece.source not in had:
            warnings.append(f"{piece.source}: is called `{name}`, since there is a `{piece.name}` already")
        taken.add(name)
        named[name] = piece
    return named, warnings


def _free(name: str, taken: set[str]) -> str:
    candidates = (name, f"own-{name[:60]}", *(f"{name[:58]}-{number}" for number in range(2, 10_000)))
    return next(each for each in candidates if each not in taken)


def _merged(named: MappingOf[str, Piece], before: Mapping) -> tuple[Mapping, tuple[str, ...]]:
    """Return what the project's file is to hold: what it held, and what is new."""
    agents, skills = dict(before.agents), dict(before.skills)
    for name, piece in named.items():
        if piece.kind == "agent":
            agents.setdefault(name, OwnAgent(source=piece.source, title=name.replace("-", " ").title()))
            skills.setdefault(name, OwnSkill(source=piece.source, agent=name))
    users = {skill: name for name, piece in named.items() if piece.kind == "agent" for skill in piece.skills}
    for name, piece in named.items():
        if piece.kind == "skill":
            skills.setdefault(name, OwnSkill(source=piece.source, agent=users.get(piece.name, "")))
    gone = [name for name in skills if name not in named]
    kept = {name: each for name, each in skills.items() if name not in gone}
    left = {name: each for name, each in agents.items() if name in named}
    return Mapping(agents=left, skills=kept), tuple(gone)


def _write(root: Path, mapping: Mapping, named: MappingOf[str, Piece]) -> None:
    try:
        folder = safe_path(root, SKILLS)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {name.replace("-", "_"): name for name, each in mapping.skills.items() if each.agent}
        for place in imported_skills(root):
            if place.name not in wanted and not place.is_symlink():
                shutil.rmtree(place)
        for at, name in wanted.items():
            place = safe_path(root, f"{SKILLS}/{at}/SKILL.md")
            place.parent.mkdir(exist_ok=True)
            write_atomically(place, _manifest(name, mapping.skills[name], named[name]).encode())
        text = yaml.safe_dump(mapping.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
        write_atomically(safe_path(root, MAPPING), f"{_HEAD}\n{text}".encode())
    except (OSError, UnsafePath) as error:
        reason = f"{error.strerror} (`{error.filename}`)" if isinstance(error, OSError) else str(error)
        raise ImportRefused(f"`{root / '.baton'}` cannot be written: {reason}.") from error


def _manifest(name: str, skill: OwnSkill, piece: Piece) -> str:
    front = {"name": name, "description": piece.description, "metadata": {"agent": skill.agent, "source": piece.source}}
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1_000)
    return f"---\n{head}---\n\n{piece.body.strip()}\n"
