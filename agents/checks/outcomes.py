"""What a failed tool leaves: an outcome whose problems a person can act on."""

from __future__ import annotations

from agents.contracts import Evidence, Outcome

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
