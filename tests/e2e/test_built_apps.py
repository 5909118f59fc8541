"""Whole runs through the command line: from a PRD to an app and four handoffs that tell the truth about it."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handoff.provenance import split
from handoff.store import read_file
from schemas.base import facts
from schemas.handoffs import PythonBackendAgentOutput, TestAgentOutput, Unimplemented
from tests.support.running_app import EXAMPLES, ROOT, RUN_TIMEOUT, Built, baton, build, handed_over, tree

pytestmark = pytest.mark.slow

AGENTS = ["database-agent", "python-backend-agent", "frontend-agent", "test-agent"]


def _without_times(path: str, content: bytes) -> str:
    """Return a file as two runs must agree on it: a handoff without its front matter and time."""
    text = content.decode()
    if not path.startswith(".claude/handoff/"):
        return text
    _, body, _ = split(text, contract=Path(path).stem, file=path)
    return re.sub(r"(?m)^\*\*Timestamp:\*\* .*$", "", body)


def _app(workspace: Path) -> dict[str, str]:
    files = tree(workspace)
    return {path: _without_times(path, content) for path, content in files.items() if not path.startswith(".baton/")}


def test_the_todo_prd_becomes_a_verified_app(todo: Built) -> None:
    assert (todo.exit_code, todo.result["status"], todo.result["problems"]) == (0, "completed", [])
    assert [handoff["agent"] for handoff in todo.result["handoffs"]] == AGENTS


@pytest.mark.parametrize("built", ["todo", "rooms"])
def test_every_handoff_keeps_its_contract(built: str, request: pytest.FixtureRequest) -> None:
    workspace = request.getfixturevalue(built).workspace
    checked = baton("handoff", "check", "--workspace", workspace)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count(": fine") == len(AGENTS) + 1


def test_every_published_file_is_in_a_handoff_with_its_hash(todo: Built) -> None:
    claimed: dict[str, str] = {}
    for handoff in todo.handoffs:
        provenance, _, _ = split(handoff.read_text(encoding="utf-8"), contract=handoff.stem, file=str(handoff))
        assert provenance is not None
        claimed |= provenance.files
    found = {path: hashlib.sha256(content).hexdigest() for path, content in tree(todo.workspace).items()}
    own = {path: digest for path, digest in found.items() if not path.startswith((".claude/", ".baton/"))}
    assert own == claimed


def test_the_handoffs_agree_on_the_endpoints(todo: Built) -> None:
    backend = handed_over(todo, PythonBackendAgentOutput, "python-backend-agent-output")
    tested = handed_over(todo, TestAgentOutput, "test-agent-output")
    assert {f"{e.method} {e.path}" for e in backend.api_contract} == {each.endpoint for each in tested.endpoints}
    assert all(each.cases for each in tested.endpoints)


def test_the_test_handoff_states_what_was_measured(todo: Built) -> None:
    measures = {each.name: each.value for each in handed_over(todo, TestAgentOutput, "test-agent-output").measures}
    assert int(measures["Tests passed"]) > 300
    assert measures["Tests failed or skipped"] == "0"
    assert int(measures["Coverage of app"].removesuffix(" %")) >= 90


def test_the_readmes_program_makes_the_same_bytes(todo: Built, tmp_path: Path) -> None:
    """Two runs of one PRD agree: one by the command, one by the Python API as the README shows it."""
    program = (ROOT / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    (tmp_path / "examples").symlink_to(EXAMPLES)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
    )
    assert ran.stdout.splitlines()[-1:] == [f"completed {len(todo.result['files'])} files"], ran.stderr
    first, second = _app(todo.workspace), _app(tmp_path / "todo-app")
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_what_templates_cannot_do_is_a_gap_in_every_handoff_word_for_word(rooms: Built) -> None:
    assert (rooms.exit_code, rooms.result["status"]) == (4, "completed with gaps")
    gaps = [gap["text"] for gap in rooms.result["gaps"]]
    assert "A booking lasts at most 8 hours." in gaps
    assert len(gaps) > 3
    for handoff in rooms.handoffs:
        assert "## Not implemented" in handoff.read_text(encoding="utf-8")
        listed = facts(read_file(handoff, handoff.stem).data, Unimplemented)
        assert [gap.text for gap in listed] == gaps


def test_every_type_and_rule_at_once_becomes_a_verified_app(tmp_path: Path) -> None:
    built = build(EXAMPLES / "kitchen-sink.md", tmp_path / "app")
    assert built.exit_code in {0, 4}, built.result["problems"]
    assert [handoff["agent"] for handoff in built.result["handoffs"]] == AGENTS
