"""What a failed tool leaves: an outcome whose problems a person can act on."""

from __future__ import annotations

from collections.abc import Sequence

from agents.checks.evidence import Evidence
from agents.contracts import Outcome

_SHOWN_LINES = 40


def failed_tool(summary: str, evidence: Evidence, output: str) -> Outcome:
    """Return the outcome of a tool that ended badly; its last lines are the problem, the log has the rest.

    `summary` says what the tool found, unless the machine is to blame: then the reason comes first.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    problem = "\n".join(lines[-_SHOWN_LINES:]) or f"exit code {evidence.exit_code}, no output"
    if evidence.reason:
        summary, problem = evidence.reason.partition("\n")[0], f"{evidence.reason}\n{problem}"
    return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=(problem,))


def faulty(evidence: Evidence, problems: Sequence[str]) -> Outcome:
    """Return the outcome of a tool that ended well, and whose report shows faults all the same."""
    summary = problems[0] if len(problems) == 1 else f"{len(problems)} faults, the first: {problems[0]}"
    return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(problems))
