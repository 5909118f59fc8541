"""Read `SKILL.md`: what a skill is, in the open Agent Skills format.

Front matter names the skill; Baton's own facts stand in `metadata`, whose values are text, as the format asks:
`agent` (its users, one or more), `after` (skills that run before it), `when` (stack conditions, all of which must
hold), `provides` (choices of a stack that it makes), `defaults` (choices that come with those) and `prepares` (lock
files of environments that can be made ready early).

Source: https://agentskills.io/specification
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import yaml

from handoff.files import read_regular
from schemas.errors import InputError
from schemas.stack import Choice, Condition
from skills.core.conditions import near, read_choices, read_conditions

MAX_NAME = 64
MAX_DESCRIPTION = 1024

_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
_TEXT = "tag:yaml.org,2002:str"  # YAML's name of the type
_ECOSYSTEMS = ("python", "node")


class SkillInvalid(InputError):
    """Skill folders that cannot be used, with every problem found."""

    code = "skill_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the skills cannot be used ({len(self.problems)} found):\n{listed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """A lock file whose environment can be made ready before the skill runs."""

    ecosystem: Literal["python", "node"]
    lock: Path  # absolute


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A `SKILL.md`'s front matter. The skill is for stacks for which every condition of `when` holds."""

    name: str
    description: str
    agents: tuple[str, ...]
    after: tuple[str, ...]
    when: tuple[Condition, ...]
    provides: tuple[Choice, ...]
    defaults: tuple[Choice, ...]
    prepares: tuple[Preparation, ...]


def read_manifest(folder: Path) -> Manifest:
    """Return what `folder/SKILL.md` says.

    Raises:
        SkillInvalid: With every problem of the file.
    """
    path = folder / "SKILL.md"
    problems: list[str] = []

    def report(problem: str) -> None:
        problems.append(f"{path}: {problem}")

    front = _front_matter(path, report)
    if not problems:
        manifest = _manifest(front, folder, report)
    if problems:
        raise SkillInvalid(tuple(problems))
    return manifest


def instructions(folder: Path) -> str:
    """Return the prose of `folder/SKILL.md`, below its front matter."""
    return _FRONT_MATTER.sub("", read_regular(folder / "SKILL.md").decode(), count=1).lstrip("\n")


def _front_matter(path: Path, report: Callable[[str], None]) -> dict[str, object]:
    try:
        found = _FRONT_MATTER.match(read_regular(path).decode("utf-8-sig"))
        front = _loaded(found[1]) if found else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        report(f"cannot be read: {error}")
        return {}
    if not isinstance(front, dict):
        report("must open with YAML front matter between two `---` lines")
        return {}
    for key in front:
        if key not in _KEYS:
            report(f"unknown front matter key `{key}`{near(str(key), _KEYS)}; allowed: {', '.join(_KEYS)}")
    return front


def _loaded(text: str) -> object:
    """Return what the YAML in `text` says; the values of `metadata` as they are written: there, `1.0` is a text."""
    loader = yaml.SafeLoader(text)
    root = loader.get_single_node()
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "metadata" and isinstance(value, yaml.MappingNode):
            for each in (node for pair in value.value for node in pair if isinstance(node, yaml.ScalarNode)):
                each.tag = _TEXT
    return None if root is None else loader.construct_document(root)


def _manifest(front: dict[str, object], folder: Path, report: Callable[[str], None]) -> Manifest:
    name = _text(front, "name", MAX_NAME, report)
    if name and not _NAME.fullmatch(name):
        report(f"`name` is `{name}`; it must be lower-case letters and digits in words joined by single hyphens")
    elif name and name != folder.name.replace("_", "-"):
        report(f"`name` is `{name}`, but the folder is `{folder.name}`; make them agree")
    metadata = front.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(item, str) for pair in metadata.items() for item in pair):
        report("`metadata` must map text to text; it holds a list or a map where a text has to be")
        metadata = {}
    elif not metadata.get("agent", "").strip():
        report("`metadata.agent` is missing; it names the agent that uses the skill, for example `database-agent`")
    if metadata.get("defaults") and not metadata.get("provides"):
        report("`metadata.defaults` come with what a skill provides; add `provides`, or drop them")
    return Manifest(
        name=name,
        description=_text(front, "description", MAX_DESCRIPTION, report),
        agents=tuple(dict.fromkeys(metadata.get("agent", "").split())),
        after=tuple(metadata.get("after", "").split()),
        when=read_conditions("metadata.when", metadata.get("when", ""), report),
        provides=read_choices("metadata.provides", metadata.get("provides", ""), report),
        defaults=read_choices("metadata.defaults", metadata.get("defaults", ""), report),
        prepares=_preparations(metadata.get("prepares", ""), folder, report),
    )


def _text(front: dict[str, object], key: str, longest: int, report: Callable[[str], None]) -> str:
    value = front.get(key)
    if not isinstance(value, str) or not value.strip():
        report(f"`{key}` is missing or not text")
        return ""
    if len(value) > longest:
        report(f"`{key}` has {len(value)} characters; at most {longest} are allowed")
    return value.strip()


def _preparations(text: str, folder: Path, report: Callable[[str], None]) -> tuple[Preparation, ...]:
    preparations = []
    for word in text.split():
        ecosystem, _, lock = word.partition(":")
        path = folder / lock
        if ecosystem not in _ECOSYSTEMS:
            report(f"`metadata.prepares` has `{word}`; entries read `python:LOCK` or `node:LOCK`")
        elif not path.is_file():
            report(f"`metadata.prepares` names `{lock}`, which is not a file of the skill")
        else:
            known = cast("Literal['python', 'node']", ecosystem)
            preparations.append(Preparation(ecosystem=known, lock=path.resolve()))
    return tuple(preparations)
