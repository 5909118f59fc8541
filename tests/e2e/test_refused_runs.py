"""What a run refuses, or cannot finish: nothing half-done reaches the workspace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator
from orchestrator.planning.choices import built_in
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.workflows import Workflows
from tests.support.running_app import EXAMPLES, baton, tree

pytestmark = pytest.mark.slow

TODO = (EXAMPLES / "todo-lists.md").read_text(encoding="utf-8")
BAD_PRDS = {
    "empty": (b"", "empty"),
    "not UTF-8": (b"# Feature PRD: \xff\xfe", "UTF-8"),
    "a NUL character": (TODO.replace("A named list.", "A\0list.").encode(), "NUL"),
    "5 MB": (TODO.encode() + b"x" * 5_000_000, "5"),
    "an unknown type": (TODO.replace("| notes | text |", "| notes | txt |").encode(), "text"),
    "an unknown rule": (TODO.replace("max 5000", "maxx 5000").encode(), "max"),
    "an unknown label": (TODO.replace("**Sort:** name", "**Sorted:** name").encode(), "Sort"),
    "an unknown entity": (TODO.replace("| TodoList | yes", "| TodoLst | yes").encode(), "TodoList"),
    "an unknown field": (TODO.replace("**Filter:** todo_list, done", "**Filter:** todo_list, don").encode(), "done"),
    "a field twice": (TODO.replace("| notes | text |", "| title | text |").encode(), "title"),
    "a default that is not in its enum": (TODO.replace("default grey", "default pink").encode(), "pink"),
    "a smallest above the largest": (TODO.replace("min 1; max 5;", "min 6; max 5;").encode(), "6"),
    "a backend without a specialist": (
        TODO.replace("| Framework | FastAPI |", "| Framework | Flask |").encode(),
        "Flask",
    ),
}


@pytest.mark.parametrize("name", BAD_PRDS)
def test_a_bad_prd_is_refused_with_the_reason_and_the_workspace_untouched(name: str, tmp_path: Path) -> None:
    content, told = BAD_PRDS[name]
    prd = tmp_path / "prd.md"
    prd.write_bytes(content)
    workspace = tmp_path / "app"
    workspace.mkdir()
    (workspace / "mine.txt").write_text("mine", encoding="utf-8")
    refused = baton("run", prd, "--workspace", workspace)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert told in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr
    assert tree(workspace) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("content", [TODO.replace("\n", "\r\n"), "\ufeff" + TODO], ids=["CRLF", "BOM"])
def test_line_ends_and_byte_order_marks_are_no_mistakes(content: str, tmp_path: Path) -> None:
    prd = tmp_path / "prd.md"
    prd.write_text(content, encoding="utf-8", newline="")
    planned = baton("plan", prd)
    assert planned.returncode == 0, planned.stdout + planned.stderr


def test_a_missing_prd_is_refused(tmp_path: Path) -> None:
    refused = baton("run", tmp_path / "nothing.md", "--workspace", tmp_path / "app")
    assert refused.returncode == 2
    assert "nothing.md" in refused.stdout + refused.stderr
    assert not (tmp_path / "app").exists()


def test_a_prd_of_prose_alone_asks_for_what_is_missing(tmp_path: Path) -> None:
    prd = tmp_path / "prose.md"
    prd.write_text("# Feature PRD: Notes\n\nPeople write notes.\n", encoding="utf-8")
    asked = baton("run", prd, "--workspace", tmp_path / "app")
    assert asked.returncode == 3, asked.stdout + asked.stderr
    assert "Entities" in asked.stdout
    assert not [path for path in tree(tmp_path / "app") if not path.startswith((".claude/", ".baton/"))]


@dataclass(frozen=True)
class Refusing:
    """A check that finds a fault after all others have passed."""

    after: tuple[str, ...]
    name: str = "refusing"

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        evidence = scratch.record(self.name, "a test", f"{len(work.files)} files", 0.0)
        return Outcome(passed=False, summary="refused", evidence=(evidence,), problems=("the fault that was put in",))


async def test_an_agent_whose_check_fails_publishes_nothing(tmp_path: Path) -> None:
    """The Database agent's work stays; of the backend's not one file is there."""
    database, backend, *_ = (step.agent for step in Workflows().pipeline().bound(built_in().stack()))
    failing = replace(backend, checks=(Refusing(after=()),))
    async with Orchestrator(tmp_path / "app", pipeline=Pipeline.of((database, failing))) as engine:
        result = await (await engine.start(EXAMPLES / "todo-lists.md")).result()
    assert result.status == "failed"
    assert any("the fault that was put in" in problem for problem in result.problems)
    published = {path for path in tree(tmp_path / "app") if not path.startswith((".claude/", ".baton/"))}
    assert {path.partition("/")[0] for path in published} == {"alembic", "alembic.ini"}
    handoffs = {path for path in tree(tmp_path / "app") if path.startswith(".claude/handoff/") and path.count("/") == 2}
    assert ".claude/handoff/python-backend-agent-output.md" not in handoffs
    assert ".claude/handoff/database-agent-output.md" in handoffs
