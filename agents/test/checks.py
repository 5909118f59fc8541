"""Checks of the Test agent: the suite runs on a real PostgreSQL and is measured; the published API is the running one.

Nothing here trusts what the suite says about itself: outcomes and requests are noted by a plugin of ours
(`probes/suite_report.py`), coverage by coverage.py.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from agents.checks.openapi import check
from agents.checks.outcomes import failed_tool
from agents.checks.python.tools import APP_ENVIRONMENT
from agents.checks.scratch import Scratch
from agents.contracts import Evidence, Outcome, Work
from schemas.base import JSON
from schemas.handoffs import PythonBackendAgentOutput

SUITE = "tests"
DRIFT = "drift"
MAX_WORKERS = 4  # each has a database to make; more gain nothing on a suite of seconds
_PROBES = Path(__file__).parent / "probes"
_NEVER = ("failed", "error", "skipped", "xfail")


class SuiteCheck:
    """The app's test suite: every test passes, none is skipped, every endpoint is called; coverage is measured."""

    name = SUITE
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        report = scratch.home / "suite"
        report.mkdir()
        evidence, output = await _run_suite(scratch, report)
        outcomes = _outcomes(scratch, report)
        problems = _refusals(outcomes)
        if evidence.exit_code or problems:
            failed = failed_tool("the test suite does not pass", evidence, output)
            return failed if evidence.exit_code else _failed(evidence, problems)
        document: dict[str, JSON] = json.loads(scratch.left(scratch.tree / check.DOCUMENT) or "{}")
        endpoints = called_endpoints(document, _requests(scratch, report))
        uncalled = [name for name, calls in endpoints.items() if not calls]
        if uncalled:
            return _failed(evidence, [f"{name}: no test calls this endpoint" for name in uncalled])
        passed, coverage = outcomes["passed"], _coverage(scratch, report)
        return Outcome(
            passed=True,
            summary=f"{passed} tests, {coverage} % of app covered, {len(endpoints)} of {len(endpoints)} endpoints",
            evidence=(evidence,),
            measured={
                "passed": passed,
                "coverage": coverage,
                "endpoints": [
                    {"endpoint": name, "cases": len(_tests(calls)), "covers": ", ".join(sorted(calls))}
                    for name, calls in endpoints.items()
                ],
            },
        )


class DriftCheck:
    """The API the app serves, the one it published, and the one handed on to others are the same."""

    name = DRIFT
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        target = scratch.home / "running-check.json"
        argv: list[str | Path] = [await scratch.python(), check.PROBE, target]
        evidence, output = await scratch.tool(self.name, argv, env=APP_ENVIRONMENT, tool="fastapi")
        found = scratch.left(target)
        if evidence.exit_code or found is None:
            return failed_tool("the app cannot be imported", evidence, output)
        running = json.loads(found)
        published = json.loads(scratch.left(scratch.tree / check.DOCUMENT) or "null")
        handed_on = cast("PythonBackendAgentOutput", work.handoffs["backend"]).api_contract
        problems = _differences(running, published, [f"{e.method} {e.path}" for e in handed_on])
        if problems:
            return _failed(evidence, problems)
        return Outcome(passed=True, summary=f"no drift in {len(handed_on)} endpoints", evidence=(evidence,))


async def _run_suite(scratch: Scratch, report: Path) -> tuple[Evidence, str]:
    workers = min(os.cpu_count() or 1, MAX_WORKERS)
    argv: list[str | Path] = [await scratch.python(), "-m", "pytest", "-q", "-n", str(workers)]
    argv += ["-p", "no:cacheprovider", "-p", "suite_report"]
    argv += ["--cov=app", "--cov-report=", f"--cov-report=json:{report / 'coverage.json'}"]
    environment = {
        **APP_ENVIRONMENT,
        "TEST_DATABASE_URL": await scratch.database(SUITE),
        "PYTHONPATH": str(_PROBES),
        "BATON_REPORT": str(report),
        "COVERAGE_FILE": str(report / "coverage"),
    }
    return await scratch.tool(SUITE, argv, env=environment)


def called_endpoints(
    document: Mapping[str, JSON], requests: Sequence[tuple[str, str, int, Sequence[str]]]
) -> dict[str, dict[str, set[str]]]:
    """Return for each `METHOD path` of the document the tests that called it, by the status they were answered with.

    Args:
        document: OpenAPI; a path without parameters is preferred to one that has some.
        requests: Method, path, status, and the tests that sent it.
    """
    endpoints: dict[str, dict[str, set[str]]] = {}
    patterns: list[tuple[str, re.Pattern[str], str]] = []
    for method, path, _ in check.operations(document):
        name = f"{method} {path}"
        endpoints[name] = {}
        pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path))
        patterns.append((method, re.compile(pattern), name))
    patterns.sort(key=lambda known: "{" in known[2])
    for method, path, status, tests in requests:
        for known_method, pattern_, name in patterns:
            if method == known_method and pattern_.fullmatch(path):
                endpoints[name].setdefault(str(status), set()).update(tests)
                break
    return endpoints


def _differences(running: JSON, published: JSON, handed_on: Sequence[str]) -> list[str]:
    problems = []
    if running != published:
        problems.append(f"{check.DOCUMENT} is not the document of the running app; publish it again")
    served = {f"{method} {path}" for method, path, _ in check.operations(cast("Mapping[str, JSON]", running))}
    problems += [f"{name}: served, but not in the backend's handoff" for name in sorted(served - {*handed_on})]
    problems += [f"{name}: in the backend's handoff, but not served" for name in sorted({*handed_on} - served)]
    return problems


def _refusals(outcomes: Mapping[str, int]) -> list[str]:
    """Say why a suite that ended well is not one that passed."""
    problems = [f"{outcomes[word]} tests ended as `{word}`; all must pass" for word in _NEVER if outcomes.get(word)]
    return problems if outcomes.get("passed") else [*problems, "no test ran"]


def _failed(evidence: Evidence, problems: Sequence[str]) -> Outcome:
    summary = problems[0] if len(problems) == 1 else f"{len(problems)} faults, the first: {problems[0]}"
    return Outcome(passed=False, summary=summary, evidence=(evidence,), problems=tuple(problems))


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
    """Return the covered share of `app` in whole percent, rounded down; lines and branches counted alike."""
    measured = json.loads(scratch.left(report / "coverage.json") or "{}")
    return int(measured["totals"]["percent_covered"])
