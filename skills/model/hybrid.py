"""Let templates do what they can, and a model the rest: the executor of a run that has a model.

A skill goes wholly to the model if it was named, if all skills were, or if it has no template. Any other skill is done
by its template, and where the feature has gaps that belong to it, the model fills the places that the template leaves
for them. A place that stays as it was left is not in the result, nor what else the template did for its sake.

Not here: how a model works (`skills.model.executor`), which gaps are whose (`skills.model.gaps`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import cast

from schemas.base import JSON, Document
from schemas.feature import Feature, Gap
from skills.core.contribution import Contribution, assembled_in
from skills.core.executor import Executor
from skills.core.extension_points import RULED, ExtensionPoints
from skills.core.formatting import format_python
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext
from skills.model.executor import ModelExecutor
from skills.model.extension import Extension
from skills.model.gaps import gaps_of

Materials = Mapping[str, Document | JSON]


class HybridExecutor:
    """Does skills with templates and one chat model."""

    def __init__(
        self, template: Executor, model: ModelExecutor, *, all_skills: bool = False, skills: Collection[str] = ()
    ) -> None:
        """Divide the work.

        Args:
            template: Does what templates can.
            model: Does the rest.
            all_skills: Whether the model does every skill as a whole.
            skills: Names of those that it does as a whole.
        """
        self._template, self._model = template, model
        self._all_skills, self._skills = all_skills, frozenset(skills)

    async def execute(self, skill: Skill, materials: Materials, bench: SkillContext, /) -> Contribution:
        """Return the skill's output, as `Executor.execute`. Its `business_rules` are the gaps that were implemented.

        Raises:
            SkillFailed: As `Executor.execute`.
            ModelFailed, PriceUnknown: As `ModelExecutor.execute`.
        """
        blueprint = skill.blueprint()
        places = blueprint.places
        whole = self._all_skills or skill.name in self._skills or blueprint.contribute is None
        gaps = gaps_of(places, materials, whole=whole)
        if whole:
            mine = gaps if places is not None and places.work == "implement" else ()
            return await self._model.execute(skill, materials, bench, gaps=mine)
        if places is None or not gaps:
            return await self._template.execute(skill, materials, bench)
        return await self._extended(skill, places, gaps, materials, bench)

    async def _extended(
        self, skill: Skill, places: ExtensionPoints, gaps: tuple[Gap, ...], materials: Materials, bench: SkillContext
    ) -> Contribution:
        feature = cast("Feature", materials["feature"])  # where there are gaps, there is a feature
        every = tuple(entity.name for entity in feature.entities)
        extension = Extension(
            feature=feature,
            gaps=gaps,
            places=places,
            layout=await self._laid_out(skill, materials, bench, every),
            assembled=assembled_in(materials),
        )
        if not extension.code:
            return await self._template.execute(skill, materials, bench)
        done = await self._model.extend(skill, extension, bench)
        ruled = places.ruled(feature, frozenset(file.path for file in done.files))
        made = await self._template.execute(skill, {**materials, RULED: list(ruled)}, bench)
        return _joined(made, done, extension)

    async def _laid_out(
        self, skill: Skill, materials: Materials, bench: SkillContext, every: tuple[str, ...]
    ) -> Contribution:
        """Return what the template makes with a place for every entity, in the style that files will have."""
        made = await self._template.execute(skill, {**materials, RULED: list(every)}, bench)
        files = await asyncio.to_thread(format_python, made.files, {file.path: skill.name for file in made.files})
        return made.model_copy(update={"files": files})


def _joined(made: Contribution, done: Contribution, extension: Extension) -> Contribution:
    """Return what the template made with the model's files in it."""
    changed = {file.path: file for file in done.files}
    kept = tuple(changed.pop(file.path, file) for file in made.files)
    written = {file.path for file in done.files}
    baseline = {file.path: file.content for file in extension.layout.files if file.path in written}
    files = (*kept, *(file for file in done.files if file.path in changed))
    added = {"business_rules": done.business_rules, "baseline": baseline, "declined": done.declined}
    return made.model_copy(update={"files": files, **added})
