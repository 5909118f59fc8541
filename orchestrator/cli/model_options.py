"""The options of the command line that are about models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from handoff.files import read_regular
from orchestrator.planning.model_policy import ModelChange, ModelUse
from schemas.errors import InputError
from skills.core.executor import refusals
from skills.model.budget import Budget
from skills.model.executor import REPAIRS
from skills.model.prices import Price

_RUN = Budget().run
_PRICES: TypeAdapter[dict[str, Price]] = TypeAdapter(dict[str, Price])


class ModelOptionsRefused(InputError):
    """Options about a model without a model, or that contradict each other."""

    code = "model_options_refused"


class PricesUnreadable(InputError):
    """A file of prices that is not there or is none."""

    code = "prices_unreadable"


def dollars(text: str) -> Decimal:
    """Return the US dollars that `text` says.

    Raises:
        BadParameter: It says none, or nothing.
    """
    try:
        money = Decimal(text)
    except InvalidOperation:
        money = Decimal(0)
    if not money.is_finite() or money <= 0:
        raise typer.BadParameter(f"`{text}` is no amount of US dollars. Write for example 5 or 0.50.")
    return money


Model = Annotated[
    str | None,
    typer.Option("--model", metavar="PROVIDER:NAME", help="The chat model that does what templates cannot."),
]
ModelFor = Annotated[
    str,
    typer.Option("--model-for", metavar="SKILL,…", help="Skills that the model does as a whole."),
]
AllModel = Annotated[bool, typer.Option("--all-model", help="Have the model do every skill.")]
Repairs = Annotated[
    int | None,
    typer.Option("--repairs", min=0, help=f"How often work that does not stand goes back. {REPAIRS} by default."),
]
MaxCalls = Annotated[
    int | None,
    typer.Option("--max-calls", min=1, help=f"Calls of the model in the whole run. {_RUN.calls} by default."),
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="Tokens in the whole run, both ways. No limit by default.")
]
MaxMoney = Annotated[
    Decimal | None,
    typer.Option(
        "--max-money", metavar="DOLLARS", parser=dollars, help="US dollars in the whole run. No limit by default."
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        "--max-minutes", min=0.01, help=f"Minutes of models' work in the whole run. {_RUN.minutes:g} by default."
    ),
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="JSON: US dollars per million tokens, by model. See docs/models.md."),
]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="DIR", help="Keep what the model is asked and says in this folder.")
]
Replay = Annotated[
    Path | None,
    typer.Option("--replay", metavar="DIR", help="Take what was recorded in this folder; no model is called."),
]


def model_use_of(
    *,
    model: str | None,
    model_for: str,
    all_model: bool,
    repairs: int | None,
    calls: int | None,
    tokens: int | None,
    money: Decimal | None,
    minutes: float | None,
    prices: Path | None,
    record: Path | None,
    replay: Path | None,
) -> ModelUse | None:
    """Return what the options say of a model; None if they say nothing.

    Raises:
        ModelOptionsRefused: There are such options and no `--model`, or two that contradict each other.
        PricesUnreadable: The file of prices cannot be used.
    """
    limits = ModelChange(calls=calls, tokens=tokens, money=money, minutes=minutes)
    others = {
        "--model-for": model_for, "--all-model": all_model, "--repairs": repairs is not None, "--prices": prices,
        "--record": record, "--replay": replay, **{f"--max-{name}": value for name, value in limits},
    }  # fmt: skip
    said = [name for name, value in others.items() if value]
    if model is None:
        if said:
            raise ModelOptionsRefused(f"`{said[0]}` needs a model: name it with `--model provider:name`.")
        return None
    _refuse_contradictions(all_model=all_model, model_for=model_for, record=record, replay=replay)
    use = ModelUse(
        name=model,
        all_skills=all_model,
        skills=tuple(name.strip() for name in model_for.split(",") if name.strip()),
        repairs=REPAIRS if repairs is None else repairs,
        prices=_read_prices(prices) if prices else {},
        record=str(record.expanduser().absolute()) if record else None,
        replay=str(replay.expanduser().absolute()) if replay else None,
    )
    return limits.of(use)


def change_of(
    *, model: str | None, calls: int | None, tokens: int | None, money: Decimal | None, minutes: float | None
) -> ModelChange | None:
    """Return what the options change of a run's model; None if they say nothing."""
    change = ModelChange(name=model, calls=calls, tokens=tokens, money=money, minutes=minutes)
    return change if change != ModelChange() else None


def _refuse_contradictions(*, all_model: bool, model_for: str, record: Path | None, replay: Path | None) -> None:
    if record is not None and replay is not None:
        raise ModelOptionsRefused("`--record` and `--replay` exclude each other: a replay calls no model to record.")
    if all_model and model_for:
        raise ModelOptionsRefused("`--all-model` is every skill; leave out `--model-for`, or `--all-model`.")


def _read_prices(path: Path) -> Mapping[str, Price]:
    try:
        return _PRICES.validate_python(json.loads(read_regular(path), parse_float=Decimal))
    except OSError as error:
        raise PricesUnreadable(f"the prices `{path}` cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        listed = "".join(f"\n  {problem}" for problem in refusals("price", error))
        raise PricesUnreadable(f"`{path}` does not hold prices:{listed}\n{_FORM}") from error
    except ValueError as error:
        raise PricesUnreadable(f"`{path}` is not JSON: {error}.\n{_FORM}") from error


_FORM = 'Write US dollars per million tokens: {"openai:my-model": {"input": "0.50", "output": "2", "cached": "0.05"}}.'
