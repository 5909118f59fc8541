"""Find the skills and say which of them a stack needs.

A skill is a folder with a `SKILL.md`: the built-in ones are the folders beside this file, others come from folders
passed in. Adding a folder adds a skill; nothing else changes. Its Python (`blueprint.py`) is loaded on first use.
A folder passed in may also bring labels of PRDs and their aspects (`docs/extending.md`).

Not here: reading `SKILL.md` (`skills.core.manifest`), running a skill (`skills.core.executor`).

Source: `docs/skills.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from handoff.catalogue import Provider
from handoff.prd_labels import LabelInvalid, PrdLabels
from schemas.errors import InputError
from schemas.parts import PARTS
from schemas.stack import Stack
from skills.core.conditions import near
from skills.core.manifest import Manifest, SkillInvalid, read_manifest
from skills.core.skill import Skill
from skills.design.aspects import Aspects, find_aspects

BUILT_IN = Path(__file__).parents[1]


class SkillUnknown(InputError):
    """No skill has that name."""

    code = "skill_unknown"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        near = get_close_matches(self.name, self.known, 1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return f"no skill is called `{self.name}`{hint} (`baton skills` lists them)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Whether a stack needs a skill, and why."""

    skill: Skill
    active: bool
    reason: str


class Registry:
    """All skills, each after those it must follow, otherwise by name."""

    def __init__(self, folders: Sequence[Path] = (), *, built_in: bool = True) -> None:
        """Discover the built-in skills, unless told not to, and those in `folders`, each of which holds skill folders.

        Raises:
            SkillInvalid: With every problem of every `SKILL.md`, two skills of one name, or an impossible order.
            LabelInvalid, AspectInvalid: A module of theirs cannot be used, or nothing is made of a label.
        """
        self.labels = PrdLabels(folders)
        self.aspects = find_aspects(folders)
        _refuse_unmade(self.labels, self.aspects)
        self.skills = _ordered(_discover((BUILT_IN, *folders) if built_in else folders, self.aspects))

    def skill(self, name: str) -> Skill:
        """Return the skill called `name`.

        Raises:
            SkillUnknown: With the nearest name.
        """
        for skill in self.skills:
            if skill.name == name:
                return skill
        raise SkillUnknown(name, tuple(skill.name for skill in self.skills))

    def providers(self) -> tuple[Provider, ...]:
        """Return the skills that make choices of a stack."""
        return tuple(
            Provider(name=each.name, kind="skill", provides=each.provides, defaults=each.defaults, when=each.when)
            for each in self.skills
            if each.provides
        )

    def select(self, stack: Stack) -> list[Selection]:
        """Return every skill in running order, with whether `stack` needs it and why."""
        return [_selection(skill, stack) for skill in self.skills]


def _refuse_unmade(labels: PrdLabels, aspects: Aspects) -> None:
    """Refuse labels that would be read and then forgotten."""
    made = {aspect.name for aspect in aspects.each}
    unmade = [each for each in labels.labels if not each.gap and not each.sets and each.key not in made]
    if unmade:
        raise LabelInvalid(
            tuple(
                f"the label `{label.name}` has no aspect called `{label.key}`: add an `aspect.py`, or say in its `gap`"
                " why nobody makes it"
                for label in unmade
            )
        )


def _discover(folders: Sequence[Path], aspects: Aspects) -> list[Skill]:
    problems: list[str] = []
    skills: dict[str, Skill] = {}
    for parent in folders:
        if not parent.is_dir():
            problems.append(f"{parent}: no such folder of skills")
            continue
        for folder in sorted(path.parent for path in parent.glob("*/SKILL.md")):
            try:
                manifest = read_manifest(folder)
            except SkillInvalid as error:
                problems.extend(error.problems)
                continue
            skill = _skill(manifest, folder, aspects, built_in=parent == BUILT_IN)
            other = skills.setdefault(skill.name, skill)
            if other is not skill:
                problems.append(f"{folder}: a skill called `{skill.name}` is already in {other.folder}; rename one")
    problems += _unknown_parts(skills.values())
    if problems:
        raise SkillInvalid(tuple(problems))
    return list(skills.values())


def _unknown_parts(skills: Iterable[Skill]) -> list[str]:
    """Return a problem for each part that a condition names, and neither the language has nor a skill provides."""
    known = list(dict.fromkeys((*(part.key for part in PARTS), *(key for each in skills for key, _ in each.provides))))
    return [
        f"{skill.folder / 'SKILL.md'}: `metadata.{entry}` names `{part}`{near(part, known)}; parts: {', '.join(known)}"
        for skill in skills
        for entry, named in (("when", skill.when), ("defaults", skill.defaults))
        for part in dict.fromkeys(each.part for each in named)
        if part not in known
    ]


def _skill(manifest: Manifest, folder: Path, aspects: Aspects, *, built_in: bool) -> Skill:
    return Skill(
        name=manifest.name,
        description=manifest.description,
        agents=manifest.agents,
        after=manifest.after,
        when=manifest.when,
        provides=manifest.provides,
        defaults=manifest.defaults,
        prepares=manifest.prepares,
        folder=folder,
        aspects=aspects,
        built_in=built_in,
    )


def _ordered(skills: list[Skill]) -> tuple[Skill, ...]:
    by_name = {skill.name: skill for skill in sorted(skills, key=lambda skill: skill.name)}
    problems = [
        f"{skill.folder / 'SKILL.md'}: runs after `{name}`, but {SkillUnknown(name, tuple(by_name))}"
        for skill in by_name.values()
        for name in skill.after
        if name not in by_name
    ]
    if problems:
        raise SkillInvalid(tuple(problems))
    try:
        order = list(TopologicalSorter({name: skill.after for name, skill in by_name.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(f"`{name}`" for name in reversed(error.args[1]))
        raise SkillInvalid((f"skills run after one another in a circle: {circle}; drop one `after`",)) from error
    return tuple(by_name[name] for name in order)


def _selection(skill: Skill, stack: Stack) -> Selection:
    missed = [condition for condition in skill.when if not condition.holds(stack)]
    if missed:
        return Selection(skill=skill, active=False, reason="; ".join(each.reason(stack) for each in missed))
    held = ", ".join(condition.reason(stack) for condition in skill.when)
    return Selection(skill=skill, active=True, reason=held or "every stack needs it")
