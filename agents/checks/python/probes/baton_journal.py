"""A pytest plugin that notes each test when it starts, fails and ends, in the file that BATON_JOURNAL names.

What each note looks like: `agents.checks.journal`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


class Journal:
    """Notes what it is told at once: the process may be ended at any moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _note(self, *words: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._note("started", nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._note("ended", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._note("failed", report.nodeid, _reason(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._note("failed", report.nodeid, _reason(report))


def pytest_configure(config: pytest.Config) -> None:
    """Note here what all workers of pytest-xdist do, too: they tell the process that has none of its own."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Journal(Path(os.environ["BATON_JOURNAL"])))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(getattr(crash, "message", report.longrepr)).strip().splitlines()
    return lines[0] if crash and lines else lines[-1] if lines else ""
