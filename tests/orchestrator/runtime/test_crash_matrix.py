"""SIGKILL at every kind of moment of a run; then it is resumed and comes to the same.

`BATON_EVERY_MOMENT=1` has it killed at every single one, which takes minutes: for every night, not for every commit.

Notes 13 to 15: LangGraph alone runs completed nodes again, or forgets that there was a run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_agents import Kit

PROGRAM = Path(__file__).parents[3] / "tests/support/crash_points.py"
AT_ONCE = 2
WHICH = "every" if os.environ.get("BATON_EVERY_MOMENT") else "kinds"


def matrix(kit: Kit, tmp_path: Path) -> list[list[dict[str, Any]]]:
    """Run the program, in parts side by side; return each part's lines."""
    parts = []
    for part in range(AT_ONCE):
        folder = tmp_path / f"part-{part}"
        folder.mkdir()
        words = (str(kit.skills), str(tmp_path / "prd.md"), str(folder), str(part + 1), str(AT_ONCE), WHICH)
        parts.append(
            subprocess.Popen(
                [sys.executable, str(PROGRAM), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    said = [part.communicate(timeout=900)[0] for part in parts]
    assert [part.returncode for part in parts] == [0] * AT_ONCE, said
    return [[json.loads(line) for line in text.splitlines() if line.startswith("{")] for text in said]


@pytest.mark.slow
def test_a_run_killed_at_any_kind_of_moment_comes_to_the_same_when_resumed(kit: Kit, tmp_path: Path) -> None:
    parts = matrix(kit, tmp_path)
    whole = parts[0][0]
    assert whole["status"] == "completed"
    kinds = {*whole["kinds"]}
    assert len(kinds) > 40
    killed = [line for part in parts for line in part[1:]]
    # How events are batched, and so how many moments there are, differs a little from run to run.
    assert sum(line["killed"] for line in killed) >= len(kinds if WHICH == "kinds" else whole["kinds"]) - 5

    for line in killed:
        moment = f"at moment {line['moment']}"
        assert line["status"] == "completed", moment
        assert line["owner"] is None, moment
        assert line["files"] == whole["files"], moment
        assert line["events"] == whole["events"], moment
        assert line["handoffs"] == whole["handoffs"], moment
        done = Counter(row["step"] for row in line["attempts"] if row["status"] == "published")
        assert done == {"intake": 1, "one-agent": 1, "two-agent": 1, "three-agent": 1}, moment
        assert len(line["attempts"]) <= len(done) + 1, moment  # at most the step that was killed began twice
        again = [row for row in line["attempts"] if row["status"] == "begun"]
        assert not any(row["receipt"] for row in again), moment  # what had its receipt was published, not made again
