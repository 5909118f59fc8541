"""The options and arguments that several commands have."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.completion import agent_names, question_ids, run_ids
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Approve, Policy

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+(?:\.\d+)?)([smhd])"
_ONE = "not needed if one is open"
_LONGEST = 3650 * _UNITS["d"]


def names_of(text: str) -> list[str]:
    """Return the names that `text` lists, separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def duration(text: str) -> float:
    """Return the seconds that `text` says: `90`, `90s`, `30m`, `1h30m`, `2h`, `1d`.

    Raises:
        BadParameter: It says none, nothing at all, or more than ten years.
    """
    written = text.strip().lower()
    written = f"{written}s" if re.fullmatch(r"\d+(?:\.\d+)?", written, re.ASCII) else written
    if not re.fullmatch(rf"(?:{_PART})+", written, re.ASCII):
        raise typer.BadParameter(f"`{text}` is no duration. Write for example 30m, 2h or 1d.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, written, re.ASCII))
    if not 0 < seconds <= _LONGEST:
        raise typer.BadParameter(f"`{text}` is not between a moment and ten years.")
    return seconds


Json = Annotated[bool, typer.Option("--json", help="Print events as JSON lines; the last line is the result.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log to standard error.")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The run's id, the beginning of one, or `latest`.",
        autocompletion=run_ids,
        show_default=False,
    ),
]
QuestionName = Annotated[
    str | None,
    typer.Argument(metavar="[QUESTION]", help=f"The question's id; {_ONE}.", autocompletion=question_ids),
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of the app; made if missing. By default the current one, if it is empty or the app's already.",
    ),
]
WorkflowName = Annotated[
    str, typer.Option("--workflow", metavar="NAME", help="The workflow; `baton workflows` lists them.")
]
FromAgent = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="AGENT",
        help="The first step to do again; it is called as its agent is, mostly.",
        autocompletion=agent_names,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run at once.")]
ApproveOption = Annotated[
    Literal["plan", "each-agent", "never"] | None,
    typer.Option(
        "--approve",
        help="What to ask for approval: the plan, each agent's skills, nothing. By default the plan on a terminal,"
        " nothing elsewhere and where CI is set.",
    ),
]
OnFailure = Annotated[
    Literal["ask", "fail"] | None,
    typer.Option("--on-failure", help="Ask what to do when a step failed, or fail. By default ask on a terminal."),
]
AnswerWithin = Annotated[
    float | None,
    typer.Option(
        "--answer-within",
        metavar="DURATION",
        parser=duration,
        help="How long a question waits before its default is taken (30m, 2h, 1d). By default for ever.",
    ),
]
StepTimeout = Annotated[
    float | None,
    typer.Option(
        "--step-timeout",
        metavar="DURATION",
        parser=duration,
        help="How long one agent's step may take. By default as long as its tools make progress.",
    ),
]
CheckTimeout = Annotated[
    float | None,
    typer.Option(
        "--check-timeout",
        metavar="DURATION",
        parser=duration,
        help="How long one tool of a check may take. By default it grows with the app; one that makes no progress is"
        " ended sooner.",
    ),
]


Outside = Annotated[
    str,
    typer.Option(
        "--outside",
        metavar="AGENT,…",
        help="Agents whose work is done by people or other systems: the run asks for it, and takes what is left.",
    ),
]


def is_attended(*, json: bool) -> bool:
    """Return whether a person is there to be asked: on a terminal, not in CI, and not where JSON is printed."""
    return not json and not os.environ.get("CI") and sys.stdin.isatty() and sys.stdout.isatty()


def policy_of(
    *,
    approve: Approve | None,
    on_failure: Literal["ask", "fail"] | None,
    answer_within: float | None,
    check_timeout: float | None,
    step_timeout: float | None,
    attended: bool,
    model: ModelUse | None = None,
    outside: Sequence[str] = (),
) -> Policy:
    """Return the policy that the options say; what they leave open depends on whether a person is there."""
    return Policy(
        approve=approve or ("plan" if attended else "never"),
        on_failure=on_failure or ("ask" if attended else "fail"),
        answer_seconds=answer_within,
        check_seconds=check_timeout,
        step_seconds=step_timeout,
        model=model,
        outside=tuple(outside),
    )
