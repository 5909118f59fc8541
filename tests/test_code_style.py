"""The whole code base is typed, linted and formatted: one place to find out, and the same verdict in CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_ruff_finds_nothing() -> None:
    found = ran("ruff", "check", ".")
    assert found.returncode == 0, found.stdout


def test_everything_is_formatted() -> None:
    found = ran("ruff", "format", "--check", ".")
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_mypy_strict_finds_nothing_in_the_packages_and_the_tests() -> None:
    found = ran("mypy", "schemas", "handoff", "skills", "agents", "orchestrator", "tests", "benchmarks", "deploy")
    assert found.returncode == 0, found.stdout
