"""Say what a run came to, and what to do next.

Exit codes say it, too: 0 completed, 1 failed, stopped or cancelled, 3 waiting for an answer, 4 completed with gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from json import dumps

from orchestrator.cli.console import say, say_json, say_table
from orchestrator.planning.fingerprint import Resumption
from orchestrator.records.events import RunStatus
from orchestrator.records.result import RunResult, fork_command
from orchestrator.steps.external.collect import OutsideUnfinished
from orchestrator.steps.question_files import commands
from skills.model.budget import Spending

EXIT_CODES: dict[RunStatus, int] = {
    "completed": 0,
    "failed": 1,
    "stopped": 1,
    "cancelled": 1,
    "waiting": 3,
    "completed with gaps": 4,
}


def exit_code(status: RunStatus) -> int:
    """Return the exit code that says how a run ended."""
    return EXIT_CODES.get(status, 1)


def result_line(result: RunResult) -> str:
    """Return a result as the last of the JSON lines."""
    return dumps({"type": "result", **result.model_dump(mode="json")})


def say_result(result: RunResult, *, json: bool) -> None:
    """Print a result: to people, or as the last of the JSON lines."""
    if json:
        say_json(result_line(result))
    else:
        show_result(result)


def say_unfinished(error: OutsideUnfinished, *, json: bool) -> None:
    """Say why work that is done outside cannot be taken yet."""
    if json:
        waiting = [{"agent": agent, "problems": problems} for agent, problems in error.waiting]
        say_json(dumps({"type": "outside_unfinished", "run": error.run, "waiting": waiting}))
    else:
        say(str(error))


def say_resumption(run_id: str, resumption: Resumption, *, json: bool) -> None:
    """Say by which rule a run goes on. One that just continues needs no word."""
    if resumption.rule == "continues":
        return
    if json:
        say_json(dumps({"type": "resumption", "run": run_id, **resumption.model_dump(mode="json")}))
    else:
        say("\n".join([f"{resumption.rule}: what the run was begun with changed", *_indented(resumption.reasons)]))


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def show_result(result: RunResult) -> None:
    """Print a result for people: what was published, what is missing, what to do next."""
    show_outcome(result)
    for question in result.questions:
        say(f"\n{question.node} asks:\n\n{question.text}\n")
        say("\n".join(_indented(commands(result.run, question))))
    if result.questions:
        say(f"\nAnswer, then go on with: baton resume {result.run}")
    if result.status == "stopped":
        say(f"go on with: baton resume {result.run}")
    if result.status == "failed":
        elsewhere = fork_command(result.run)
        helps = elsewhere if any(elsewhere in each for each in result.problems) else f"baton retry {result.run}"
        say(f"try again with: {helps}")


def show_outcome(result: RunResult) -> None:
    """Print what was published and what is missing."""
    if result.handoffs:
        _show_handoffs(result)
    if result.work:
        _show_work(result)
    for gap in result.gaps:
        say(f"not implemented: {gap.text} ({gap.reason})")
    for finding in result.findings:
        say(f"found ({finding.severity}): {finding}")
    for problem in result.problems:
        say(problem)
    if result.log and not any(result.log in problem for problem in result.problems):
        say(f"log: {result.log}")
    total = result.timings.get("total", 0.0)
    told = f"{len(result.files)} files, {total:.1f} s, run {result.run}"
    say(f"{result.status}: {result.title} -> {result.workspace} ({told})")


def _show_handoffs(result: RunResult) -> None:
    ran = Counter(each.step for each in result.evidence)
    say_table(
        ("Agent", "Seconds", "Tool runs", "Handoff"),
        (
            (each.step, f"{result.timings.get(each.step, 0.0):.1f}", str(ran[each.step]), each.path)
            for each in result.handoffs
        ),
        right=("Seconds", "Tool runs"),
    )


def _show_work(result: RunResult) -> None:
    say_table(
        ("Agent", "Skill", "Done by", "Calls", "Tokens in", "Tokens out", "US $"),
        [
            *(_work_row(each.step, each.skill, each.by, each.spent) for each in result.work),
            _work_row("", "", "", sum((each.spent for each in result.work), Spending())),
        ],
        right=("Calls", "Tokens in", "Tokens out", "US $"),
    )


def _work_row(agent: str, skill: str, by: str, spent: Spending) -> tuple[str, ...]:
    if not spent.calls:
        return agent, skill, by, "", "", "", ""
    money = "unknown" if spent.unpriced else f"{spent.money:.4f}"
    return agent, skill, by, str(spent.calls), f"{spent.input_tokens:,}", f"{spent.output_tokens:,}", money
