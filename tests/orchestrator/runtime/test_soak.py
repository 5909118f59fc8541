"""The soak does kill, and does notice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import STEPS, differences

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_soak_kills_runs_and_finds_them_unharmed() -> None:
    words = [sys.executable, "-m", "benchmarks.soak", "--kills", "4", "--seed", "once"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.fullmatch(
        r"seed once: (\d+) runs, (\d+) processes killed, PostgreSQL killed \d+ times, \d+ times two at one run;"
        r" 0 differences \(\d+ s\)\n",
        done.stdout,
    )
    assert told is not None, done.stdout
    assert (int(told[1]) >= 2, int(told[2]) >= 4) == (True, True)


def test_the_soak_notices_a_difference_a_step_done_twice_and_a_process_that_failed() -> None:
    published = [{"step": name, "attempt": 1, "status": "published", "receipt": True} for name in STEPS]
    whole = {
        "code": 0,
        "status": "completed",
        "owner": None,
        "files": {"a": "1"},
        "handoffs": ["one-agent"],
        "events": [{"type": "run_started"}],
        "attempts": published,
    }
    killed = {"step": "one-agent", "attempt": 2, "status": "begun", "receipt": False}
    assert differences({**whole, "attempts": [*published, killed]}, whole, kills=1) == []
    assert differences({**whole, "files": {}}, whole, kills=1) == ['files is {}, should be {"a": "1"}']
    (twice,) = differences({**whole, "attempts": [*published, published[1]]}, whole, kills=1)
    (again,) = differences({**whole, "attempts": [*published, {**killed, "receipt": True}]}, whole, kills=1)
    assert twice.startswith("a step was done twice")
    assert again.startswith("a step was done twice")
    assert differences({"code": 70, "error": "RunBusy"}, whole, kills=1) == ["the last process ended with 70: RunBusy"]
