"""`baton phase14`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from handoff.store import write_atomically
from orchestrator.cli.console import say, say_json
from orchestrator.cli.options import (
    AnswerWithin,
    ApproveOption,
    CheckTimeout,
    Json,
    OnFailure,
    StepTimeout,
    Verbose,
    Workspace,
    policy_of,
)
from orchestrator.cli.plan import show_plan
from orchestrator.cli.session import View, follow, view_of
from orchestrator.cli.signals import carry_out
from orchestrator.cli.summary import EXIT_CODES, exit_code, say_result, show_result
from orchestrator.cli.unnamed import refuse_unnamed
from orchestrator.orchestrator import Orchestrator
from orchestrator.phase14.phase import Explanation, explain, output, read_request, start
from orchestrator.phase14.request import SpecialistRequest
from orchestrator.phase14.specialists import require_available
from orchestrator.planning.policy import Policy
from schemas.agents import CodeQuality

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Source = Annotated[
    Path, typer.Argument(metavar="INPUT", help="A `@python-specialist.input` document (.json), or a PRD (.md).")
]
Prd = Annotated[Path | None, typer.Option(help="A PRD with the fields of the models that the document only names.")]


@app.command("explain")
def explain_command(source: Source, prd: Prd = None, json: Json = False) -> None:  # noqa: FBT002 - typer's way to say a flag
    """Say which specialist is active and why, and what would be built."""
    explanation = explain(read_request(source, prd))
    if json:
        say_json(explanation.model_dump_json())
    else:
        show_explanation(explanation)
    if explanation.question:
        raise typer.Exit(EXIT_CODES["waiting"])


@app.command("run")
def run_command(
    source: Source,
    prd: Prd = None,
    workspace: Workspace = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", help="Write the `@python-specialist.output` document here.")
    ] = None,
    approve: ApproveOption = None,
    on_failure: OnFailure = None,
    answer_within: AnswerWithin = None,
    check_timeout: CheckTimeout = None,
    step_timeout: StepTimeout = None,
    json: Json = False,  # noqa: FBT002
    verbose: Verbose = False,  # noqa: FBT002
) -> None:
    """Run the active specialist's pipeline; the result is a `@python-specialist.output` document."""
    request = read_request(source, prd)
    require_available(request.language)
    if request.missing:
        if json:
            say_json(dumps({"type": "question", "text": request.question}))
        else:
            say(request.question)
        raise typer.Exit(EXIT_CODES["waiting"])
    view = view_of(json=json, verbose=verbose)
    policy = policy_of(
        approve=approve,
        on_failure=on_failure,
        answer_within=answer_within,
        check_timeout=check_timeout,
        step_timeout=step_timeout,
        attended=view.asks,
    )
    raise typer.Exit(carry_out(_run(request, workspace, output_file, policy, view)))


async def _run(
    request: SpecialistRequest, workspace: Path | None, output_file: Path | None, policy: Policy, view: View
) -> int:
    async with Orchestrator(workspace or Path()) as engine:
        if workspace is None:
            await refuse_unnamed(engine, request.prd.title)
        result = await follow(engine, await start(engine, request, policy), view)
    code = exit_code(result.status)
    if not result.status.startswith("completed"):
        say_result(result, json=view.json)
        return code
    document = output(result)
    text = document.model_dump_json(indent=None if view.json else 2)
    if output_file:
        write_atomically(output_file, f"{text}\n".encode())
    if view.json:
        say_json(text)
    else:
        show_result(result)
        _show_quality(document.code_quality, document.next_phase)
    return code


def show_explanation(explanation: Explanation) -> None:
    """Print every decision with its reason, then the plan or the question."""
    for decision in explanation.decisions:
        missing = " Baton does not have this specialist." if decision.active and not decision.available else ""
        say(f"{'●' if decision.active else '○'} {decision.specialist:<20} {decision.reason}{missing}")
    say()
    if explanation.question:
        say(explanation.question)
    if explanation.plan:
        show_plan(explanation.plan)


def _show_quality(quality: CodeQuality, next_phase: str) -> None:
    say(
        f"type hints {quality.type_hints_coverage} %, test coverage {quality.test_coverage} %, "
        f"{quality.endpoints_generated} endpoints; next phase: {next_phase}"
    )
