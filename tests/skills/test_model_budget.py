"""What models may spend: a limit stops the work with what was spent, never silently."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage

from skills.model.budget import Budget, Limits, Meter, Spending
from skills.model.errors import Attempt, BudgetExceeded, PriceUnknown
from skills.model.prices import PRICES, Price, price_of
from skills.model.scripted import ScriptedModel, call, submit, write
from tests.support.model_skill import PAGE, bench, done

NAME = "ScriptedModel:scripted"
DEAR = {NAME: Price(input=Decimal(1000), output=Decimal(2000), cached=Decimal(100))}
LOOP = [call("ls", path="/")] * 50


async def spend(folder: Path, budget: Budget, script: list[AIMessage] | None = None) -> Meter:
    meter = Meter(budget)
    await done(folder, list(script or [write(PAGE), submit(listed=1)]), place=bench(folder, meter=meter))
    return meter


async def test_a_loop_is_ended_by_the_budget_of_calls(tmp_path: Path) -> None:
    meter = Meter(Budget(step=Limits(calls=7)))
    model = ScriptedModel(LOOP)
    with pytest.raises(
        BudgetExceeded, match=r"the step of `notes-agent` may spend 7 calls and has spent 7 calls, [\d,]+ tokens in"
    ):
        await done(tmp_path, model, place=bench(tmp_path, meter=meter))

    assert len(model.asked) == 7


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(calls=1), "may spend 1 calls"),
        (Limits(tokens=10), "may spend 10 tokens"),
        (Limits(money=Decimal("0.01")), r"may spend \$0\.01"),
        (Limits(minutes=0), "may spend 0 minutes"),
    ],
)
@pytest.mark.parametrize("scope", ["step", "run"])
async def test_every_limit_of_step_and_run_stops_the_work(
    tmp_path: Path, limits: Limits, told: str, scope: str
) -> None:
    budget = Budget(**{scope: limits}, prices=DEAR)
    named = "the run" if scope == "run" else "the step of `notes-agent`"
    with pytest.raises(BudgetExceeded, match=f"the budget is spent: {named} {told} and has spent") as caught:
        await spend(tmp_path, budget)

    assert "Raise the limit and go on" in str(caught.value)


async def test_minutes_end_a_call_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio  # noqa: PLC0415  # named beside its only use

    async def wait(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(ScriptedModel, "_agenerate", wait)
    with pytest.raises(BudgetExceeded, match=r"may spend 0\.001 minutes and has spent 0 calls"):
        await spend(tmp_path, Budget(step=Limits(minutes=0.001)))


async def test_what_was_wrong_before_is_told_with_what_was_spent(tmp_path: Path) -> None:
    with pytest.raises(BudgetExceeded) as caught:
        await spend(tmp_path, Budget(step=Limits(calls=1)), [AIMessage("")])

    assert caught.value.attempts == (Attempt(("your reply was empty",)),)


async def test_counts_are_kept_by_agent_and_skill(tmp_path: Path) -> None:
    meter = await spend(tmp_path, Budget(prices=DEAR))
    spent = meter.skills["notes-agent", "note-writer"]

    assert spent.calls == 2
    assert spent.money == (spent.input_tokens * 1000 + spent.output_tokens * 2000) / Decimal(1_000_000)
    assert meter.run() == meter.step("notes-agent") == spent
    assert meter.step("another-agent") == Spending()


async def test_a_resumed_run_goes_on_counting(tmp_path: Path) -> None:
    meter = Meter(Budget(run=Limits(calls=10)), earlier={("database-agent", "a-skill"): Spending(calls=9)})
    with pytest.raises(BudgetExceeded, match="the run may spend 10 calls and has spent 10 calls"):
        await done(tmp_path, LOOP, place=bench(tmp_path, meter=meter))

    assert meter.skills["notes-agent", "note-writer"].calls == 1


async def test_cached_tokens_cost_what_they_cost(tmp_path: Path) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000, "input_token_details": {"cache_read": 900}}
    script = [each.model_copy(update={"usage_metadata": usage}) for each in (write(PAGE), submit(listed=1))]
    meter = await spend(tmp_path, Budget(prices=DEAR), script)

    assert meter.run().cached_tokens == 1800
    assert meter.run().money == Decimal(2) * (100 * 1000 + 900 * 100) / 1_000_000


async def test_tokens_that_no_provider_counted_are_estimated_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skills.model.scripted.UsageMetadata", lambda **_: None)
    meter = await spend(tmp_path, Budget())

    assert meter.run().estimated == 2
    assert meter.run().input_tokens > 500
    assert "(2 calls estimated)" in str(meter.run())
    assert "(2 calls of unknown price)" in str(meter.run())


async def test_money_is_not_limited_blindly(tmp_path: Path) -> None:
    model = ScriptedModel(LOOP)
    meter = Meter(Budget(run=Limits(money=Decimal(1))))
    with pytest.raises(PriceUnknown, match=r"no price is known for the model `ScriptedModel:scripted`; give its price"):
        await done(tmp_path, model, place=bench(tmp_path, meter=meter))

    assert not model.asked


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("anthropic:claude-sonnet-5-5", "anthropic:claude-sonnet-5-5"),
        ("anthropic:claude-sonnet-5", "anthropic:claude-sonnet-5"),
        ("anthropic:claude-haiku-4-5-20251001", "anthropic:claude-haiku-4-5"),
        ("openai:gpt-5.5-2026-04-23", "openai:gpt-5.5"),
        ("openai:gpt-5.4-mini", "openai:gpt-5.4-mini"),
        ("google_vertexai:gemini-4-argon", "google_vertexai:gemini-4-argon"),
        ("ollama:qwen3:8b", "ollama:"),
        ("openai:gpt-5.4-nano", None),
        ("openai:gpt-6-sol-pro", None),
        ("anthropic:claude-opus-4-1-20250805", None),
        ("somebody:else", None),
    ],
)
def test_a_price_is_a_models_own_or_unknown(model: str, key: str | None) -> None:
    assert price_of(model, PRICES) == (PRICES[key] if key else None)
