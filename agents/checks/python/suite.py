"""The app's test suite runs on a real PostgreSQL and is measured.

Nothing here trusts what the suite says about itself: outcomes and requests are noted by a plugin of ours
(`probes/suite_report.py`), coverage by coverage.py.

Not here: whether the running API is the published one (`agents.checks.openapi.drift`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from agents.checks.evidence import Evidence
from agents.checks.openapi.calls import called_endpoints
from agents.checks.outcomes import failed_tool, faulty
from agents.checks.python.tools import JOURNAL, PROBES
from agents.checks.results import SuiteResult
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from schemas.base import JSON
from schemas.handoffs import TestedEndpoint

SUITE = "tests"
MAX_WORKERS = 4  # each has a database to make; more gain nothing on a suite of seconds
_NEVER = ("failed", "error", "skipped", "xfail")


class SuiteCheck:
    """The app's test suite: every test passes, none is skipped, every endpoint is called; coverage is measured."""

    name = SUITE
    after: tuple[str, ...] = ()

    def __init__(self, package: str, environment: Mapping[str, str], *, document: str) -> None:
        """Measure the coverage of `package`, and the calls of the endpoints that the file `document` lists.

        `environment` is the app's.
        """
        self._package, self._environment, self._document = package, environment, document

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        report = scratch.home / "suite"
        report.mkdir()
        evidence, output = await self._run_suite(scratch, report)
        outcomes = _outcomes(scratch, report)
        problems = _refusals(outcomes)
        if evidence.exit_code or problems:
            failed = failed_tool("the test suite does not pass", evidence, output)
            return failed if evidence.exit_code else faulty(evidence, problems)
        document: dict[str, JSON] = json.loads(scratch.left(scratch.tree / self._document) or "{}")
        endpoints = called_endpoints(document, _requests(scratch, report))
        uncalled = [name for name, calls in endpoints.items() if not calls]
        if uncalled:
            return faulty(evidence, [f"{name}: no test calls this endpoint" for name in uncalled])
        passed, coverage, called = outcomes["passed"], _coverage(scratch, report), len(endpoints)
        return Outcome(
            passed=True,
            summary=f"{passed} tests, {coverage} % of {self._package} covered, {called} of {called} endpoints",
            evidence=(evidence,),
            measured=SuiteResult(
                passed=passed,
                coverage=coverage,
                endpoints=tuple(
                    TestedEndpoint(endpoint=name, cases=len(_tests(calls)), covers=", ".join(sorted(calls)))
                    for name, calls in endpoints.items()
                ),
            ),
        )

    async def _run_suite(self, scratch: Scratch, report: Path) -> tuple[Evidence, str]:
        workers = min(os.cpu_count() or 1, MAX_WORKERS)
        argv: list[str | Path] = [await scratch.python(), "-m", "pytest", "-q", "-n", str(workers)]
        argv += ["-p", "no:cacheprovider", "-p", "suite_report", *JOURNAL]
        argv += [f"--cov={self._package}", "--cov-report=", f"--cov-report=json:{report / 'coverage.json'}"]
        environment = {
            **self._environment,
            "TEST_DATABASE_URL": await scratch.database(SUITE),
            "PYTHONPATH": str(PROBES),
            "BATON_REPORT": str(report),
            "COVERAGE_FILE": str(report / "coverage"),
        }
        return await scratch.tool(SUITE, argv, env=environment, notes_tests=True)


def _refusals(outcomes: Mapping[str, int]) -> list[str]:
    """Say why a suite that ended well is not one that passed."""
    problems = [f"{outcomes[word]} tests ended as `{word}`; all must pass" for word in _NEVER if outcomes.get(word)]
    return problems if outcomes.get("passed") else [*problems, "no test ran"]


def _outcomes(scratch: Scratch, report: Path) -> dict[str, int]:
    outcomes: dict[str, int] = json.loads(scratch.left(report / "outcomes.json") or "{}")
    return outcomes


def _requests(scratch: Scratch, report: Path) -> list[tuple[str, str, int, list[str]]]:
    found = []
    for path in sorted(report.glob("requests-*.json")):
        noted = json.loads(scratch.left(path) or "[]")
        found += [(method, url, status, tests) for method, url, status, tests in noted]
    return found


def _tests(calls: Mapping[str, set[str]]) -> set[str]:
    return {test for tests in calls.values() for test in tests}


def _coverage(scratch: Scratch, report: Path) -> int:
    """Return the covered share of the package in whole percent, rounded down; lines and branches counted alike."""
    measured = json.loads(scratch.left(report / "coverage.json") or "{}")
    return int(measured["totals"]["percent_covered"])
