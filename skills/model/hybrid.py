"""Let templates do what they can, and a model the rest: the executor of a run that has a model.

A skill goes wholly to the model if it was named, if all skills were, or if it has no template. Any other skill is done
by its template.

Not here: how a model does a skill (`skills.model.executor`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.base import JSON, Document
from skills.contribution import Contribution
from skills.executor import Executor
from skills.model.executor import ModelExecutor
from skills.skill import Skill
from skills.workbench import Workbench


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

    async def execute(
        self, skill: Skill, materials: Mapping[str, Document | JSON], bench: Workbench, /
    ) -> Contribution:
        """Return the skill's output, as `Executor.execute`.

        Raises:
            SkillFailed: As `Executor.execute`.
            ModelFailed, PriceUnknown: As `ModelExecutor.execute`.
        """
        if self._is_models(skill):
            return await self._model.execute(skill, materials, bench)
        return await self._template.execute(skill, materials, bench)

    def _is_models(self, skill: Skill) -> bool:
        return self._all_skills or skill.name in self._skills or skill.blueprint().contribute is None
