"""Judge what a model leaves: the files by what they are, the answer by the contract, one by the other.

Not here: what may be written at all (`skills.model.workspace`), guards and checks of the agent, which come after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from pydantic import ValidationError

from schemas.base import JSON
from schemas.feature import Gap
from skills.core.contribution import ContributedFile, Contribution, ContributionConflict, merge
from skills.core.executor import refusals
from skills.core.formatting import FormattingFailed, format_python
from skills.core.skill import Blueprint
from skills.model.extension import Extension, Followed
from skills.model.gaps import GapClaims, declined, judged, unclaimed
from skills.model.prompt import GAPS, answer_schema
from skills.model.workspace import Changes

Judge: TypeAlias = Callable[[Mapping[str, JSON], Changes], "Contribution | tuple[str, ...]"]
"""Returns the output that an answer and the files make, or what is wrong with them."""


class WholeSkill:
    """Judges a skill that a model does as a whole, gaps included if there are any."""

    def __init__(self, skill: str, blueprint: Blueprint, assembled: Contribution, gaps: Sequence[Gap]) -> None:
        """Hold the work to the skill's output contract, and to what earlier skills of the step left."""
        self._skill, self._assembled, self._gaps = skill, assembled, gaps
        self._output, self._given = blueprint.output, blueprint.given
        self._known = answer_schema(blueprint.output)["properties"]

    def __call__(self, stated: Mapping[str, JSON], changes: Changes) -> Contribution | tuple[str, ...]:
        """Return the skill's output, or what is wrong with it."""
        problems = list(changes.problems)
        if not changes.files:
            problems.append("no file was written: a skill's work is its files, not what it says of them")
        facts = {name: value for name, value in stated.items() if name != GAPS or not self._gaps}
        unknown = self._unknown(facts)
        try:
            output = self._output.model_validate({**facts, "files": (*self._given, *changes.files)})
        except ValidationError as error:
            return (*problems, *refusals("`submit`:", error))
        problems += [*unknown, *_conflicts(self._skill, self._assembled, output)]
        return self._with_rules(output, stated, problems)

    def _unknown(self, facts: Mapping[str, JSON]) -> list[str]:
        known = self._known if isinstance(self._known, dict) else {}
        reserved = Contribution.model_fields.keys() - known.keys()
        return [f"`submit`: `{name}`: Extra inputs are not permitted" for name in sorted(reserved & facts.keys())]

    def _with_rules(
        self, output: Contribution, stated: Mapping[str, JSON], problems: list[str]
    ) -> Contribution | tuple[str, ...]:
        if not self._gaps:
            return tuple(problems) or output
        files = {file.path: file.content for file in output.files if file not in self._given}
        claims = _claims({GAPS: stated.get(GAPS, [])})
        if not isinstance(claims, GapClaims):
            return (*problems, *claims)
        rules = judged(claims, self._gaps, files, None)
        if isinstance(rules, list):
            return (*problems, *rules)
        return tuple(problems) or output.model_copy(
            update={"business_rules": rules, "declined": declined(claims, self._gaps)}
        )


class Extended:
    """Judges what a model added to what a template made."""

    def __init__(self, skill: str, extension: Extension) -> None:
        """Hold the work to the extension's places and gaps."""
        self._skill, self._extension = skill, extension
        self._before = {file.path: file.content for file in extension.layout.files}

    def __call__(self, stated: Mapping[str, JSON], changes: Changes) -> Contribution | tuple[str, ...]:
        """Return the files that were changed and the rules they implement, or what is wrong with them."""
        changed = tuple(file for file in changes.files if file.content != self._before.get(file.path))
        problems = [*changes.problems, *_syntax(self._skill, changed)]
        if self._extension.places.work == "follow":
            problems += _refused(Followed, stated)
            return tuple(problems) or Contribution(files=changed)
        claims = _claims(stated)
        if not isinstance(claims, GapClaims):
            return (*problems, *claims)
        return self._judged(claims, changed, problems)

    def _judged(
        self, claims: GapClaims, changed: tuple[ContributedFile, ...], problems: list[str]
    ) -> Contribution | tuple[str, ...]:
        files = {file.path: file.content for file in changed}
        rules = judged(claims, self._extension.gaps, files, self._extension.tests)
        if isinstance(rules, list):
            return (*problems, *rules)
        problems += unclaimed(rules, files)
        if problems:
            return tuple(problems)
        return Contribution(files=changed, business_rules=rules, declined=declined(claims, self._extension.gaps))


def _claims(stated: Mapping[str, JSON]) -> GapClaims | tuple[str, ...]:
    try:
        return GapClaims.model_validate(stated)
    except ValidationError as error:
        return refusals("`submit`:", error)


def _refused(contract: type[Followed], stated: Mapping[str, JSON]) -> tuple[str, ...]:
    try:
        contract.model_validate(stated)
    except ValidationError as error:
        return refusals("`submit`:", error)
    return ()


def _conflicts(skill: str, assembled: Contribution, output: Contribution) -> tuple[str, ...]:
    try:
        merge((("an earlier skill", assembled), (skill, output)))
    except ContributionConflict as error:
        return (str(error),)
    return _syntax(skill, output.files)


def _syntax(skill: str, files: Collection[ContributedFile]) -> tuple[str, ...]:
    try:
        format_python(tuple(files), {file.path: skill for file in files})
    except FormattingFailed as error:
        return error.problems
    return ()
