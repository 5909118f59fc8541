"""Who does the skills of a run: templates, or a model where templates end. What cannot be had is refused at once.

Not here: what a run's policy says of models (`orchestrator.planning.model_policy`), doing a skill
(`skills.core.executor`, `skills.model`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Policy
from schemas.errors import InputError
from skills.core.executor import Executor, TemplateExecutor
from skills.core.registry import Registry
from skills.model.errors import ModelPackageMissing, PriceUnknown
from skills.model.executor import ModelExecutor
from skills.model.models import AGENTS_EXTRA, AGENTS_PACKAGE, chat_model, model_name
from skills.model.prices import price_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class ModelMissing(InputError):
    """A run wants a model that nobody gave."""

    code = "model_missing"


class TapeMissing(InputError):
    """A run is to be replayed from a folder that is not there, or recorded where none can be made."""

    code = "tape_missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Who does a run's skills. `model` is None if no model takes part."""

    executor: Executor
    model: ModelExecutor | None = None


class Executors:
    """Makes the executors of an engine's runs; each chat model is made once."""

    def __init__(self, executor: Executor | None, model: str | BaseChatModel | None) -> None:
        """Use `executor` for all runs, if it is given; else templates, and what each run's policy says of models.

        `model`, a chat model or its name, works for the runs whose policy names none.
        """
        self._executor, self._model = executor, model
        self._made: dict[tuple[str, str | None, str | None], BaseChatModel] = {}

    def settle(self, policy: Policy) -> Policy:
        """Return the policy of a new run with the model that it does not name itself.

        Raises:
            ModelMissing: It wants the engine's model, and there is none.
        """
        use = policy.model
        if use is None and self._model is None:
            return policy
        if use is None or not use.name:
            if self._model is None:
                raise ModelMissing(
                    "the policy's `ModelUse` has no name, and the engine no model. Name one, `provider:model`, or give"
                    " the engine one: `Orchestrator(model=…)`."
                )
            given = not isinstance(self._model, str)
            name = self._model if isinstance(self._model, str) else model_name(self._model)
            use = (use or ModelUse()).model_copy(update={"name": name, "given": given})
        return policy.model_copy(update={"model": use})

    async def workers(self, use: ModelUse | None, registry: Registry) -> Workers:
        """Return who does the skills of a run.

        Raises:
            InputError: The model cannot be had, its price must be known and is not, a skill does not exist, or there is
                nothing to replay.
        """
        if use is None:
            return Workers(executor=self._executor or TemplateExecutor())
        _refuse_unknown_skills(use.skills, registry)
        _refuse_unknown_price(use)
        model = ModelExecutor(await self._chat_model(use), repairs=use.repairs)
        if self._executor is not None:
            return Workers(executor=self._executor, model=model)
        from skills.model.hybrid import HybridExecutor  # noqa: PLC0415  # only where a model takes part

        executor = HybridExecutor(TemplateExecutor(), model, all_skills=use.all_skills, skills=use.skills)
        return Workers(executor=executor, model=model)

    async def _chat_model(self, use: ModelUse) -> BaseChatModel:
        key = (use.name if not use.given else "", use.record, use.replay)
        if key not in self._made:
            self._made[key] = await asyncio.to_thread(self._make, use)
        return self._made[key]

    def _make(self, use: ModelUse) -> BaseChatModel:
        """Return the chat model: importing a provider's package takes its time."""
        if find_spec(AGENTS_PACKAGE) is None:
            raise ModelPackageMissing(use.name, AGENTS_PACKAGE, AGENTS_EXTRA)
        from skills.model.record import Recording, Replay  # noqa: PLC0415  # an extra, and slow to import

        if use.replay is not None:
            return Replay(_recorded(use.replay), use.name)
        model = chat_model(self._given(use) if use.given else use.name)
        return model if use.record is None else Recording(_writable(use.record), model)

    def _given(self, use: ModelUse) -> str | BaseChatModel:
        if self._model is None:
            raise ModelMissing(
                f"the run's model, `{use.name}`, was given to its engine as an object, which is not stored. Take the"
                " run up with an engine that has a model, `Orchestrator(model=…)`, or name another one with `--model`."
            )
        return self._model


def _refuse_unknown_skills(names: Iterable[str], registry: Registry) -> None:
    for name in names:
        registry.skill(name)


def _refuse_unknown_price(use: ModelUse) -> None:
    budget = use.budget()
    limited = budget.step.money is not None or budget.run.money is not None
    if limited and price_of(use.name, budget.prices) is None:
        raise PriceUnknown(use.name)


def _recorded(name: str) -> Path:
    folder = Path(name)
    if not any(folder.glob("*.json")):
        raise TapeMissing(
            f"nothing is recorded in `{folder}`. Record a run there first: `baton run --record {folder}`."
        )
    return folder


def _writable(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TapeMissing(f"exchanges cannot be kept in `{folder}`: {error.strerror}. Name another folder.") from error
    return folder
