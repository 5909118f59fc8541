"""A test runner that is ended has named what failed and what was running: real pytest, alone and with workers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agents.checks import journal
from agents.checks.python.tools import JOURNAL, PROBES, UnitTestsCheck
from agents.checks.time_limit import TimeLimit
from agents.toolchains.fastapi.toolchain import ENVIRONMENT
from tests.support.agent_material import ScratchIn, feature, work, write_tree

SUITE = {
    "tests/unit/test_a.py": (
        "import time\n\n"
        "def test_sums() -> None:\n    assert 1 + 1 == 3\n\n"
        "def test_holds() -> None:\n    assert True\n\n"
        "def test_waits() -> None:\n    time.sleep(600)\n"
    ),
    "tests/unit/test_b.py": "import no_such_module\n",
}
FAILED = ("tests/unit/test_a.py::test_sums: assert (1 + 1) == 3", "No module named 'no_such_module'")
PATIENCE = TimeLimit(idle=5)  # pytest works all the time until it comes to the test that waits


def refuse_incomplete(log: str) -> None:
    """Fail if a log does not name what failed and what was running."""
    _, failed, running = log.rsplit("[", 2)
    assert failed.startswith("failed until then: 2]\n")
    assert all(each in failed for each in FAILED), log
    assert "test_holds" not in failed
    assert running == "still running: 1]\n  tests/unit/test_a.py::test_waits\n"


@pytest.mark.parametrize("workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.slow)], ids=["alone", "workers"])
async def test_a_suite_that_is_ended_has_named_its_failures(
    workers: list[str], tmp_path: Path, scratch_in: ScratchIn
) -> None:
    write_tree(tmp_path / "tree", SUITE)
    argv = ["-m", "pytest", "-q", "--continue-on-collection-errors", *JOURNAL, *workers, "tests/unit"]
    async with scratch_in(tmp_path / "tree", PATIENCE) as scratch:
        python = await scratch.python() if workers else sys.executable  # pytest-xdist is among the app's packages
        evidence, output = await scratch.tool(
            "suite", [python, *argv], env={"PYTHONPATH": str(PROBES)}, notes_tests=True
        )
    assert evidence.exit_code == 124
    assert "[stopped: no progress for 5 s" in output
    refuse_incomplete(output)


@pytest.mark.slow
async def test_unit_tests_that_hang_fail_the_check_with_the_names_of_what_failed(
    tmp_path: Path, scratch_in: ScratchIn
) -> None:
    tree = {"tests/unit/test_a.py": SUITE["tests/unit/test_a.py"]}
    write_tree(tmp_path / "tree", tree)
    async with scratch_in(tmp_path / "tree", PATIENCE) as scratch:
        outcome = await UnitTestsCheck("tests/unit", ENVIRONMENT).run(scratch, work(feature()))
    assert outcome.summary == "`pytest` made no progress"
    log = Path(outcome.evidence[0].log).read_text()
    for text in (outcome.problems[0], log):
        assert FAILED[0] in text
        assert "[still running: 1]\n  tests/unit/test_a.py::test_waits" in text


def test_a_journal_that_the_tested_code_wrote_over_does_no_harm() -> None:
    text = '["started", "a"]\n["failed", "b", "why\\nso"]\n{"x": 1}\n[1, 2]\n["started"]\nnull\n' + "[" * 100_000
    assert journal.told(text) == "[failed until then: 1]\n  b: why so\n[still running: 1]\n  a\n"
    assert journal.told("") == "[failed until then: 0]\n[still running: 0]\n"
    many = "\n".join(f'["failed", "test_{number}", "no"]' for number in range(150))
    assert "… and 50 more" in journal.told(many)
