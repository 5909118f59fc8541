"""Runs that are resumed, retried, forked, approved and given up, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from handoff.store import HandoffStore
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.policy import Policy, PolicyChange
from orchestrator.records.events import Event, HandoffPublished, QuestionAnswered, SkillFinished, StepFinished
from orchestrator.records.result import RunResult
from orchestrator.runtime.answers import NothingToResume
from orchestrator.runtime.run import Run
from orchestrator.steps.workspace import WorkspaceConflict
from orchestrator.storage.questions import AnswerRefused
from orchestrator.storage.runs import RunBusy, RunRefused
from schemas.base import JSON
from tests.support.crash_points import files_of
from tests.support.small_agents import BACKEND_READ, DATABASE_READ, PRD, PRD_READ, Compiles, Kit

pytestmark = pytest.mark.slow


async def until(run: Run, wanted: Callable[[Event], bool]) -> None:
    async for event in run.events():
        if wanted(event):
            return
    raise AssertionError("the run ended before")


def published(agent: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, HandoffPublished) and event.agent == agent


def hanging(word: str, flag: Path) -> Compiles:
    """A check that hangs the first time."""
    code = f"import pathlib, time; f = pathlib.Path({str(flag)!r}); was = f.exists(); f.touch(); was or time.sleep(60)"
    return replace(Compiles(word), code=code)


def failing(word: str, flag: Path) -> Compiles:
    """A check that fails until there is a flag."""
    code = f"import pathlib; raise SystemExit(0 if pathlib.Path({str(flag)!r}).exists() else 'no flag')"
    return replace(Compiles(word), code=code)


async def stopped(kit: Kit, engine: Orchestrator, tmp_path: Path) -> Run:
    """A run whose first agent is done and whose second was stopped at work."""
    kit.checks = {"two": (hanging("two", tmp_path / "flag"),)}
    engine._pipeline = kit.pipeline()
    run = await engine.start(tmp_path / "prd.md")
    await until(run, published("one-agent"))
    while not (tmp_path / "flag").exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.02)
    assert (await run.stop()).status == "stopped"
    return run


def current_files(workspace: Path) -> dict[str, str]:
    return {path: text for path, text in files_of(workspace).items() if "/history/" not in path}


async def skills_run(engine: Orchestrator, run_id: str) -> Counter[str]:
    return Counter([event.agent async for event in engine.events(run_id) if isinstance(event, SkillFinished)])


async def test_changed_skills_of_a_step_that_is_done_change_nothing(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await stopped(kit, engine, tmp_path)
        with (kit.skills / "make_one" / "blueprint.py").open("a") as file:
            file.write("# another\n")
        resumed = await engine.resume(run.id)
        assert resumed.resumption is not None
        assert resumed.resumption.rule == "continues"
        assert resumed.resumption.reasons == ("skill make-one of one-agent changed: its step is done",)
        assert (await resumed.result()).status == "completed"
        assert (await skills_run(engine, run.id))["one-agent"] == 1


async def test_changed_skills_of_a_step_to_be_done_are_used_and_it_is_said(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await stopped(kit, engine, tmp_path)
        (kit.skills / "make_three" / "SKILL.md").write_text(
            (kit.skills / "make_three" / "SKILL.md").read_text() + "\nMore.\n"
        )
        resumed = await engine.resume(run.id)
        assert resumed.resumption is not None
        assert resumed.resumption.rule == "migrates"
        assert "make-three of three-agent changed: its step is done with what is there now" in str(resumed.resumption)
        assert (await resumed.result()).status == "completed"
        assert (await skills_run(engine, run.id))["one-agent"] == 1


async def test_an_agent_that_is_done_and_reads_something_else_now_refuses_to_go_on(kit: Kit, tmp_path: Path) -> None:
    """Note 9: LangGraph would end the run, or skip steps, without a word."""
    async with kit.engine(tmp_path / "w") as engine:
        run = await stopped(kit, engine, tmp_path)
    one, *others = kit.pipeline().agents
    changed = Pipeline.of((replace(one, reads=()), *others))
    async with Orchestrator(tmp_path / "w", pipeline=changed, registry=kit.registry()) as engine:
        with pytest.raises(RunRefused, match="one-agent, whose step is done, reads or writes something else now"):
            await engine.resume(run.id)
        assert (await engine.run(run.id)).status == "stopped"
    gone = Pipeline.of(tuple(others))
    async with Orchestrator(tmp_path / "w", pipeline=gone, registry=kit.registry()) as engine:
        with pytest.raises(RunRefused, match="no agent is called `one-agent`"):
            await engine.resume(run.id)


async def test_a_changed_prd_or_a_deleted_workspace_refuses_to_resume_and_changes_nothing(
    kit: Kit, tmp_path: Path
) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run = await stopped(kit, engine, tmp_path)
        prd = workspace / ".claude/handoff/feature-prd.md"
        prd.write_text(PRD.replace("Thing", "Widget"))
        with pytest.raises(RunRefused, match=f"feature-prd.md` is not the one that run `{run.id}` works from"):
            await engine.resume(run.id)
        prd.write_text(PRD)
        workspace.rename(tmp_path / "away")
        with pytest.raises(RunRefused, match=f"is gone.*baton fork {run.id}"):
            await engine.resume(run.id)
        assert not workspace.exists()
        (tmp_path / "away").rename(workspace)
        assert (await engine.run(run.id)).status == "stopped"
        assert (await (await engine.resume(run.id)).result()).status == "completed"


async def test_a_lost_run_folder_is_made_anew(kit: Kit, tmp_path: Path, baton_home: Path) -> None:
    """As on another machine: what a run needs is in the database."""
    async with kit.engine(tmp_path / "w") as engine:
        run = await stopped(kit, engine, tmp_path)
        (baton_home / "runs" / run.id).rename(tmp_path / "folder")
        assert (await (await engine.resume(run.id)).result()).status == "completed"


async def test_retry_does_what_failed_again_and_nothing_else(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (failing("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        assert (await run.result()).status == "failed"
        with pytest.raises(RunRefused, match=f"has ended .failed.*baton retry {run.id}"):
            await engine.resume(run.id)
        (tmp_path / "flag").touch()
        assert (await (await engine.retry(run.id)).result()).status == "completed"
        assert await skills_run(engine, run.id) == {"one-agent": 1, "two-agent": 2, "three-agent": 1}
        with pytest.raises(RunRefused, match=r"every step of run .* is done.*--from"):
            await engine.retry(run.id)


async def test_retry_from_an_agent_does_it_and_what_comes_after_it_again(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        await run.result()
        before = current_files(tmp_path / "w")
        result = await (await engine.retry(run.id, from_agent="two-agent")).result()
        assert result.status == "completed"
        assert await skills_run(engine, run.id) == {"one-agent": 1, "two-agent": 2, "three-agent": 2}
        assert current_files(tmp_path / "w") == before


async def test_retry_from_an_agent_that_could_not_begin_yet_is_refused(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await stopped(kit, engine, tmp_path)
        with pytest.raises(RunRefused, match="before it, two-agent is not done"):
            await engine.retry(run.id, from_agent="three-agent")
        assert (await engine.run(run.id)).status == "stopped"


async def test_a_fork_publishes_what_was_done_elsewhere_and_goes_on_there(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        source = await stopped(kit, engine, tmp_path)
        fork = await engine.fork(source.id, workspace=tmp_path / "fork")
        assert (await fork.result()).status == "completed"
        assert await skills_run(engine, fork.id) == {"two-agent": 1, "three-agent": 1}
        assert (await engine.run(source.id)).status == "stopped"
        assert (await engine.run(fork.id)).forked_from == source.id
        assert (await (await engine.resume(source.id)).result()).status == "completed"
    assert files_of(tmp_path / "fork") == files_of(tmp_path / "w")


async def test_a_fork_from_an_agent_does_that_one_again(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        source = await engine.start(tmp_path / "prd.md")
        await source.result()
        fork = await engine.fork(source.id, workspace=tmp_path / "fork", from_agent="two-agent")
        assert (await fork.result()).status == "completed"
        assert await skills_run(engine, fork.id) == {"two-agent": 1, "three-agent": 1}
        (tmp_path / "foreign/one").mkdir(parents=True)
        (tmp_path / "foreign/one/names.py").write_text("mine")
        with pytest.raises(WorkspaceConflict):
            await engine.fork(source.id, workspace=tmp_path / "foreign")
    assert files_of(tmp_path / "fork") == files_of(tmp_path / "w")


async def answer(engine: Orchestrator, result: RunResult, value: str) -> RunResult:
    (question,) = result.questions
    await engine.answer(result.run, question.id, value)
    return await (await engine.resume(result.run)).result()


async def test_a_plan_is_approved_before_anything_is_written(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))
        result = await run.result()
        (question,) = result.questions
        assert (question.kind, question.options) == ("approval", ("approve", "reject"))
        assert "One agent: 1 of its 1 skills apply\n  - make-one:" in question.text
        assert not (tmp_path / "w/one").exists()
        with pytest.raises(NothingToResume, match="waits for an answer"):
            await engine.resume(run.id)
        assert (await engine.run(run.id)).status == "waiting"
        result = await answer(engine, result, "approve")
        assert result.status == "completed"
        answers = [event async for event in engine.events(run.id) if isinstance(event, QuestionAnswered)]
        assert [event.by for event in answers] == ["person"]


async def test_a_rejected_plan_ends_the_run_with_the_reason(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))).result()
        result = await answer(engine, result, "reject: too many agents")
        assert result.status == "cancelled"
        assert result.problems == ("intake: rejected: too many agents",)
        assert not (tmp_path / "w/.claude/handoff/feature-prd.md").exists()


async def test_each_agent_is_approved_when_it_is_its_turn(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(approve="each-agent"))).result()
        asked = []
        while result.status == "waiting":
            asked.append(result.questions[0].id.split("-", 3)[3])
            result = await answer(engine, result, "approve")
        assert result.status == "completed"
        assert asked == ["one-agent-1", "two-agent-1", "three-agent-1"]
        assert await skills_run(engine, result.run) == {"one-agent": 1, "two-agent": 1, "three-agent": 1}


async def test_a_failed_check_asks_if_the_policy_says_so(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (failing("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(on_failure="ask"))).result()
        assert result.questions[0].options == ("retry", "give up")
        assert "two-agent failed:\ncheck `compiles`" in result.questions[0].text
        result = await answer(engine, result, "retry")
        assert result.status == "waiting"
        (tmp_path / "flag").touch()
        assert (await answer(engine, result, "retry")).status == "completed"


async def test_giving_up_on_a_failed_check_is_a_failed_run_with_its_problems(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (failing("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(on_failure="ask"))).result()
        result = await answer(engine, result, "give up")
        assert result.status == "failed"
        assert "no flag" in result.problems[0]
        assert result.problems[-1] == "two-agent: given up"


async def test_an_answer_that_is_none_leaves_the_question_open_and_the_first_valid_one_counts(
    kit: Kit, tmp_path: Path
) -> None:
    """Notes 5 and 6: LangGraph takes any answer, and the last of two."""
    async with kit.engine(tmp_path / "w") as engine, kit.engine(tmp_path / "w") as other:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))).result()
        (question,) = result.questions
        wrongs: tuple[JSON, ...] = (None, {}, 1, "", "approved")
        for wrong in wrongs:
            with pytest.raises(AnswerRefused, match=r"still open\.\nChoose one of: `approve`, `reject`"):
                await engine.answer(result.run, question.id, wrong)
        answers = await asyncio.gather(
            engine.answer(result.run, question.id, "approve"),
            other.answer(result.run, question.id, "reject"),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in answers) == ["AnswerRefused", "Question"]
        with pytest.raises(AnswerRefused, match="already has its answer; this one changes nothing"):
            await engine.answer(result.run, question.id, "approve")
        with pytest.raises(AnswerRefused, match="open questions: none"):
            await engine.answer(result.run, "another", "approve")


async def test_a_question_takes_its_default_at_its_deadline(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        policy = Policy(approve="plan", answer_seconds=0.2)
        result = await (await engine.start(tmp_path / "prd.md", policy=policy)).result()
        await asyncio.sleep(0.3)
        with pytest.raises(AnswerRefused, match="already has its answer"):
            await engine.answer(result.run, result.questions[0].id, "approve")
        result = await (await engine.resume(result.run)).result()
        assert result.status == "cancelled"
        events = [event async for event in engine.events(result.run) if isinstance(event, QuestionAnswered)]
        assert [event.by for event in events] == ["deadline"]


def diamond(kit: Kit) -> Pipeline:
    """Agents `two` and `three` read of `one` alone, so they work side by side."""
    one, two, three = kit.pipeline().agents
    return Pipeline.of((one, two, replace(three, reads=(PRD_READ, DATABASE_READ))))


async def test_parallel_agents_ask_at_once_and_each_is_answered_by_its_own_question(kit: Kit, tmp_path: Path) -> None:
    """Notes 2 and 3."""
    two, three = tmp_path / "two", tmp_path / "three"
    kit.checks = {"two": (failing("two", two),), "three": (failing("three", three),)}
    engine = Orchestrator(tmp_path / "w", pipeline=diamond(kit), registry=kit.registry())
    async with engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(on_failure="ask"))).result()
        first, second = sorted(result.questions, key=lambda each: each.text)
        assert "three-agent failed" in first.text
        await engine.answer(result.run, first.id, "retry")
        with pytest.raises(NothingToResume, match="two-agent failed"):
            await engine.resume(result.run)
        two.touch()
        three.touch()
        await engine.answer(result.run, second.id, "retry")
        result = await (await engine.resume(result.run)).result()
        assert result.status == "completed"
        assert await skills_run(engine, result.run) == {"one-agent": 1, "two-agent": 2, "three-agent": 2}


async def test_parallel_agents_come_to_what_they_come_to_one_after_the_other(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "serial") as engine:
        await (await engine.start(tmp_path / "prd.md")).result()
    async with Orchestrator(tmp_path / "w", pipeline=diamond(kit), registry=kit.registry()) as engine:
        assert (await (await engine.start(tmp_path / "prd.md")).result()).status == "completed"
    assert files_of(tmp_path / "w") == files_of(tmp_path / "serial")


async def test_a_run_of_another_process_is_stopped_and_cancelled_on_request(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (hanging("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine, kit.engine(tmp_path / "w") as other:
        run = await engine.start(tmp_path / "prd.md")
        await until(run, published("one-agent"))
        with pytest.raises(RunBusy, match="is being worked on"):
            await other.resume(run.id)
        assert await other.stop(run.id)
        assert (await run.result()).status == "stopped"
        assert not await other.stop(run.id)
        (tmp_path / "flag").unlink(missing_ok=True)
        run = await other.resume(run.id)
        await until(run, lambda event: isinstance(event, StepFinished))
        assert not await engine.cancel(run.id)
        assert (await run.result()).status == "cancelled"
        with pytest.raises(RunRefused, match=r"has ended .cancelled."):
            await engine.cancel(run.id)


async def test_a_step_that_takes_too_long_fails_with_the_limit_named(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (hanging("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(step_seconds=0.5))).result()
        assert result.status == "failed"
        assert "step `two-agent` was not done after 0.5 s" in result.problems[0]
        assert (await (await engine.retry(result.run)).result()).status == "completed"


async def test_a_check_has_the_time_that_was_chosen_and_another_when_its_run_is_taken_up(
    kit: Kit, tmp_path: Path
) -> None:
    kit.checks = {"two": (hanging("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(check_seconds=1))).result()
        assert result.status == "failed"
        assert "still running after 1 s" in result.problems[0]
        assert "the limit is the one chosen for this run" in result.problems[0]
        await (await engine.retry(result.run, change=PolicyChange(check_seconds=7200))).result()
        stored = await engine.run(result.run)
    assert (stored.status, Policy.model_validate(stored.policy)) == ("completed", Policy(check_seconds=7200))


async def test_handoffs_are_remembered_in_their_versions(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md")
        await run.result()
        await (await engine.retry(run.id, from_agent="three-agent")).result()
        ledger = (await engine._engine.opened()).ledger
        rows = await ledger.database.fetch(
            "SELECT step, attempt, sha256 FROM baton.handoffs WHERE run_id = $1 ORDER BY step, attempt", run.id
        )
        assert [(row["step"], row["attempt"]) for row in rows] == [
            ("one-agent", 1),
            ("three-agent", 1),
            ("three-agent", 2),
            ("two-agent", 1),
        ]
        kept = await ledger.content.get([row["sha256"].hex() for row in rows])
        assert kept[rows[2]["sha256"].hex()] == HandoffStore(tmp_path / "w").path("test-agent-output").read_bytes()


def test_a_pipeline_knows_who_works_after_whom(kit: Kit) -> None:
    pipeline = kit.pipeline()
    assert [pipeline.before(name) for name in pipeline.names] == [(), ("one-agent",), ("two-agent",)]
    assert diamond(kit).before("three-agent") == ("one-agent",)
    assert pipeline.downstream("two-agent") == ("two-agent", "three-agent")
    assert BACKEND_READ in pipeline.agents[2].reads


async def test_a_retried_step_asks_anew_and_its_old_question_is_not_asked_any_more(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (failing("two", tmp_path / "flag"),)}
    async with kit.engine(tmp_path / "w") as engine:
        first = await (await engine.start(tmp_path / "prd.md", policy=Policy(on_failure="ask"))).result()
        kit.checks["two"] = (replace(failing("two", tmp_path / "flag"), name="another"),)
        engine.__dict__["workflows"] = kit.workflows()
        again = await (await engine.retry(first.run)).result()
        assert "check `another`" in again.questions[0].text
        assert len(again.questions) == 1
        assert again.questions[0].id != first.questions[0].id
