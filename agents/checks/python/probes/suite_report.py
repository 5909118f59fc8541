"""A pytest plugin that writes down what really happened: each test's outcome, and each request to the app.

It writes `outcomes.json` and `requests-<process>.json` to the folder in BATON_REPORT. Requests are noted where they
leave the client, so a test that never calls an endpoint cannot count for it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

_outcomes: Counter[str] = Counter()
_requests: dict[tuple[str, str, int], set[str]] = {}
_send = httpx.ASGITransport.handle_async_request


async def _send_and_note(self: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
    response = await _send(self, request)
    test, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
    if phase == "(call)":
        _requests.setdefault((request.method, request.url.path, response.status_code), set()).add(test)
    return response


def pytest_configure(config: pytest.Config) -> None:
    del config
    httpx.ASGITransport.handle_async_request = _send_and_note  # type: ignore[method-assign]  # the plugin's purpose


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or not report.passed:
        expected = "xfail" if hasattr(report, "wasxfail") else report.outcome
        _outcomes["error" if report.failed and report.when != "call" else expected] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder = Path(os.environ["BATON_REPORT"])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    noted: list[Any] = [[*key, sorted(tests)] for key, tests in sorted(_requests.items())]
    (folder / f"requests-{worker}.json").write_text(json.dumps(noted), encoding="utf-8")
    if not hasattr(session.config, "workerinput"):
        (folder / "outcomes.json").write_text(json.dumps(_outcomes), encoding="utf-8")
