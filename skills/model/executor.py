"""Let a chat model do a skill's work, under the contract that its template is under.

The model works on a copy of the staged tree; what it leaves is judged there: the difference, the output contract, the
syntax, the other skills' claims. What does not stand goes back to it, a few times at most. A result is a contribution
like any other: the agent's guards and checks come after.

Not here: telling the model what to do (`skills.model.prompt`), talking to it (`skills.model.conversation`).

Source: `docs/models.md`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from schemas.base import JSON, Document
from skills.contribution import Contribution, ContributionConflict, merge
from skills.executor import refusals, request_of
from skills.formatting import FormattingFailed, format_python
from skills.model.budget import Spending
from skills.model.calling import Patience
from skills.model.desk import Changes, Desk, desk, laid_out
from skills.model.errors import Attempt, ModelFailed, ModelPackageMissing, RepairsExhausted
from skills.model.models import AGENTS_EXTRA, AGENTS_PACKAGE, chat_model, model_name
from skills.model.prompt import Prompt, feedback, prompt_of
from skills.skill import Blueprint, Skill
from skills.workbench import Workbench

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
        self, skill: Skill, materials: Mapping[str, Document | JSON], bench: Workbench, /
    ) -> Contribution:
        """Return the skill's output, as `Executor.execute`. What it spends is counted in `bench.meter`.

        Raises:
            SkillFailed: The step does not offer what the skill's input contract asks for.
            ModelFailed: The model left nothing that can be used: the subclass says why, `attempts` what was wrong.
            PriceUnknown: Money is limited, and the model's price is not known.
        """
        blueprint = skill.blueprint()
        request = request_of(skill, blueprint, materials)
        offered = materials.get("assembled")
        assembled = offered if isinstance(offered, Contribution) else Contribution()
        prompt = prompt_of(
            skill,
            blueprint.output,
            request,
            bench,
            there=laid_out(bench),
            fixed=sorted(file.path for file in assembled.files),
        )
        with desk(bench, assembled, prompt.attachments) as place:
            work = _Work(skill, blueprint, place, assembled, self._repairs)
            try:
                return await self._in_time(work, skill, prompt, place)
            except ModelFailed as error:
                if error.attempts or not work.attempts:
                    raise
                raise type(error)(error.skill, error.detail, work.attempts) from error

    async def _in_time(self, work: _Work, skill: Skill, prompt: Prompt, place: Desk) -> Contribution:
        """Do the work in the minutes that are left, and count them: those of the calls are counted already."""
        meter, agent = place.bench.meter, place.bench.agent
        started, before = time.monotonic(), meter.skill(agent, skill.name).seconds
        try:
            async with asyncio.timeout(meter.seconds_left(agent)) as limit:
                conversation = await asyncio.to_thread(self._conversation, skill, prompt, place)
                return await work.done(conversation, prompt.message)
        except TimeoutError as error:
            if not limit.expired():
                raise
            late = error
        finally:
            counted = meter.skill(agent, skill.name).seconds - before
            meter.add(agent, skill.name, Spending(seconds=max(0.0, time.monotonic() - started - counted)))
        raise meter.out_of_time(agent, skill.name) from late

    def _conversation(self, skill: Skill, prompt: Prompt, place: Desk) -> Conversation:
        try:
            from skills.model.conversation import Conversation  # noqa: PLC0415  # an extra, and slow to import
        except ImportError as error:
            raise ModelPackageMissing(model_name(self._model), AGENTS_PACKAGE, AGENTS_EXTRA) from error
        return Conversation(self._model, skill.name, prompt, place, self._patience)


class _Work:
    """One skill's work, attempt by attempt."""

    def __init__(self, skill: Skill, blueprint: Blueprint, place: Desk, assembled: Contribution, repairs: int) -> None:
        self.attempts: list[Attempt] = []
        self._skill, self._blueprint, self._desk = skill, blueprint, place
        self._assembled, self._repairs = assembled, repairs

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
                raise RepairsExhausted(self._skill.name, detail, self.attempts)
            message = feedback(judged)

    def _judged(self, turn: Turn) -> Contribution | tuple[str, ...]:
        changes = self._desk.changes()
        problems = list(changes.problems)
        if turn.stated is None:
            return (turn.problem, *problems)
        if not changes.files:
            problems.append("no file was written: a skill's work is its files, not what it says of them")
        output = self._output(turn.stated, changes)
        if not isinstance(output, Contribution):
            return (*problems, *output)
        problems += self._conflicts(output)
        return tuple(problems) if problems else output

    def _output(self, stated: Mapping[str, JSON], changes: Changes) -> Contribution | tuple[str, ...]:
        try:
            return self._blueprint.output.model_validate({**stated, "files": changes.files})
        except ValidationError as error:
            return refusals("`submit`:", error)

    def _conflicts(self, output: Contribution) -> tuple[str, ...]:
        name = self._skill.name
        try:
            merge((("an earlier skill", self._assembled), (name, output)))
            format_python(output.files, {file.path: name for file in output.files})
        except ContributionConflict as error:
            return (str(error),)
        except FormattingFailed as error:
            return error.problems
        return ()
