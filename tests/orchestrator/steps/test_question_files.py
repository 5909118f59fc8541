"""What a run asks is seen in its workspace as long as it is open, and leaves no trace afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from orchestrator.orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.policy import Policy
from orchestrator.steps.question_files import FOLDER, page
from orchestrator.steps.workspace import Workspace
from orchestrator.storage.questions import Question
from tests.support.small_agents import PRD_READ, Compiles, Kit

pytestmark = pytest.mark.slow

ASK_PLAN = Policy(approve="plan")


def shown(workspace: Path) -> list[str]:
    """Return the names of all files in the folder, half-written ones too."""
    folder = workspace / FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def files_of(workspace: Path) -> list[str]:
    return sorted(path.relative_to(workspace).as_posix() for path in workspace.rglob("*"))


async def asking(engine: Orchestrator, prd: Path, policy: Policy = ASK_PLAN) -> tuple[str, str]:
    """Start a run that asks one question; return both ids."""
    run = await engine.start(prd, policy=policy)
    (question,) = (await run.result()).questions
    return run.id, question.id


async def test_an_open_question_has_a_file_and_its_answer_takes_it_away(kit: Kit, tmp_path: Path) -> None:
    workspace, prd = tmp_path / "w", tmp_path / "prd.md"
    async with kit.engine(workspace) as engine:
        run, question = await asking(engine, prd, Policy(approve="plan", answer_seconds=3600))
        assert shown(workspace) == [f"{question}.md"]
        text = (workspace / FOLDER / f"{question}.md").read_text()
        (stored,) = await engine.questions(run)
        await engine.answer(run, question, "approve")
        assert list(workspace.iterdir()) == []
        assert (await (await engine.resume(run)).result()).status == "completed"

    for said in (
        "make-one",
        f"baton approve {run} {question}\n",
        f"baton reject {run} {question} --reason 'WHY'\n",
        f"baton resume {run}\n",
        "the answer is `reject`",
        f"by {stored.deadline:%Y-%m-%d %H:%M} UTC",
        '"pattern": "^reject: "',
    ):
        assert said in text
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["id"], front["run_id"], front["kind"]) == (question, run, "approval")
    assert front["options"] == ["approve", "reject"]
    assert front["default"] == "reject"
    assert front["answer_schema"] == stored.answer_schema
    assert datetime.fromisoformat(front["deadline"]) == stored.deadline

    async with kit.engine(tmp_path / "undisturbed") as engine:
        await (await engine.start(prd)).result()
    assert files_of(workspace) == files_of(tmp_path / "undisturbed")


HOSTILE = (
    "a\n---\nid: other\n---\n# Heading\n```\n````\n<script>x</script>\n[link](javascript:x)\x1b[31m\u202e\r\x00 `q`"
)


def test_text_of_a_stranger_stays_text() -> None:
    question = Question(
        id="r-intake-1", run_id="r", node="intake", kind="handoff", text=HOSTILE, answer_schema={}, options=("give up",)
    )
    text = page(question)
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["id"] == "r-intake-1"
    tokens: list[Any] = MarkdownIt().parse(body)
    assert [token.content for token in tokens if token.type == "inline"][:1] == ["intake asks"]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2"]
    asked = next(token for token in tokens if token.type == "fence")
    assert (
        asked.content
        == HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\x202e").replace("\r", "\\x0d").replace("\x00", "\\x00")
        + "\n"
    )
    assert not any(token.type in {"html_block", "link_open"} for token in tokens)
    assert "baton answer r r-intake-1 'give up'" in text


def test_a_default_and_a_deadline_are_said_and_so_is_that_there_is_none() -> None:
    question = Question(id="q", run_id="r", node="n", kind="failure", text="t", answer_schema={}, default="give up")
    assert "waits until it is answered" in page(question)
    assert "by 2026-01-02 03:04 UTC, the answer is `give up`" in page(
        question.model_copy(update={"deadline": datetime(2026, 1, 2, 3, 4, tzinfo=UTC)})
    )


async def test_a_run_that_is_given_up_leaves_the_workspace_as_it_was(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run, _ = await asking(engine, tmp_path / "prd.md")
        await engine.cancel(run)
    assert list(workspace.iterdir()) == []


async def test_a_rejected_run_leaves_no_question_behind(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run, question = await asking(engine, tmp_path / "prd.md")
        await engine.answer(run, question, "reject: too much")
        result = await (await engine.resume(run)).result()
    assert result.status == "cancelled"
    assert "rejected: too much" in result.problems[0]
    assert list((tmp_path / "w").iterdir()) == []


def side_by_side(kit: Kit) -> Pipeline:
    one, two, _ = kit.pipeline().agents
    return Pipeline.of((one, replace(two, reads=(PRD_READ,))))


async def test_of_two_open_questions_each_has_its_file(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with Orchestrator(workspace, pipeline=side_by_side(kit), registry=kit.registry()) as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(approve="each-agent"))
        first, second = (each.id for each in (await run.result()).questions)
        assert shown(workspace) == sorted([f"{first}.md", f"{second}.md"])
        await run.answer(first, "approve")
        assert shown(workspace) == [f"{second}.md"]
        await run.answer(second, "approve")
        assert shown(workspace) == []
        assert (await (await engine.resume(run.id)).result()).status == "completed"


async def test_a_retry_shows_no_question_that_nobody_waits_for(kit: Kit, tmp_path: Path) -> None:
    workspace, flag = tmp_path / "w", tmp_path / "fixed"
    code = f"import pathlib, sys; sys.exit(not pathlib.Path({str(flag)!r}).exists())"
    kit.checks = {"two": (replace(Compiles("two"), code=code),)}
    async with kit.engine(workspace) as engine:
        run, question = await asking(engine, tmp_path / "prd.md", Policy(on_failure="ask"))
        assert shown(workspace) == [f"{question}.md"]
        flag.touch()
        assert (await (await engine.retry(run)).result()).status == "completed"
    assert not (workspace / FOLDER).exists()


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from orchestrator.steps import question_files
from tests.support import small_cli

write = Path.replace
def die(self, target):
    if self.name.endswith(".arriving"):
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, target)
Path.replace = die
small_cli.with_small_agents(Path(sys.argv[1]), "")
sys.argv = ["baton", *sys.argv[2:]]
small_cli.main()
"""


