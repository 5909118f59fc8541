"""Runs begun before runs had workflows go on: `runs_of_ca9e62a.sql` is what that version stored of seven of them.

Their steps are those of the small agents. `/srv/of/w` stands for the folder of their workspaces.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from orchestrator import Orchestrator
from orchestrator.planning.workflow import Workflow
from orchestrator.steps.manifest import published
from orchestrator.storage.postgres import Server
from orchestrator.storage.runs import RunRecord, RunRefused
from tests.support.small_agents import Kit

STORED = Path(__file__).with_name("runs_of_ca9e62a.sql")
WORKSPACES = "/srv/of/w"
STATUS = {
    "asks-about-a-failure": "waiting",
    "asks-for-the-plan": "waiting",
    "waits-for-work-outside": "waiting",
    "failed": "failed",
    "completed": "completed",
    "stopped": "stopped",
    "killed": "running",
}


@pytest.fixture
async def engine(kit: Kit, server: Server, tmp_path: Path) -> AsyncIterator[Orchestrator]:
    """An engine on the database of that version, each workspace as its run left it."""
    connection = await asyncpg.connect(server.database)
    await connection.execute(STORED.read_text().replace(WORKSPACES, str(tmp_path)))
    await connection.close()
    async with kit.engine(tmp_path) as engine:
        ledger = (await engine.opened()).ledger
        for run in await engine.runs():
            for path, content in (await published(ledger, run.id)).items():
                place = Path(run.workspace, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            Path(run.workspace).mkdir(exist_ok=True)
        yield engine


async def found(engine: Orchestrator, name: str) -> RunRecord:
    return next(run for run in await engine.runs() if Path(run.workspace).name == name)


async def test_all_of_them_are_there_with_the_workflow_that_their_agents_made(engine: Orchestrator) -> None:
    runs = await engine.runs()
    assert {Path(run.workspace).name: run.status for run in runs} == STATUS
    for run in runs:
        shape = Workflow.model_validate((await engine.run(run.id)).shape)
        assert (run.workflow, shape.name, shape.entry) == ("feature", "feature", "feature-prd")
        assert [(step.name, step.agent) for step in shape.steps] == [(name, name) for name in run.agents]
        assert run.agents == ("one-agent", "two-agent", "three-agent")


@pytest.mark.parametrize("name", ["stopped", "killed"])
async def test_one_that_stopped_goes_on_and_does_nothing_twice(engine: Orchestrator, name: str) -> None:
    run = await found(engine, name)
    result = await (await engine.resume(run.id)).result()
    assert result.status == "completed", result.problems
    attempts = await engine.attempts(run.id)
    assert [each.attempt for each in attempts if each.step == "one-agent"] == [1]
    assert {each.step for each in attempts if each.status == "published"} >= {"one-agent", "two-agent", "three-agent"}


@pytest.mark.parametrize(("name", "answer"), [("asks-about-a-failure", "retry"), ("asks-for-the-plan", "approve")])
async def test_one_that_asks_goes_on_with_its_answer(engine: Orchestrator, name: str, answer: str) -> None:
    run = await found(engine, name)
    (question,) = await engine.questions(run.id)
    await engine.answer(run.id, question.id, answer)
    result = await (await engine.resume(run.id)).result()
    assert result.status == "completed", result.problems
    assert [handoff.step for handoff in result.handoffs] == ["one-agent", "two-agent", "three-agent"]


async def test_one_that_waits_for_work_outside_takes_it(engine: Orchestrator) -> None:
    run = await found(engine, "waits-for-work-outside")
    (question,) = await engine.questions(run.id)
    assert (question.node, question.kind) == ("two-agent", "outside")
    await engine.answer(run.id, question.id, "done")
    again = await (await engine.resume(run.id)).result()
    assert again.status == "waiting"  # nothing is there
    assert "two-agent" in again.questions[0].node


async def test_one_that_failed_is_done_again_from_the_step_that_failed(engine: Orchestrator) -> None:
    run = await found(engine, "failed")
    result = await (await engine.retry(run.id)).result()
    assert result.status == "completed", result.problems
    assert [each.attempt for each in await engine.attempts(run.id) if each.step == "one-agent"] == [1]


async def test_one_that_is_over_is_copied_and_done_again_from_an_agent_on(engine: Orchestrator, tmp_path: Path) -> None:
    run = await found(engine, "completed")
    copy = await (await engine.fork(run.id, workspace=tmp_path / "copy")).result()
    assert copy.status == "completed"
    again = await (await engine.retry(run.id, from_agent="three-agent")).result()
    assert (again.status, copy.files) == ("completed", again.files)


async def test_its_events_are_read_with_the_step_that_they_are_of(engine: Orchestrator) -> None:
    run = await found(engine, "completed")
    started = [event.step async for event in engine.events(run.id) if event.type == "step_started"]
    assert started == ["one-agent", "two-agent", "three-agent"]


async def test_one_whose_agent_is_gone_is_refused_with_the_reason(
    engine: Orchestrator, kit: Kit, tmp_path: Path
) -> None:
    run = await found(engine, "stopped")
    pipeline = kit.pipeline()
    agents = [agent if agent.name != "two-agent" else replace(agent, name="second-agent") for agent in pipeline.agents]
    other = Orchestrator(tmp_path, pipeline=pipeline.of(agents), registry=kit.registry())
    async with other:
        with pytest.raises(RunRefused, match="no agent is called `two-agent`"):
            await other.resume(run.id)
