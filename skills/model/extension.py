"""What a model adds to a skill that a template did: the gaps, the places left for them, and what it is told.

The model sees the feature and the skill's guide, nothing else of the skill's inputs: the rest is in the files. Gaps are
other people's words and stand in a block of data.

Not here: which gaps these are (`skills.model.gaps`), putting it together (`skills.model.hybrid`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from schemas.base import JSON, Document
from schemas.feature import Entity, Feature, Gap
from skills.core.contribution import ContributedFile, Contribution
from skills.core.extension_points import ExtensionPoints
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext
from skills.model.gaps import GapClaims
from skills.model.prompt import SUBMIT, Prompt, as_text, data, lean, listing, numbered, rules_of


class Followed(Document):
    """Hand in the work, once its files are written or found to need no change.

    `why` is a sentence: which records broke which rule, or why none does.
    """

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """Work that a template leaves to a model. `layout` is what the template made, with a place for every entity."""

    feature: Feature
    gaps: tuple[Gap, ...]
    places: ExtensionPoints
    layout: Contribution
    assembled: Contribution  # what earlier skills of the step made

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Return the entities that have a place."""
        there = {file.path for file in self.layout.files}
        return tuple(entity for entity in self.feature.entities if there.issuperset(self.places.code_of(entity)))

    @property
    def code(self) -> tuple[str, ...]:
        """Return the paths of the places, each once."""
        return tuple(dict.fromkeys(path for entity in self.entities for path in self.places.code_of(entity)))

    @property
    def tests(self) -> tuple[str, ...]:
        """Return the paths of the tests that may be written."""
        return tuple(dict.fromkeys(path for entity in self.entities for path in self.places.tests_of(entity)))

    @property
    def writable(self) -> tuple[str, ...]:
        return (*self.code, *self.tests)

    @property
    def fixed(self) -> tuple[ContributedFile, ...]:
        """Return what the step has made and nobody may change."""
        mine = tuple(file for file in self.layout.files if file.path not in self.writable)
        return (*self.assembled.files, *mine)

    def begun(self, rework: Contribution | None) -> tuple[ContributedFile, ...]:
        """Return the places as they are to begin with: as the template left them, or as the model's work before did."""
        before = {file.path: file for file in self.layout.files if file.path in self.writable}
        if rework is None:
            return tuple(before.values())
        written = {*rework.baseline}.union(set(self.tests) - before.keys())
        return tuple((before | {file.path: file for file in rework.files if file.path in written}).values())


_IMPLEMENT = """\
A template did this skill. What is missing are the gaps below: what the PRD asks for and no template can do. Implement
those that you can, in the places left for them. Do a gap as a whole or not at all: one that needs other files than
these, or that says too little, is not implemented, and you say why. Nothing else is to be changed.

{guide}"""
_FOLLOW = """\
A template did this skill. It knows nothing of the business rules below, which the app keeps. Make its files keep them,
in the places left for that; if they do already, change nothing.

{guide}"""


def extension_prompt(skill: Skill, extension: Extension, bench: SkillContext) -> Prompt:
    """Return what a model is told of an extension. `bench.rework` is its own work that did not stand."""
    guide = extension.places.guidance(skill.folder)
    implement = extension.places.work == "implement"
    told = (_IMPLEMENT if implement else _FOLLOW).format(guide=guide)
    owned = ", ".join(f"`/{path}`" for path in extension.writable)
    return Prompt(
        system=rules_of(skill.name, bench.agent, owned, told),
        message="\n\n".join(_message(extension, bench)),
        answer=_answer(GapClaims if implement else Followed),
        attachments={},
    )


def _message(extension: Extension, bench: SkillContext) -> list[str]:
    feature = extension.feature.model_copy(update={"gaps": ()})
    implement = extension.places.work == "implement"
    heading = "The gaps, by number:" if implement else "The business rules that the app keeps:"
    end = "Implement what you can" if implement else "Make the files keep the rules"
    tests = (data("tests", _lines(extension.tests)),) if extension.tests else ()
    return [
        "The feature. What is left out is empty, false or none.",
        data("feature", as_text(feature)),
        heading,
        numbered(extension.gaps),
        "The places, which are there:",
        data("places", _lines(extension.code)),
        *(("The tests, which you write:", *tests) if tests else ()),
        *listing("Other files of this step:", "files", sorted(file.path for file in extension.fixed)),
        *_rework(bench),
        f"{end}, then call `{SUBMIT}`.",
    ]


def _answer(contract: type[Document]) -> Mapping[str, JSON]:
    schema = cast("dict[str, JSON]", lean(contract.model_json_schema()))
    return {**schema, "title": SUBMIT}


def _lines(paths: Sequence[str]) -> str:
    return "\n".join(f"/{path}" for path in paths)


def _rework(bench: SkillContext) -> list[str]:
    if bench.rework is None:
        return []
    return [
        "You did this before. Your files are in place. They did not stand up to the checks:",
        data("problems", "\n".join(f"- {problem}" for problem in bench.rework.problems)),
        "Change what is needed, no more.",
    ]
