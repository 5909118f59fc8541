"""`baton run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.model_options import (
    AllModel,
    MaxCalls,
    MaxMinutes,
    MaxMoney,
    MaxTokens,
    Model,
    ModelFor,
    Prices,
    Record,
    Repairs,
    Replay,
    model_use_of,
)
from orchestrator.cli.options import (
    AnswerWithin,
    ApproveOption,
    CheckTimeout,
    Json,
    OnFailure,
    Outside,
    StepTimeout,
    Verbose,
    WorkflowName,
    Workspace,
    names_of,
    policy_of,
)
from orchestrator.cli.project import engine_of
from orchestrator.cli.session import View, attend, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.cli.unnamed import refuse_unnamed
from orchestrator.planning.workflow import FEATURE
from orchestrator.steps.intake.intake import title_of

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.planning.policy import Policy

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def run(
    prd: Annotated[Path, typer.Argument(help="The feature PRD.")],
    workspace: Workspace = None,
    workflow: WorkflowName = FEATURE,
    agents: Annotated[str, typer.Option(help="Only these agents, names separated by commas.")] = "",
    approve: ApproveOption = None,
    on_failure: OnFailure = None,
    answer_within: AnswerWithin = None,
    check_timeout: CheckTimeout = None,
    step_timeout: StepTimeout = None,
    outside: Outside = "",
    model: Model = None,
    model_for: ModelFor = "",
    all_model: AllModel = False,  # noqa: FBT002 - typer's way to say a flag
    repairs: Repairs = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_money: MaxMoney = None,
    max_minutes: MaxMinutes = None,
    prices: Prices = None,
    record: Record = None,
    replay: Replay = None,
    json: Json = False,  # noqa: FBT002 - typer's way to say a flag
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Build the app that a PRD describes.

    On a terminal, what the run asks is asked there. Elsewhere the run waits, and the command exits with 3.
    """
    view = view_of(json=json, verbose=verbose)
    use = model_use_of(
        model=model,
        model_for=model_for,
        all_model=all_model,
        repairs=repairs,
        calls=max_calls,
        tokens=max_tokens,
        money=max_money,
        minutes=max_minutes,
        prices=prices,
        record=record,
        replay=replay,
    )
    policy = policy_of(
        approve=approve,
        on_failure=on_failure,
        answer_within=answer_within,
        check_timeout=check_timeout,
        step_timeout=step_timeout,
        attended=view.asks,
        model=use,
        outside=names_of(outside),
    )
    entering = engine_of(workspace or Path(), workflow=workflow)
    named = workspace is not None
    raise typer.Exit(carry_out(_run(entering, prd, names_of(agents), policy, view, named=named)))


async def _run(entering: Orchestrator, prd: Path, agents: list[str], policy: Policy, view: View, *, named: bool) -> int:
    async with entering as engine:
        if not named:
            await refuse_unnamed(engine, title_of(prd))
        return await attend(engine, await engine.start(prd, agents=agents or None, policy=policy), view)
