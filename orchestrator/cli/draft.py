"""`baton draft`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handoff.feature import CONTRACT
from handoff.prose import is_prose
from handoff.source import decoded
from orchestrator.cli.console import say, say_aside
from orchestrator.cli.model_options import (
    MaxCalls,
    MaxMinutes,
    MaxMoney,
    MaxTokens,
    Model,
    Prices,
    Record,
    Repairs,
    Replay,
    model_use_of,
)
from orchestrator.cli.signals import carry_out
from orchestrator.planning.choices import built_in
from orchestrator.planning.executors import Executors
from orchestrator.steps.intake.draft import Drafted, account, drafted, said_in
from orchestrator.steps.intake.intake import NODE, read_input
from schemas.errors import InputError
from skills.core.registry import Registry
from skills.model.budget import Meter

if TYPE_CHECKING:
    from orchestrator.planning.model_policy import ModelUse

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class DraftRefused(InputError):
    """There is nothing to draft, or nowhere to write it."""

    code = "draft_refused"


@app.command()
def draft(
    prose: Annotated[Path, typer.Argument(help="Text that says what the app is to do: notes, minutes, a wish list.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the PRD here; nothing is overwritten.")
    ] = None,
    model: Model = None,
    repairs: Repairs = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    prices: Prices = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Have a model draft a structured PRD from prose, for you to read and correct. Nothing is run.

    The PRD goes to standard output, or to `--output`; where each statement went, to standard error.
    """
    use = model_use_of(
        model=model, model_for="", all_model=False, repairs=repairs, calls=max_calls, tokens=max_tokens,
        money=max_money, minutes=max_minutes, prices=prices, record=record, replay=replay,
    )  # fmt: skip
    if use is None:
        raise DraftRefused("only a model can read prose: name one with `--model provider:name` (docs/models.md).")
    if output is not None and output.exists():
        raise DraftRefused(f"`{output}` is already there; it was not touched. Name another file.")
    raise typer.Exit(carry_out(_draft(prose, output, use)))


async def _draft(path: Path, output: Path | None, use: ModelUse) -> int:
    text = decoded(read_input(path, modelled=True).raw, contract=CONTRACT, file=str(path))
    if not is_prose(text):
        raise DraftRefused(f"`{path}` is a structured PRD already: `baton run {path}` builds it.")
    said = said_in(text)
    model = (await Executors(None, None).workers(use, Registry())).model
    assert model is not None  # noqa: S101 - a use of a model brings one
    meter = Meter(use.budget())
    made = await drafted(model, said, catalogue=built_in(), agent=NODE, meter=meter, repairs=use.repairs)
    _write(made, output)
    say_aside(f"\n{account(made)}\n\n{meter.run()}")
    if not made.draft.complete:
        raise DraftRefused("the text names nothing that an app could keep records of. Say in it what is to be kept.")
    return 0


def _write(made: Drafted, output: Path | None) -> None:
    if output is None:
        say(made.draft.text.rstrip())
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(made.draft.text)
    except OSError as error:
        raise DraftRefused(f"`{output}` cannot be written: {error.strerror}.") from error
    say_aside(f"wrote {output}. Read it, correct it, then: baton run {output} --workspace DIR")
