"""What models may spend in a run, and what they spent, by agent and skill.

A budget is checked before each call, so that it is passed by one call at most; minutes end a call under way.

Not here: what a model costs (`skills.model.prices`), stopping with a question (the orchestrator).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal

from skills.model.errors import BudgetExceeded, PriceUnknown
from skills.model.prices import PRICES, Price, price_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What may be spent. None is no limit. `tokens` count both ways, `money` is US dollars."""

    calls: int | None = None
    tokens: int | None = None
    money: Decimal | None = None
    minutes: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The limits of each step and of the whole run. By default a loop ends, and nothing else."""

    step: Limits = Limits(calls=200, minutes=60)
    run: Limits = Limits(calls=1000, minutes=240)
    prices: Mapping[str, Price] = field(default_factory=lambda: PRICES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What was spent. `cached_tokens` are part of `input_tokens`; `seconds` are the time that the work took.

    `estimated` counts the calls whose tokens the provider did not report, `unpriced` those missing from `money`.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    money: Decimal = Decimal(0)
    seconds: float = 0.0
    estimated: int = 0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Spending) -> Spending:
        return Spending(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    def __sub__(self, other: Spending) -> Spending:
        return Spending(**{each.name: getattr(self, each.name) - getattr(other, each.name) for each in fields(self)})

    def __str__(self) -> str:
        estimated = f" ({self.estimated} calls estimated)" if self.estimated else ""
        unpriced = f" ({self.unpriced} calls of unknown price)" if self.unpriced else ""
        tokens = f"{self.input_tokens:,} tokens in, {self.output_tokens:,} out{estimated}"
        return f"{self.calls} calls, {tokens}, ${self.money:.4f}{unpriced}, {self.seconds / 60:.1f} minutes"


class Meter:
    """Counts what one run spends, and says when to stop. For one event loop.

    `earlier` is what a resumed run had spent, by step and skill. A step's limits are there to end a loop: they count
    from the last time that a person had the run go on (`begin_anew`).
    """

    def __init__(
        self, budget: Budget | None = None, *, earlier: Mapping[tuple[str, str], Spending] | None = None
    ) -> None:
        self.budget = budget or Budget()
        self._spent = dict(earlier or {})
        self._lately = dict(self._spent)  # since `begin_anew`

    @property
    def skills(self) -> Mapping[tuple[str, str], Spending]:
        """Return what was spent, by step and skill."""
        return dict(self._spent)

    def skill(self, step: str, skill: str) -> Spending:
        """Return what a skill spent."""
        return self._spent.get((step, skill), Spending())

    def step(self, step: str) -> Spending:
        """Return what a step spent since the run last began anew."""
        return sum((spent for (name, _), spent in self._lately.items() if name == step), Spending())

    def run(self) -> Spending:
        """Return what the whole run spent."""
        return sum(self._spent.values(), Spending())

    def add(self, step: str, skill: str, spent: Spending) -> None:
        """Count what a skill spent."""
        for total in (self._spent, self._lately):
            total[step, skill] = total.get((step, skill), Spending()) + spent

    def begin_anew(self) -> None:
        """Give each step what it may spend once more. What the run spent stays."""
        self._lately.clear()

    def cost(self, model: str, spent: Spending) -> Spending:
        """Return `spent` with the money that `model` takes for its tokens."""
        price = price_of(model, self.budget.prices)
        if price is None:
            return spent + Spending(unpriced=spent.calls)
        money = price.cost(
            input_tokens=spent.input_tokens, output_tokens=spent.output_tokens, cached_tokens=spent.cached_tokens
        )
        return spent + Spending(money=money)

    def require(self, step: str, skill: str, model: str) -> None:
        """Let a call happen.

        Raises:
            BudgetExceeded: The step or the run has spent what it may.
            PriceUnknown: Money is limited, and nobody knows what `model` costs.
        """
        limited = self.budget.step.money is not None or self.budget.run.money is not None
        if limited and price_of(model, self.budget.prices) is None:
            raise PriceUnknown(model)
        for scope, limits, spent in self._scopes(step):
            if passed := _passed(limits, spent):
                raise BudgetExceeded(skill, f"{scope} may spend {passed} and has spent {spent}")

    def seconds_left(self, step: str) -> float | None:
        """Return how long the step's work may go on, or None without a limit."""
        left = [
            max(0.0, limits.minutes * 60 - spent.seconds)
            for _, limits, spent in self._scopes(step)
            if limits.minutes is not None
        ]
        return min(left, default=None)

    def out_of_time(self, step: str, skill: str) -> BudgetExceeded:
        """Return the error of a step whose minutes are over."""
        scope, limits, spent = min(
            (each for each in self._scopes(step) if each[1].minutes is not None),
            key=lambda each: (each[1].minutes or 0.0) * 60 - each[2].seconds,
        )
        return BudgetExceeded(skill, f"{scope} may spend {limits.minutes:g} minutes and has spent {spent}")

    def _scopes(self, step: str) -> tuple[tuple[str, Limits, Spending], ...]:
        own = (f"the step of `{step}`", self.budget.step, self.step(step))
        return own, ("the run", self.budget.run, self.run())


def _passed(limits: Limits, spent: Spending) -> str | None:
    if limits.calls is not None and spent.calls >= limits.calls:
        return f"{limits.calls} calls"
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"{limits.tokens:,} tokens"
    if limits.money is not None and spent.money >= limits.money:
        return f"${limits.money}"
    if limits.minutes is not None and spent.seconds >= limits.minutes * 60:
        return f"{limits.minutes:g} minutes"
    return None
