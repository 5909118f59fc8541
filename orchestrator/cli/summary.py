"""Say what a run came to."""

from __future__ import annotations

import json
from collections import Counter

from orchestrator.cli.console import say, say_table
from orchestrator.events import RunStatus
from orchestrator.result import RunResult

EXIT_CODES: dict[RunStatus, int] = {
    "completed": 0,
    "failed": 1,
    "cancelled": 1,
    "waiting": 3,
    "completed with gaps": 4,
}


def exit_code(status: RunStatus) -> int:
    """Return the exit code that says how a run ended."""
    return EXIT_CODES.get(status, 1)


def result_line(result: RunResult) -> str:
    """Return a result as the last of the JSON lines."""
    return json.dumps({"type": "result", **result.model_dump(mode="json")})


def show_result(result: RunResult) -> None:
    """Print a result for people: what was published, what is missing, what to do next."""
    if result.handoffs:
        _show_handoffs(result)
    for gap in result.gaps:
        say(f"not implemented: {gap.text} ({gap.reason})")
    for problem in result.problems:
        say(problem)
    if result.log and not any(result.log in problem for problem in result.problems):
        say(f"log: {result.log}")
    for question in result.questions:
        say(f"\n{question.text}\n\n  baton answer {result.run} {question.id} VALUE\n  baton resume {result.run}")
    total = result.timings.get("total", 0.0)
    told = f"{len(result.files)} files, {total:.1f} s, run {result.run}"
    say(f"{result.status}: {result.title} -> {result.workspace} ({told})")
    if result.status == "cancelled":
        say(f"go on with: baton resume {result.run}")


def _show_handoffs(result: RunResult) -> None:
    ran = Counter(each.agent for each in result.evidence)
    say_table(
        ("Agent", "Seconds", "Tool runs", "Handoff"),
        (
            (each.agent, f"{result.timings.get(each.agent, 0.0):.1f}", str(ran[each.agent]), each.path)
            for each in result.handoffs
        ),
        right=("Seconds", "Tool runs"),
    )