async def test_a_kill_while_the_file_is_written_leaves_one_whole_file_after_the_resume(
    kit: Kit, tmp_path: Path
) -> None:
    workspace = tmp_path / "w"
    words = ["run", str(tmp_path / "prd.md"), "--workspace", str(workspace), "--approve", "plan"]
    argv = [sys.executable, "-c", KILLED_WHILE_WRITING, str(kit.skills), *words]
    killed = subprocess.run(argv, capture_output=True, check=False, timeout=600)  # noqa: ASYNC221 - nothing else goes on
    assert killed.returncode == -signal.SIGKILL
    (leftover,) = shown(workspace)
    assert leftover.endswith(".arriving")

    async with kit.engine(workspace) as engine:
        (record,) = await engine.runs()
        result = await (await engine.resume(record.id)).result()
        (question,) = result.questions
        assert shown(workspace) == [f"{question.id}.md"]
        await engine.answer(record.id, question.id, "approve")
        assert (await (await engine.resume(record.id)).result()).status == "completed"
    assert not (workspace / FOLDER).exists()


async def test_a_new_run_takes_away_what_a_killed_one_showed(kit: Kit, tmp_path: Path) -> None:
    """Killed after it had asked, and given up by the run that came after it."""
    workspace = tmp_path / "w"
    words = ["run", str(tmp_path / "prd.md"), "--workspace", str(workspace), "--approve", "plan"]
    program = KILLED_WHILE_WRITING.replace("os.kill", "write(self, target); os.kill")
    argv = [sys.executable, "-c", program, str(kit.skills), *words]
    subprocess.run(argv, capture_output=True, check=False, timeout=600)  # noqa: ASYNC221
    (left,) = shown(workspace)
    async with kit.engine(workspace) as engine:
        (killed,) = await engine.runs()
        assert left.startswith(killed.id)
        assert (await (await engine.start(tmp_path / "prd.md")).result()).status == "completed"
        assert (await engine.run(killed.id)).status == "cancelled"
    assert not (workspace / FOLDER).exists()


async def test_files_of_others_in_the_folder_are_left_alone_and_are_no_conflict(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    (workspace / FOLDER).mkdir(parents=True)
    (workspace / FOLDER / "mine.md").write_text("mine")
    everything = replace(kit.agents()[0], owns=("**",), excludes=())
    Workspace(workspace).refuse_conflicts([everything], {})
    async with kit.engine(workspace) as engine:
        run, question = await asking(engine, tmp_path / "prd.md")
        await engine.answer(run, question, "approve")
        assert (await (await engine.resume(run)).result()).status == "completed"
    assert shown(workspace) == ["mine.md"]
    assert (workspace / FOLDER / "mine.md").read_text() == "mine"


async def test_a_folder_that_leads_elsewhere_is_not_followed_and_stops_nobody(kit: Kit, tmp_path: Path) -> None:
    workspace, elsewhere = tmp_path / "w", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (workspace / FOLDER).parent.mkdir(parents=True)
    (workspace / FOLDER).symlink_to(elsewhere)
    async with kit.engine(workspace) as engine:
        run, question = await asking(engine, tmp_path / "prd.md")
        assert list(elsewhere.iterdir()) == []
        await engine.answer(run, question, "approve")
        assert (await (await engine.resume(run)).result()).status == "completed"
