"""Work done outside, from the command line: what is said, how it exits, and watching for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.steps.external.scan import MAX_ALL, MAX_FILE, MAX_FILES
from tests.orchestrator.cli.test_cli_commands import baton
from tests.orchestrator.steps.test_external import DRAFT, FOLDER, do_the_work, put
from tests.support.small_agents import Kit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CLI = ROOT / "tests/support/small_cli.py"


@pytest.fixture
def small(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line, in this process, with the small agents."""
    monkeypatch.setattr("orchestrator.orchestrator.Workflows", kit.workflow_class())
    monkeypatch.setattr("orchestrator.orchestrator.Registry", kit.registry)
    return kit


@pytest.mark.usefixtures("small")
def test_a_run_asks_for_the_work_and_resume_takes_it(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    begun = baton("run", tmp_path / "prd.md", "--workspace", workspace, "--outside", "two-agent")
    assert begun.returncode == 3
    assert f"What is expected: {FOLDER}/task.md" in begun.stdout
    early = baton("resume", "latest")
    assert early.returncode == 3
    assert f"two-agent: {DRAFT}: says `status: draft`" in early.stdout
    machine = [json.loads(line) for line in baton("resume", "latest", "--json").stdout.splitlines()]
    assert [line["type"] for line in machine] == ["outside_unfinished", "result"]
    assert machine[0]["waiting"][0]["agent"] == "two-agent"
    do_the_work(workspace)
    taken = baton("resume", "latest")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert baton("resume", "latest").returncode == 2


@pytest.mark.usefixtures("small")
def test_an_agent_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / "w", "--outside", "tow-agent")
    assert said.returncode == 2
    assert "no agent is called `tow-agent`; did you mean `two-agent`?" in said.stderr


def test_a_watcher_says_what_is_wrong_and_goes_on_by_itself(small: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    baton("run", tmp_path / "prd.md", "--workspace", workspace, "--outside", "two-agent,three-agent")
    words = [sys.executable, str(CLI), str(small.skills), "", "resume", "latest", "--watch"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        lines = iter(watcher.stdout.readline, "")
        until(lines, "says `status: draft`")
        do_the_work(workspace, names="word = 'forbidden'\n")
        until(lines, "says `forbidden`")
        put(workspace, "two/names.py", "NAMES = []\n")
        until(lines, "outside/three-agent/task.md")
        (draft,) = (workspace / ".claude/handoff/outside/three-agent").glob("test*.md")
        put(workspace, "three/names.py", "NAMES = []\n")
        draft.write_text(draft.read_text().replace("status: draft", "status: done"))
        until(lines, "completed:")
        assert watcher.wait() == 0


def test_the_guide_names_the_limits_and_the_commands_as_they_are() -> None:
    guide = (ROOT / "docs" / "outside.md").read_text("utf-8")
    assert f"more than {MAX_FILE // 1_000_000} MB, a symbolic link" in guide
    assert f"more than {MAX_FILES:,} files or {MAX_ALL // 1_000_000} MB" in guide
    for command, option in (("run", "--outside"), ("resume", "--watch")):
        assert f"baton {command} " in guide
        assert option in guide
        assert option in baton(command, "--help").stdout


def until(lines: Iterator[str], text: str) -> None:
    """Read on until a line says `text`; the test's own time limit ends it otherwise."""
    assert any(text in line for line in lines), text
