"""Why a chat model did not do a skill's work.

    InputError
    ├── ModelUnknown           no such provider, or a name without one
    ├── ModelPackageMissing    the provider's package is not installed
    ├── ModelKeyMissing        the environment variable that opens the provider is not set
    ├── ModelUnusable          the provider's package refuses the name or its settings
    └── PriceUnknown           a limit in money, and no price for the model
    RunError
    ├── ReplayMiss             a replayed run asks what was never recorded
    └── ModelFailed            the model was asked, and left nothing that can be used
        ├── RepairsExhausted   every attempt broke the contract
        ├── ModelRefused       the model, or its provider's filter, will not do it
        ├── ModelUnavailable   no answer, after waiting and trying again; may work later
        ├── ModelCallFailed    the provider turned the request down; asking again will not help
        └── BudgetExceeded     calls, tokens, money or minutes are spent

A `ModelFailed` is for a person to decide on: `attempts` says what was wrong each time. Nothing of it was published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from schemas.errors import InputError, RunError


class ModelUnknown(InputError):
    """A model's name that leads to no provider."""

    code = "model_unknown"

    def __init__(self, name: str, known: tuple[str, ...], example: str) -> None:
        super().__init__(name, known, example)
        self.name, self.known, self.example = name, known, example

    def __str__(self) -> str:
        provider, colon, model = self.name.partition(":")
        if not colon:
            what = f"the model `{self.name}` names no provider; write `provider:model`"
        elif provider in self.known and not model:
            what = f"the model `{self.name}` names a provider and no model; write `{provider}:model`"
        else:
            near = get_close_matches(provider, self.known, 2, 0.5)
            hint = f"; did you mean {' or '.join(f'`{name}:{model}`' for name in near)}?" if near else ""
            what = f"no provider of models is called `{provider}`{hint}"
        return f"{what} (for example `{self.example}`; providers: {', '.join(self.known)})"


class ModelPackageMissing(InputError):
    """Models, or one provider of them, need an extra that is not installed."""

    code = "model_package_missing"

    def __init__(self, name: str, package: str, extra: str) -> None:
        super().__init__(name, package, extra)
        self.name, self.package, self.extra = name, package, extra

    def __str__(self) -> str:
        return (
            f"the model `{self.name}` needs the package `{self.package}`, which is not installed. Install it with\n"
            f"  pip install 'baton-engine[{self.extra}]'"
        )


class ModelKeyMissing(InputError):
    """A provider's key, project or the like is not in the environment. `variables`: any one of them is enough."""

    code = "model_key_missing"

    def __init__(self, name: str, variables: tuple[str, ...]) -> None:
        super().__init__(name, variables)
        self.name, self.variables = name, variables

    def __str__(self) -> str:
        wanted = " or ".join(f"`{variable}`" for variable in self.variables)
        return f"the model `{self.name}` needs {wanted} in the environment; set it and start again"


class ModelUnusable(InputError):
    """A provider's package refuses a model, in its own words."""

    code = "model_unusable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"the model `{self.name}` cannot be used: {self.reason}"


class PriceUnknown(InputError):
    """Money is limited, and what a model costs is not known."""

    code = "price_unknown"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return (
            f"the budget limits money, and no price is known for the model `{self.model}`; give its price in US "
            "dollars per million tokens, or limit calls or tokens instead"
        )


class ReplayMiss(RunError):
    """A request that was never recorded. `difference` compares it with the nearest one that was."""

    code = "replay_miss"

    def __init__(self, folder: str, difference: str) -> None:
        super().__init__(folder, difference)
        self.folder, self.difference = folder, difference

    def __str__(self) -> str:
        what = f"no recorded exchange in `{self.folder}` answers this request, and a replay never calls a model"
        return f"{what}\n{self.difference}\nRecord the run again."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a skill's work, and what was wrong with it."""

    problems: tuple[str, ...]


class ModelFailed(RunError):
    """A model was asked to do a skill and left nothing that can be used."""

    code = "model_failed"
    because: ClassVar[str] = "failed"
    advice: ClassVar[str] = "Try again, do the step by hand, or use the skill's template."

    def __init__(self, skill: str, detail: str, attempts: Sequence[Attempt] = ()) -> None:
        super().__init__(skill, detail, tuple(attempts))
        self.skill, self.detail, self.attempts = skill, detail, tuple(attempts)

    def __str__(self) -> str:
        tried = [
            f"  attempt {number}: {problem}"
            for number, attempt in enumerate(self.attempts, start=1)
            for problem in attempt.problems
        ]
        return "\n".join([f"skill `{self.skill}`: {self.because}: {self.detail}", *tried, self.advice])


class RepairsExhausted(ModelFailed):
    """Every attempt broke a contract. `attempts` are all of them, in order."""

    code = "repairs_exhausted"
    because = "the model's work was never as its contract says"


class ModelRefused(ModelFailed):
    """The model, or its provider's filter, will not do the work. Asking again is no use."""

    code = "model_refused"
    because = "the model refused"


class ModelUnavailable(ModelFailed):
    """The provider did not answer, or not to the end, however often it was asked. It may later."""

    code = "model_unavailable"
    because = "the model cannot be reached"


class ModelCallFailed(ModelFailed):
    """The provider turned the request down: a wrong key, an unknown model, a request too long."""

    code = "model_call_failed"
    because = "the provider turned the request down"


class BudgetExceeded(ModelFailed):
    """What a step or a run may spend is spent."""

    code = "budget_exceeded"
    because = "the budget is spent"
    advice = "Raise the limit and go on, do the step by hand, or use the skill's template."
