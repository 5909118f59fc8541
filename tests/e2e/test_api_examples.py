"""The programs of docs/api.md, as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)

pytestmark = pytest.mark.slow


def run(program: str, folder: Path) -> list[str]:
    shutil.copy(ROOT / "examples" / "todo-lists.md", folder / "feature-prd.md")
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_program_that_approves_a_plan_completes(tmp_path: Path) -> None:
    said = run(PROGRAMS[0], tmp_path)
    assert "Shall this be built? ('approve', 'reject')" in said
    assert [line for line in said if line.startswith("run_")] == [
        "run_started",
        "run_finished",
        "run_resumed",
        "run_finished",
    ]
    assert said[-1].startswith("completed ['alembic.ini', 'alembic/env.py'")


def test_the_program_that_runs_many_completes_each(tmp_path: Path) -> None:
    assert len(PROGRAMS) == 2
    assert sorted(run(PROGRAMS[1], tmp_path)) == ["apps/north completed", "apps/south completed"]
