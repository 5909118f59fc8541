"""Let a chat model do a skill's work, under the contract that its template is under.

The model works on a copy of the staged tree. What does not stand goes back to it, a few times at most. A result is a
contribution like any other: the agent's guards and checks come after.

Not here: telling the model what to do (`skills.model.prompt`), talking to it (`skills.model.conversation`), judging
what it leaves (`skills.model.verdict`).

Source: `docs/models.md`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.base import JSON, Document
from schemas.feature import Gap
from skills.core.contribution import Contribution, assembled_in
from skills.core.executor import request_of
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext
from skills.model.budget import Spending
from skills.model.call import Patience
from skills.model.errors import Attempt, ModelFailed, ModelPackageMissing, RepairsExhausted
from skills.model.extension import Extension, extension_prompt
from skills.model.models import AGENTS_EXTRA, AGENTS_PACKAGE, chat_model, model_name
from skills.model.prompt import Prompt, feedback, prompt_of
from skills.model.verdict import Extended, Judge, WholeSkill
from skills.model.workspace import ModelWorkspace, laid_out, open_workspace

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from skills.model.conversation import Conversation, Turn

REPAIRS = 3


class ModelExecutor:
    """Does skills with one chat model."""

    def __init__(self, model: str | BaseChatModel, *, repairs: int = REPAIRS, patience: Patience | None = None) -> None:
        """Use `model`, a chat model or its name (`provider:model`).

        Args:
            model: As `skills.model.models.chat_model` takes it.
            repairs: How often work that does not stand goes back to the model.
            patience: How long to wait for it.

        Raises:
            InputError: As `chat_model`.
        """
        self._model = chat_model(model)
        self._repairs = repairs
        self._patience = patience or Patience()

    async def execute(
        self,
        skill: Skill,
        materials: Mapping[str, Document | JSON],
        bench: SkillContext,
        /,
        *,
        gaps: Sequence[Gap] = (),
    ) -> Contribution:
        """Return the skill's output, as `Executor.execute`. What it spends is counted in `bench.meter`.

        Args:
            skill: The skill to do as a whole.
            materials: All that the step offers.
            bench: Where the work is done.
            gaps: What the model may implement beyond that. `business_rules` of the output are those it did.

        Raises:
            SkillFailed: The step does not offer what the skill's input contract asks for.
            ModelFailed: The model left nothing that can be used: the subclass says why, `attempts` what was wrong.
            PriceUnknown: Money is limited, and the model's price is not known.
        """
        blueprint = skill.blueprint()
        request = request_of(skill, blueprint, materials)
        assembled = assembled_in(materials)
        prompt = prompt_of(
            skill,
            blueprint,
            request,
            bench,
            there=laid_out(bench),
            fixed=sorted(file.path for file in assembled.files),
            gaps=gaps,
        )
        fixed = (*assembled.files, *blueprint.given)
        begun = bench.rework.contribution.files if bench.rework is not None else ()
        with open_workspace(bench, fixed, prompt.attachments, begun=begun) as place:
            return await self._done(skill, prompt, place, WholeSkill(skill.name, blueprint, assembled, gaps))

    async def extend(self, skill: Skill, extension: Extension, bench: SkillContext) -> Contribution:
        """Return the files that the model wrote or changed in the places of a skill's template, and the rules in them.

        Raises:
            ModelFailed, PriceUnknown: As `execute`.
        """
        prompt = extension_prompt(skill, extension, bench)
        begun = extension.begun(bench.rework.contribution if bench.rework is not None else None)
        with open_workspace(bench, extension.fixed, {}, begun=begun, places=extension.writable) as place:
            return await self._done(skill, prompt, place, Extended(skill.name, extension))

    async def _done(self, skill: Skill, prompt: Prompt, place: ModelWorkspace, judge: Judge) -> Contribution:
        work = _Work(skill.name, place, judge, self._repairs)
        try:
            return await self._in_time(work, skill, prompt, place)
        except ModelFailed as error:
            if error.attempts or not work.attempts:
                raise
            raise type(error)(error.skill, error.detail, work.attempts) from error

    async def _in_time(self, work: _Work, skill: Skill, prompt: Prompt, place: ModelWorkspace) -> Contribution:
        """Do the work in the minutes that are left, and count them: those of the calls are counted already."""
        meter, step = place.bench.meter, place.bench.spender
        started, before = time.monotonic(), meter.skill(step, skill.name).seconds
        try:
            async with asyncio.timeout(meter.seconds_left(step)) as limit:
                conversation = await asyncio.to_thread(self._conversation, skill, prompt, place)
                return await work.done(conversation, prompt.message)
        except TimeoutError as error:
            if not limit.expired():
                raise
            late = error
        finally:
            counted = meter.skill(step, skill.name).seconds - before
            meter.add(step, skill.name, Spending(seconds=max(0.0, time.monotonic() - started - counted)))
        raise meter.out_of_time(step, skill.name) from late

    def _conversation(self, skill: Skill, prompt: Prompt, place: ModelWorkspace) -> Conversation:
        try:
            from skills.model.conversation import Conversation  # noqa: PLC0415  # an extra, and slow to import
        except ImportError as error:
            raise ModelPackageMissing(model_name(self._model), AGENTS_PACKAGE, AGENTS_EXTRA) from error
        return Conversation(self._model, skill.name, prompt, place, self._patience)


class _Work:
    """One skill's work, attempt by attempt."""

    def __init__(self, skill: str, place: ModelWorkspace, judge: Judge, repairs: int) -> None:
        self.attempts: list[Attempt] = []
        self._skill, self._desk, self._judge, self._repairs = skill, place, judge, repairs

    async def done(self, conversation: Conversation, message: str) -> Contribution:
        """Return the first output that stands.

        Raises:
            RepairsExhausted: None did.
        """
        while True:
            turn = await conversation.say(message)
            judged = await asyncio.to_thread(self._judged, turn)
            if isinstance(judged, Contribution):
                return judged
            self.attempts.append(Attempt(judged))
            if len(self.attempts) > self._repairs:
                detail = f"{len(self.attempts)} attempts, none of which can be taken"
                raise RepairsExhausted(self._skill, detail, self.attempts)
            message = feedback(judged)

    def _judged(self, turn: Turn) -> Contribution | tuple[str, ...]:
        changes = self._desk.changes()
        if turn.stated is None:
            return (turn.problem, *changes.problems)
        return self._judge(turn.stated, changes)
