"""Whole runs of small real agents on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agents.contracts import Work
from handoff.store import HandoffStore
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.records.events import CheckFinished, HandoffPublished, PlanMade, RunFinished, RunStarted, StepFinished
from orchestrator.records.result import RunResult
from orchestrator.runtime.run import Run
from orchestrator.steps.workspace import WorkspaceBusy, WorkspaceConflict
from orchestrator.storage.runs import RunBusy, RunRefused
from schemas.base import Document
from tests.support.small_agents import PRD, Compiles, Kit

pytestmark = pytest.mark.slow


async def finish(kit: Kit, workspace: Path, prd: Path) -> RunResult:
    async with kit.engine(workspace) as engine:
        run = await engine.start(prd)
        return await run.result()


def files_of(workspace: Path) -> dict[str, str]:
    """Return the files, without front matter and what it says of time and run."""
    found = {}
    for path in sorted(workspace.rglob("*")):
        if path.is_file():
            text = path.read_text()
            body = text.split("---\n", 2)[2] if text.startswith("---\n") else text
            found[path.relative_to(workspace).as_posix()] = "\n".join(
                line for line in body.splitlines() if "imestamp" not in line
            )
    return found


async def test_a_run_publishes_what_was_checked_and_tells_all_of_it(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "shop"
    async with kit.engine(workspace) as engine:
        run = await engine.start(tmp_path / "prd.md")
        events = [event async for event in run.events()]
        result = await run.result()
        again = [event async for event in engine.events(run.id)]
        record = await engine.run(run.id)

    assert result.status == "completed"
    assert result.problems == ()
    assert [each.agent for each in result.handoffs] == ["one-agent", "two-agent", "three-agent"]
    assert len(result.files) == 9
    for path, sha256 in result.files.items():
        assert hashlib.sha256((workspace / path).read_bytes()).hexdigest() == sha256
    assert {each.run.check for each in result.evidence} == {"compiles"}
    assert all(Path(each.log).is_file() for each in result.evidence)
    assert set(result.timings) == {"one-agent", "two-agent", "three-agent", "total"}
    provenance = HandoffStore(workspace).read("python-backend-agent-output").provenance
    assert provenance is not None
    assert set(provenance.files) == {"two/names.py", "two/deep/er/notes.md", "two/derived.json"}
    assert set(provenance.reads) == {".claude/handoff/feature-prd.md", ".claude/handoff/database-agent-output.md"}

    kinds = [type(event) for event in events]
    assert kinds[:2] == [RunStarted, PlanMade]
    assert kinds[-1] is RunFinished
    assert kinds.count(CheckFinished) == kinds.count(HandoffPublished) == kinds.count(StepFinished) == 3
    assert again == events
    assert record.status == "completed"
    assert RunResult.model_validate(record.result) == result


async def test_two_runs_into_two_workspaces_at_once_give_the_same_bytes(kit: Kit, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    results = await asyncio.gather(*(finish(kit, place, tmp_path / "prd.md") for place in (first, second)))
    assert [result.status for result in results] == ["completed", "completed"]
    assert files_of(first) == files_of(second)


async def test_a_second_run_in_a_workspace_that_is_being_worked_in_is_refused(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        with pytest.raises(WorkspaceBusy):
            await engine.start(tmp_path / "prd.md")
        assert (await run.result()).status == "completed"


async def test_a_failed_check_publishes_nothing_of_its_agent_and_names_the_log(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (replace(Compiles("two"), code="print('boom'); raise SystemExit(3)"),)}
    result = await finish(kit, tmp_path / "w", tmp_path / "prd.md")
    assert result.status == "failed"
    assert "boom" in result.problems[0]
    assert result.log is not None
    assert "boom" in Path(result.log).read_text()
    assert (tmp_path / "w/one/names.py").is_file()
    assert not (tmp_path / "w/two").exists()
    assert not (tmp_path / "w/three").exists()
    assert [each.agent for each in result.handoffs] == ["one-agent"]


async def test_a_guard_stops_the_step_before_any_check_runs(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text(PRD.replace("Small", "forbidden things"))
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        events = [event async for event in run.events()]
        result = await run.result()
    assert result.status == "failed"
    assert "one/deep/er/notes.md:1: says `forbidden`" in result.problems[0]
    assert not any(isinstance(event, CheckFinished) for event in events)


async def test_what_a_tool_made_is_guarded_too(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"one": (Compiles("one"), replace(Compiles("two"), name="escapes", code="print()"))}
    result = await finish(kit, tmp_path / "w", tmp_path / "prd.md")
    assert result.status == "failed"
    assert "two/derived.json" in result.problems[0]
    assert not (tmp_path / "w/one").exists()


async def test_running_again_changes_nothing_and_a_changed_prd_removes_what_is_no_longer_made(
    kit: Kit, tmp_path: Path
) -> None:
    workspace = tmp_path / "w"
    await finish(kit, workspace, tmp_path / "prd.md")
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*.py")}
    assert (await finish(kit, workspace, tmp_path / "prd.md")).status == "completed"
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*.py")} == before

    blueprint = kit.skills / "make_one" / "blueprint.py"
    blueprint.write_text(blueprint.read_text().replace("/deep/er/notes.md", "/elsewhere.md"))
    fresh = Kit(tmp_path / "skills2")
    (tmp_path / "skills2/make_one/blueprint.py").write_text(blueprint.read_text())
    assert (await finish(fresh, workspace, tmp_path / "prd.md")).status == "completed"
    assert (workspace / "one/elsewhere.md").is_file()
    assert not (workspace / "one/deep").exists()


async def test_a_file_changed_by_hand_stops_the_next_run_before_anything(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    await finish(kit, workspace, tmp_path / "prd.md")
    (workspace / "two/names.py").write_text("mine")
    before = files_of(workspace)
    with pytest.raises(WorkspaceConflict, match=r"two/names\.py"):
        await finish(kit, workspace, tmp_path / "prd.md")
    assert files_of(workspace) == before


async def test_a_published_migration_may_not_change(kit: Kit, tmp_path: Path) -> None:
    kit.fixed = ("one/names.py",)
    await finish(kit, tmp_path / "w", tmp_path / "prd.md")
    (tmp_path / "prd.md").write_text(PRD.replace("### Thing", "### Widget"))
    result = await finish(kit, tmp_path / "w", tmp_path / "prd.md")
    assert result.status == "failed"
    assert "not supported yet" in result.problems[0]
    assert "Thing" in (tmp_path / "w/one/names.py").read_text()


async def test_an_agent_alone_asks_for_the_handoff_it_lacks_and_goes_on_when_it_is_there(
    kit: Kit, tmp_path: Path
) -> None:
    donor, workspace = tmp_path / "donor", tmp_path / "w"
    await finish(kit, donor, tmp_path / "prd.md")
    async with kit.engine(workspace) as engine:
        run = await engine.start(tmp_path / "prd.md", agents=["two-agent"])
        result = await run.result()
        assert result.status == "waiting"
        (question,) = result.questions
        assert question.text.startswith("Where is the schema?")
        with pytest.raises(RunRefused, match=f"baton cancel {run.id}"):
            await engine.start(tmp_path / "prd.md")

        for name in ("one", ".claude/handoff/database-agent-output.md"):
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (donor / name).is_dir() else shutil.copy
            copy(donor / name, workspace / name)
        await run.answer(question.id, "done")
        resumed = await engine.resume(run.id)
        result = await resumed.result()
    assert result.status == "completed"
    assert [each.agent for each in result.handoffs] == ["two-agent"]


async def test_upstream_files_that_are_not_as_their_handoff_says_are_asked_about(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    await finish(kit, workspace, tmp_path / "prd.md")
    (workspace / "one/names.py").write_text("changed")
    async with kit.engine(workspace) as engine:
        result = await (await engine.start(tmp_path / "prd.md", agents=["three-agent"])).result()
    assert result.status == "waiting"
    assert "one/names.py" in result.questions[0].text


async def test_a_prd_of_prose_asks_and_an_answer_brings_the_rest(kit: Kit, tmp_path: Path) -> None:
    prose = tmp_path / "prose.md"
    prose.write_text("# Feature PRD: Small\n\nThings have names.\n")
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(prose)
        (question,) = (await run.result()).questions
        assert "Entities" in question.text
        assert [path.name for path in (tmp_path / "w").rglob("*") if path.is_file()] == [f"{question.id}.md"]
        await run.answer(question.id, str(tmp_path / "nowhere.md"))
        (again,) = (await (await engine.resume(run.id)).result()).questions
        assert "nowhere.md" in again.text
        await run.answer(again.id, str(tmp_path / "prd.md"))
        result = await (await engine.resume(run.id)).result()
    assert result.status == "completed"
    assert (tmp_path / "w/.claude/handoff/feature-prd.md").read_text() == PRD


async def test_a_run_that_is_stopped_stops_its_tools_and_can_go_on(kit: Kit, tmp_path: Path) -> None:
    flag = tmp_path / "started"
    code = f"import pathlib, time; f = pathlib.Path({str(flag)!r}); was = f.exists(); f.touch(); was or time.sleep(60)"
    kit.checks = {"two": (replace(Compiles("two"), code=code),)}
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        while not flag.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
        result = await run.stop()
        assert result.status == "stopped"
        running = subprocess.run(["pgrep", "-f", str(flag)], capture_output=True, check=False)  # noqa: ASYNC221
        assert running.stdout == b""
        assert not (tmp_path / "w/two").exists()
        assert (await (await engine.resume(run.id)).result()).status == "completed"


async def test_of_two_processes_that_resume_a_run_one_is_refused(kit: Kit, tmp_path: Path) -> None:
    """Note 44: LangGraph lets both run the same nodes."""
    async with kit.engine(tmp_path / "w") as first, kit.engine(tmp_path / "w") as second:
        run = await first.start(tmp_path / "prd.md", agents=["two-agent"])
        (question,) = (await run.result()).questions
        await run.answer(question.id, "done")
        results = await asyncio.gather(*(each.resume(run.id) for each in (first, second)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, BaseException)]
        assert [type(each) for each in refused] in ([WorkspaceBusy], [RunBusy])
        (resumed,) = (result for result in results if isinstance(result, Run))
        assert (await resumed.result()).status == "waiting"


async def test_a_run_that_has_ended_is_not_resumed(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        await run.result()
        with pytest.raises(RunRefused, match=f"has ended .completed.*baton retry {run.id}"):
            await engine.resume(run.id)
        with pytest.raises(RunRefused, match="has ended"):
            await engine.cancel(run.id)


async def test_leaving_the_engine_stops_what_still_runs(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"one": (replace(Compiles("one"), code="import time; time.sleep(60)"),)}
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
    assert (await run.result()).status == "stopped"


async def test_a_fault_of_our_own_is_a_failed_run_with_a_traceback_at_hand(kit: Kit, tmp_path: Path) -> None:
    one, *others = kit.pipeline().agents

    def broken(work: Work) -> Document:
        raise ZeroDivisionError(work.task)

    pipeline = Pipeline.of((replace(one, compose=broken), *others))
    async with Orchestrator(tmp_path / "w", pipeline=pipeline, registry=kit.registry()) as engine:
        result = await (await engine.start(tmp_path / "prd.md")).result()
    assert result.status == "failed"
    assert "a fault in Baton" in result.problems[0]
    assert result.log is not None
    assert "ZeroDivisionError" in Path(result.log).read_text()
    assert [path.name for path in (tmp_path / "w").iterdir()] == [".claude"]
