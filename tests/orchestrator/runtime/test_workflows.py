"""Workflows of a project's own: agents in a folder outside the tree, two steps of one agent, findings that go back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import Orchestrator
from orchestrator.interop.project import project_at
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from tests.support.small_agents import Kit
from tests.support.toy_house import build_house

KILLS = Path(__file__).parents[3] / "tests/support/review_kills.py"
Engine = Callable[..., Orchestrator]
DONE = {"draft": "writer-agent", "review": "reviewer-agent", "polish": "writer-agent"}


@pytest.fixture
def toy(kit: Kit, tmp_path: Path) -> Engine:  # noqa: ARG001 - its database and its PRD
    def engine(*, learns: bool = True) -> Orchestrator:
        build_house(tmp_path / "app", learns=learns)
        return opened(tmp_path / "app")

    return engine


def opened(root: Path) -> Orchestrator:
    project = project_at(root)
    assert project is not None
    return Orchestrator(root, workflow="notes", workflows=project.workflows, registry=project.registry)


async def run(engine: Orchestrator, prd: Path, **policy: int) -> RunResult:
    return await (await engine.start(prd, policy=Policy.model_validate(policy))).result()


async def test_agents_of_a_folder_work_in_a_workflow_of_a_file(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        result = await run(engine, tmp_path / "prd.md")
        assert result.status == "completed", result.problems
        assert {handoff.step: handoff.agent for handoff in result.handoffs} == DONE
        assert set(result.files) >= {"notes/today.md", "notes/polished.md", "reviews/seen.txt"}
        assert (await engine.run(result.run)).workflow == "notes"


async def test_findings_go_back_once_to_the_step_that_owns_the_file(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        result = await run(engine, tmp_path / "prd.md")
        attempts = await engine.attempts(result.run)
        assert [(each.step, each.status) for each in attempts if each.step != "intake"] == [
            ("draft", "published"),
            ("draft", "published"),
            ("polish", "published"),
            ("review", "returned"),
            ("review", "published"),
        ]
        text = (tmp_path / "app/notes/today.md").read_text()
        assert text == "Small: ready\n- notes/today.md:1: no-draft: it says draft\n"
        assert [each.severity for each in result.findings] == ["advice"]
        told = [event async for event in engine.events(result.run) if event.type == "findings_returned"]
        assert [(event.step, event.owner, event.round) for event in told] == [("review", "draft", 1)]


async def test_findings_that_stay_stand_in_the_result_after_as_many_rounds_as_the_policy_says(
    toy: Engine, tmp_path: Path
) -> None:
    async with toy(learns=False) as engine:
        result = await run(engine, tmp_path / "prd.md", review_rounds=2)
        assert result.status == "completed with gaps"
        assert [each.rule for each in result.findings if each.is_blocking] == ["no-draft"]
        attempts = await engine.attempts(result.run)
        assert [each.status for each in attempts if each.step == "review"] == ["returned", "returned", "published"]
        assert {handoff.step: handoff.agent for handoff in result.handoffs} == DONE


async def test_without_rounds_nothing_goes_back(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        result = await run(engine, tmp_path / "prd.md", review_rounds=0)
        assert (result.status, len(result.findings)) == ("completed with gaps", 2)
        assert {each.attempt for each in await engine.attempts(result.run)} == {1}


async def test_a_step_is_done_again_by_its_name_and_what_comes_after_it(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        result = await run(engine, tmp_path / "prd.md")
        again = await (await engine.retry(result.run, from_agent="polish")).result()
        assert (again.status, again.files) == ("completed", result.files)
        attempts = await engine.attempts(result.run)
        assert [each.attempt for each in attempts if each.step == "polish"] == [1, 2]


async def test_a_run_goes_on_with_the_workflow_that_it_was_started_with(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))).result()
        assert result.status == "waiting"
    (tmp_path / "app/.baton/workflows/notes.yaml").unlink()
    project = project_at(tmp_path / "app")
    assert project is not None
    async with Orchestrator(tmp_path / "app", workflows=project.workflows, registry=project.registry) as engine:
        await engine.answer(result.run, result.questions[0].id, "approve")
        result = await (await engine.resume(result.run)).result()
        assert {handoff.step: handoff.agent for handoff in result.handoffs} == DONE


@pytest.mark.slow
def test_a_run_killed_while_findings_go_back_comes_to_the_same_when_resumed(kit: Kit, tmp_path: Path) -> None:  # noqa: ARG001 - its database and its PRD
    words = [sys.executable, str(KILLS), str(tmp_path / "prd.md"), str(tmp_path / "houses")]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    whole, *killed = [json.loads(line) for line in said.stdout.splitlines()]
    assert whole["status"] == "completed", whole
    assert sum(line["killed"] for line in killed) > 5
    for line in killed:
        moment = f"at moment {line['moment']}: {line.get('error')}"
        assert (line["status"], line["owner"], line["files"]) == ("completed", None, whole["files"]), moment
        assert line["events"] == whole["events"], moment
        ended = Counter((row["step"], row["status"]) for row in line["attempts"] if row["status"] != "begun")
        assert ended == Counter((row["step"], row["status"]) for row in whole["attempts"]), moment


async def test_a_step_does_not_change_what_another_one_of_the_same_agent_published(toy: Engine, tmp_path: Path) -> None:
    async with toy() as engine:
        skill = tmp_path / "app/.baton/agents/writer/skills/polish_notes/blueprint.py"
        skill.write_text(skill.read_text().replace("notes/polished.md", "notes/today.md"))
        result = await run(engine, tmp_path / "prd.md")
        assert result.status == "failed"
        assert "`notes/today.md` is what the step `draft` published" in result.problems[0]
