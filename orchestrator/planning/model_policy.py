"""Which model does a run's work, how much of it, and for how much: the part of a run's policy that is about models.

Not here: having it done (`orchestrator.planning.executors`), what was spent (`orchestrator.steps.usage`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from pydantic import Field, model_validator

from orchestrator.records.answers import SpendingLimits
from schemas.base import Document
from schemas.errors import InputError
from skills.model.budget import Budget, Limits
from skills.model.executor import REPAIRS
from skills.model.prices import PRICES, Price


class ModelUnset(InputError):
    """Limits for a model, where there is no model."""

    code = "model_unset"


class ModelUse(Document):
    """Decided when a run starts, and kept; a person who takes the run up again may change it.

    `name` is `provider:model`; empty, it is the engine's model. `given` says that the model was an object of the
    caller's, which nobody can make again from its name. The model does what templates cannot do; with `skills`, these
    skills as a whole, with `all_skills`, every one. `repairs` is how often work that does not stand goes back to it.
    `step` and `run` limit what it may spend; a step's limit counts from the last time that a person had the run go on.
    `prices` come before the list prices. Exchanges are kept in the folder `record`, or come from the folder `replay`.
    """

    name: str = ""
    given: bool = False
    all_skills: bool = False
    skills: tuple[str, ...] = ()
    repairs: int = Field(default=REPAIRS, ge=0)
    step: Limits = Budget().step
    run: Limits = Budget().run
    prices: Mapping[str, Price] = {}
    record: str | None = None
    replay: str | None = None

    @model_validator(mode="after")
    def _one_tape(self) -> Self:
        if self.record is not None and self.replay is not None:
            raise ValueError("a run records or replays, not both")
        return self

    def budget(self) -> Budget:
        """Return what the model may spend."""
        return Budget(step=self.step, run=self.run, prices={**PRICES, **self.prices})


class ModelChange(SpendingLimits):
    """What a person changes of a run's model when they take the run up again; what is null stays.

    `name` is another model; the rest is what the run may spend from its beginning on, minutes of work included.
    """

    name: str | None = None

    def of(self, use: ModelUse | None) -> ModelUse | None:
        """Return the changed use of a model.

        Raises:
            ModelUnset: The run has no model, and none is named.
        """
        given = {name: value for name, value in self if name != "name" and value is not None}
        if use is None and self.name is None:
            if given:
                raise ModelUnset(
                    "the run has no model whose limits could be changed. Give it one: `--model provider:name`."
                )
            return None
        changed = (use or ModelUse()).model_copy(
            update={} if self.name is None else {"name": self.name, "given": False}
        )
        return changed.model_copy(update={"run": replace(changed.run, **given)})
