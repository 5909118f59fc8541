"""Run a skill: the one seam between an agent's step and whatever does the skill's work.

An executor takes the materials a step offers and returns the skill's output, valid under the skill's contract; nobody
downstream can tell which executor ran. `TemplateExecutor` runs the skill's own `blueprint.py`; `skills.model.executor`
lets a chat model do the work.

Not here: merging outputs (`skills.core.contribution`), settling the style of Python files (`skills.core.formatting`),
writing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from pydantic import ValidationError

from schemas.base import JSON, Document
from schemas.errors import RunError
from schemas.feature import Feature
from skills.core.contribution import Contribution
from skills.core.paths import path_problems
from skills.core.skill import Blueprint, Skill
from skills.core.skill_context import SkillContext
from skills.core.templates import TemplateFailed

NO_TEMPLATE = (
    "it has no template (no `contribute` in `{folder}/blueprint.py`), so a model must do it: run with `--model"
    " provider:name`"
)


class SkillFailed(RunError):
    """A skill was given, did or returned something its contract does not admit."""

    code = "skill_failed"

    def __init__(self, skill: str, problems: tuple[str, ...]) -> None:
        super().__init__(skill, problems)
        self.skill, self.problems = skill, problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"skill `{self.skill}` failed:\n{listed}"


class Executor(Protocol):
    """Does a skill's work."""

    async def execute(
        self, skill: Skill, materials: Mapping[str, Document | JSON], bench: SkillContext, /
    ) -> Contribution:
        """Return the skill's output; write nothing outside a folder of one's own.

        Args:
            skill: The skill to run.
            materials: All that the step offers, by name. The skill sees those its input contract declares.
            bench: Where the work is done, and for whom.

        Raises:
            SkillFailed: Names the skill and each field that its input or output contract refuses.
        """
        ...


class TemplateExecutor:
    """Runs the skill's `contribute`, in a thread."""

    async def execute(
        self,
        skill: Skill,
        materials: Mapping[str, Document | JSON],
        bench: SkillContext,  # noqa: ARG002  # a template needs nothing but its materials
        /,
    ) -> Contribution:
        """Return the skill's output, as `Executor.execute`."""
        return await asyncio.to_thread(run_template, skill, materials)


def run_template(skill: Skill, materials: Mapping[str, Document | JSON]) -> Contribution:
    """Return what the skill's `contribute` makes of `materials`: same materials, same bytes.

    Raises:
        SkillFailed: As `Executor.execute`, or the skill has no template.
    """
    blueprint = skill.blueprint()
    if blueprint.contribute is None:
        raise SkillFailed(skill.name, (NO_TEMPLATE.format(folder=skill.folder),))
    request = request_of(skill, blueprint, materials)
    try:
        output = blueprint.contribute(request, skill.templates)
    except TemplateFailed as error:
        raise SkillFailed(skill.name, (str(error),)) from error
    except ValidationError as error:
        raise SkillFailed(skill.name, refusals("its own data", error)) from error
    return _checked(skill, blueprint, output)


def request_of(skill: Skill, blueprint: Blueprint, materials: Mapping[str, Document | JSON]) -> Document:
    """Return those of `materials` that the skill's input contract declares, validated.

    A feature has the fields that aspects add to it.

    Raises:
        SkillFailed: Names each that is missing or refused.
    """
    wanted = {name: _designed(skill, materials[name]) for name in blueprint.input.model_fields if name in materials}
    offered = ", ".join(sorted(materials)) or "nothing"
    missing = [
        f"input `{name}`: its step does not offer this material (it offers {offered})"
        for name, field in blueprint.input.model_fields.items()
        if field.is_required() and name not in materials
    ]
    if missing:
        raise SkillFailed(skill.name, tuple(missing))
    try:
        return blueprint.input.model_validate(wanted)
    except ValidationError as error:
        raise SkillFailed(skill.name, refusals("input", error)) from error


def _designed(skill: Skill, material: Document | JSON) -> Document | JSON:
    return skill.aspects.designed(material) if isinstance(material, Feature) else material


def _checked(skill: Skill, blueprint: Blueprint, output: object) -> Contribution:
    if not isinstance(output, blueprint.output):
        raise SkillFailed(skill.name, (f"`contribute` returned `{type(output).__name__}` instead of its `Output`",))
    try:
        # Again from plain data: a model built by `model_construct` or `model_copy` was never checked.
        checked = blueprint.output.model_validate(output.model_dump(warnings=False))
    except ValidationError as error:
        raise SkillFailed(skill.name, refusals("output", error)) from error
    problems = path_problems(checked.files)
    if problems:
        raise SkillFailed(skill.name, problems)
    return checked


def refusals(what: str, error: ValidationError) -> tuple[str, ...]:
    """Return what a contract refuses, a line a field: where, why, and what was there. `what` begins each line."""
    return tuple(
        f"{what} `{'.'.join(str(part) for part in problem['loc'])}`: {problem['msg']}, got {_short(problem['input'])}"
        for problem in error.errors(include_url=False)
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004  # one line of a terminal
