"""Runs in which a model does skills: small agents, a scripted model, the real engine and database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from agents.checks.errors import RegistryUnreachable
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator
from orchestrator.planning.executors import ModelMissing, TapeMissing
from orchestrator.planning.model_policy import ModelChange, ModelUnset, ModelUse
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.policy import Policy, PolicyChange
from orchestrator.records.answers import EDIT, GIVE_UP, RETRY, TEMPLATE
from orchestrator.records.events import Event, ModelSpent, SkillFinished, StepRetried, WorkReturned
from orchestrator.records.result import RunResult
from orchestrator.storage.questions import AnswerRefused
from skills.core.registry import SkillUnknown
from skills.model.budget import Limits
from skills.model.errors import ModelKeyMissing, ModelUnknown, PriceUnknown
from skills.model.scripted import Script, ScriptedModel, call, submit, write
from tests.orchestrator.cli.test_cli_commands import baton
from tests.support.small_agents import DATABASE_READ, PRD_READ, Compiles, Kit

pytestmark = pytest.mark.slow

NAME = "ScriptedModel:scripted"
GOOD = {"two/names.py": "NAMES = ['Thing']\n", "two/notes.md": "Things\n"}
BROKEN = {"two/names.py": "NAMES = ['Thing']\n", "two/notes.md": "forbidden\n"}
WELL = (write(GOOD), submit(entities=1))
BADLY = (write(BROKEN), submit(entities=1))
MENDED = (write({"two/notes.md": "allowed\n"}), submit(entities=1))


def engine(kit: Kit, workspace: Path, model: ScriptedModel | Script | str | None = None) -> Orchestrator:
    known = model is None or isinstance(model, str | ScriptedModel)
    return Orchestrator(
        workspace,
        pipeline=kit.pipeline(),
        registry=kit.registry(),
        model=model if known else ScriptedModel(model),  # type: ignore[arg-type]  # narrowed by `known`
    )


def two(**more: object) -> Policy:
    """A policy in which the model does the second agent's skill."""
    return Policy(model=ModelUse.model_validate({"skills": ("make-two",), **more}))


async def done(kit: Kit, folder: Path, script: Script, policy: Policy) -> tuple[RunResult, list[Event]]:
    async with engine(kit, folder / "w", script) as orchestrator:
        run = await orchestrator.start(folder / "prd.md", policy=policy)
        return await run.result(), [event async for event in run.events()]


async def go_on(
    kit: Kit, folder: Path, script: Script, answer: str, change: PolicyChange | None = None
) -> tuple[RunResult, list[Event]]:
    """Answer the newest run's question and resume it."""
    async with engine(kit, folder / "w", script) as orchestrator:
        run_id = await orchestrator.find("latest")
        open_ = [each for each in await orchestrator.questions(run_id) if each.is_open]
        await orchestrator.answer(run_id, open_[0].id, answer)
        run = await orchestrator.resume(run_id, change=change)
        return await run.result(), [event async for event in run.events()]


def calls(events: Sequence[Event]) -> int:
    return sum(event.spent.calls for event in events if isinstance(event, ModelSpent))


# ---- it works


async def test_a_model_does_the_skill_that_it_is_named_for_and_templates_the_others(kit: Kit, tmp_path: Path) -> None:
    result, events = await done(kit, tmp_path, WELL, two())

    assert result.status == "completed"
    assert (tmp_path / "w/two/notes.md").read_text() == "Things\n"
    assert (tmp_path / "w/one/deep/er/notes.md").is_file()
    finished = {event.skill: event for event in events if isinstance(event, SkillFinished)}
    assert {skill: event.model for skill, event in finished.items()} == {
        "make-one": None, "make-two": NAME, "make-three": None,
    }  # fmt: skip
    assert [(each.skill, each.by, each.spent.calls) for each in result.work] == [
        ("make-one", "template", 0), ("make-two", NAME, 2), ("make-three", "template", 0),
    ]  # fmt: skip
    spent = finished["make-two"].spent
    assert spent is not None
    assert spent.tokens == sum(event.spent.tokens for event in events if isinstance(event, ModelSpent)) > 0


async def test_without_a_model_nobody_is_said_to_have_worked(kit: Kit, tmp_path: Path) -> None:
    async with engine(kit, tmp_path / "w") as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md")).result()
    assert result.work == ()


async def test_the_engines_model_works_for_runs_whose_policy_names_none(kit: Kit, tmp_path: Path) -> None:
    every = [
        part
        for word in ("one", "two", "three")
        for part in (write({f"{word}/names.py": "NAMES = []\n"}), submit(entities=1))
    ]
    result, _ = await done(kit, tmp_path, every, Policy(model=ModelUse(all_skills=True)))
    assert result.status == "completed"
    assert {each.by for each in result.work} == {NAME}


class Fork(Kit):
    """`two-agent` and `three-agent` at work at once."""

    def pipeline(self) -> Pipeline:
        one, two, three = super().pipeline().agents
        return Pipeline.of((one, two, replace(three, reads=(PRD_READ, DATABASE_READ))))


async def test_agents_at_work_at_once_share_one_budget(kit: Kit, tmp_path: Path) -> None:
    """One call is allowed, and both are made before either is counted; then neither agent may go on."""
    both = threading.Barrier(2, timeout=120)

    def reply(_: Sequence[BaseMessage]) -> AIMessage:
        both.wait()
        return AIMessage("")

    policy = Policy(model=ModelUse(skills=("make-two", "make-three"), run=Limits(calls=1)))
    result, events = await done(Fork(kit.skills), tmp_path, [reply, reply], policy)

    assert result.status == "waiting"
    assert calls(events) == 2
    assert {question.node for question in result.questions} == {"two-agent", "three-agent"}
    for question in result.questions:
        assert "the run may spend 1 calls and has spent 2 calls" in question.text


# ---- repair


async def test_what_a_guard_finds_goes_back_to_the_model_that_made_it(kit: Kit, tmp_path: Path) -> None:
    model = ScriptedModel([*BADLY, *MENDED])
    async with engine(kit, tmp_path / "w", model) as orchestrator:
        run = await orchestrator.start(tmp_path / "prd.md", policy=two())
        result, events = await run.result(), [event async for event in run.events()]

    assert result.status == "completed"
    assert (tmp_path / "w/two/notes.md").read_text() == "allowed\n"
    returned = [event for event in events if isinstance(event, WorkReturned)]
    assert [(event.agent, event.skills, event.round) for event in returned] == [("two-agent", ("make-two",), 1)]
    told = str(model.asked[2].messages[-1].text)
    assert "It did not stand up to the checks:" in told
    assert "two/notes.md:1: says `forbidden`" in told


async def test_what_a_check_finds_goes_back_without_a_word_of_this_machine(kit: Kit, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; notes = pathlib.Path('two/notes.md').resolve();"
        " sys.exit(f'{notes} is long' if 'Things' in notes.read_text() else 0)"
    )
    kit.checks = {"two": (replace(Compiles("two"), code=code),)}
    model = ScriptedModel([*WELL, *MENDED])
    async with engine(kit, tmp_path / "w", model) as orchestrator:
        run = await orchestrator.start(tmp_path / "prd.md", policy=two())
        result = await run.result()

    assert result.status == "completed"
    told = str(model.asked[2].messages[-1].text)
    assert "check `compiles`: it does not compile\n" in told
    assert "two/notes.md is long" in told
    assert "log:" not in told
    assert run.id not in told


async def test_a_file_that_the_model_takes_back_is_not_seen_by_checks_nor_published(kit: Kit, tmp_path: Path) -> None:
    code = "import pathlib, sys; sys.exit('an extra file' if pathlib.Path('two/extra.py').exists() else 0)"
    kit.checks = {"two": (replace(Compiles("two"), code=code),)}
    script = [
        write({**GOOD, "two/extra.py": "A = 1\n"}), submit(entities=1),
        call("delete", file_path="/two/extra.py"), submit(entities=1),
    ]  # fmt: skip
    result, _ = await done(kit, tmp_path, script, two())
    assert result.status == "completed"
    assert not (tmp_path / "w/two/extra.py").exists()


async def test_templates_that_fail_their_checks_are_not_sent_to_a_model(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"one": (replace(Compiles("one"), code="raise SystemExit('no')"),)}
    result, events = await done(kit, tmp_path, [], two())
    assert result.status == "failed"
    assert calls(events) == 0


async def test_a_server_that_does_not_answer_costs_no_second_work_of_the_model(kit: Kit, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class AwayOnce(Compiles):
        async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
            if not (tmp_path / "away").exists():
                (tmp_path / "away").touch()
                raise RegistryUnreachable("no connection")
            return await super().run(scratch, work)

    kit.checks = {"two": (AwayOnce("two"),)}
    result, events = await done(kit, tmp_path, WELL, two())
    assert result.status == "completed"
    assert [event.agent for event in events if isinstance(event, StepRetried)] == ["two-agent"]
    assert calls(events) == 2


# ---- the question


async def exhausted(kit: Kit, folder: Path) -> RunResult:
    """One repair, which helps nothing."""
    result, events = await done(kit, folder, [*BADLY, *BADLY], two(repairs=1))
    assert calls(events) == 4
    return result


async def test_when_repairs_are_used_up_a_person_is_asked_whatever_the_policy_says(kit: Kit, tmp_path: Path) -> None:
    result = await exhausted(kit, tmp_path)

    assert result.status == "waiting"
    (question,) = result.questions
    assert question.kind == "model"
    assert question.options == (RETRY, EDIT, TEMPLATE, GIVE_UP)
    assert question.text.startswith(
        "two-agent: skill `make-two`: the model's work does not stand up to the checks: 2 attempts, none of which can"
        " be published\n  attempt 1: two/notes.md:1: says `forbidden`"
    )
    assert "\n  attempt 2: two/notes.md:1: says `forbidden`" in question.text
    assert "\nModels have spent 4 calls, " in question.text
    assert not (tmp_path / "w/two").exists()


async def test_retry_lets_the_model_begin_the_step_anew(kit: Kit, tmp_path: Path) -> None:
    await exhausted(kit, tmp_path)
    result, events = await go_on(kit, tmp_path, WELL, RETRY)
    assert result.status == "completed"
    assert calls(events) == 6


async def test_the_template_can_be_taken_instead(kit: Kit, tmp_path: Path) -> None:
    await exhausted(kit, tmp_path)
    result, events = await go_on(kit, tmp_path, [], TEMPLATE)
    assert result.status == "completed"
    assert calls(events) == 4
    assert (tmp_path / "w/two/deep/er/notes.md").is_file()
    assert [(each.skill, each.by, each.spent.calls) for each in result.work][1] == ("make-two", "template", 4)


async def test_the_files_can_be_written_by_hand_instead(kit: Kit, tmp_path: Path) -> None:
    await exhausted(kit, tmp_path)
    result, events = await go_on(kit, tmp_path, [], EDIT)
    assert result.status == "waiting"
    assert [question.kind for question in result.questions] == ["outside"]
    assert calls(events) == 4


async def test_a_later_retry_asks_the_model_again_not_the_template(kit: Kit, tmp_path: Path) -> None:
    await exhausted(kit, tmp_path)
    await go_on(kit, tmp_path, [], TEMPLATE)
    async with engine(kit, tmp_path / "w", WELL) as orchestrator:
        run = await orchestrator.retry(await orchestrator.find("latest"), from_agent="two-agent")
        result = await run.result()
    assert result.status == "completed"
    assert (tmp_path / "w/two/notes.md").read_text() == "Things\n"


async def test_giving_up_fails_the_run_with_what_was_wrong(kit: Kit, tmp_path: Path) -> None:
    await exhausted(kit, tmp_path)
    result, _ = await go_on(kit, tmp_path, [], GIVE_UP)
    assert result.status == "failed"
    assert "two/notes.md:1: says `forbidden`" in "\n".join(result.problems)
    assert result.problems[-1] == "two-agent: given up"


async def test_the_template_is_not_offered_where_there_is_none(kit: Kit, tmp_path: Path) -> None:
    blueprint = kit.skills / "make_two" / "blueprint.py"
    blueprint.write_text(blueprint.read_text().partition("def contribute")[0])
    result, _ = await done(kit, tmp_path, ["I would rather not."] * 2, two(repairs=1))
    (question,) = result.questions
    assert question.options == (RETRY, EDIT, GIVE_UP)
    assert TEMPLATE not in question.text
    with pytest.raises(AnswerRefused, match="is not an answer"):
        await go_on(kit, tmp_path, [], TEMPLATE)


async def test_a_model_that_fails_is_asked_about_with_each_attempt(kit: Kit, tmp_path: Path) -> None:
    result, _ = await done(kit, tmp_path, ["All done!", submit(entities=1)], two(repairs=1))
    assert result.status == "waiting"
    (question,) = result.questions
    assert question.text.startswith(
        "two-agent: skill `make-two`: the model's work was never as its contract says: 2 attempts, none of which can be"
        " taken\n  attempt 1: you ended without calling `submit`"
    )
    assert "  attempt 2: no file was written" in question.text


# ---- budgets


async def test_a_spent_budget_asks_and_a_raised_one_goes_on(kit: Kit, tmp_path: Path) -> None:
    result, _ = await done(kit, tmp_path, WELL, two(run=Limits(calls=1)))
    assert result.status == "waiting"
    assert "`retry --max-money 10`" in result.questions[0].text

    result, events = await go_on(kit, tmp_path, [], RETRY)  # nothing was raised
    assert result.status == "waiting"
    assert calls(events) == 1

    result, events = await go_on(kit, tmp_path, WELL, "retry --max-calls 3")
    assert result.status == "completed"
    assert calls(events) == 3


async def test_a_limit_can_be_raised_when_a_run_is_resumed_and_stays_raised(kit: Kit, tmp_path: Path) -> None:
    await done(kit, tmp_path, WELL, two(run=Limits(calls=1)))
    result, _ = await go_on(kit, tmp_path, WELL, RETRY, PolicyChange(model=ModelChange(calls=3)))
    assert result.status == "completed"
    async with engine(kit, tmp_path / "w") as orchestrator:
        stored = await orchestrator.run(result.run)
    policy = Policy.model_validate(stored.policy)
    assert policy.model == ModelUse(name=NAME, given=True, skills=("make-two",), run=Limits(calls=3))


async def test_a_steps_limit_counts_anew_once_a_person_has_the_run_go_on(kit: Kit, tmp_path: Path) -> None:
    result, _ = await done(kit, tmp_path, WELL, two(step=Limits(calls=1)))
    assert "the step of `two-agent` may spend 1 calls" in result.questions[0].text
    result, events = await go_on(kit, tmp_path, [submit(entities=1)], RETRY)
    assert calls(events) == 2


@pytest.mark.parametrize("answer", ["retry --max-calls 0", "retry --max-calls 1.5", "retry --max-hope 3", "retry 3"])
async def test_what_raises_no_limit_is_no_answer(kit: Kit, tmp_path: Path, answer: str) -> None:
    await done(kit, tmp_path, WELL, two(run=Limits(calls=1)))
    with pytest.raises(AnswerRefused):
        await go_on(kit, tmp_path, [], answer)


# ---- killed


async def test_a_run_that_is_killed_while_a_model_works_has_spent_what_it_had_spent(kit: Kit, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.support.killed_model_run", str(tmp_path)]
    root = Path(__file__).parents[3]
    killed = await asyncio.to_thread(lambda: subprocess.run(program, cwd=root, check=False, timeout=300))
    assert killed.returncode == -signal.SIGKILL
    shown = await asyncio.to_thread(baton, "show", "latest")
    assert "models have spent 1 calls, " in shown.stdout

    async with engine(kit, tmp_path / "w", WELL) as orchestrator:
        run = await orchestrator.resume(await orchestrator.find("latest"))
        result, events = await run.result(), [event async for event in run.events()]

    assert result.status == "completed"
    assert calls(events) == 3
    assert [each.spent.calls for each in result.work] == [0, 3, 0]
    assert [event.skill for event in events if isinstance(event, SkillFinished)] == [
        "make-one", "make-two", "make-three",
    ]  # fmt: skip


# ---- taken up by other engines


async def test_a_model_that_was_given_as_an_object_must_be_given_again(kit: Kit, tmp_path: Path) -> None:
    result = await exhausted(kit, tmp_path)
    async with engine(kit, tmp_path / "w") as orchestrator:
        await orchestrator.answer(result.run, result.questions[0].id, RETRY)
        with pytest.raises(ModelMissing, match=f"the run's model, `{NAME}`, was given to its engine as an object"):
            await orchestrator.resume(result.run)
        assert (await orchestrator.run(result.run)).status == "waiting"


async def test_another_model_may_go_on_with_a_run(kit: Kit, tmp_path: Path) -> None:
    """Recorded first, so that the other one has a name and needs no provider."""
    await done(kit, tmp_path, WELL, two(record=str(tmp_path / "tape")))
    (tmp_path / "w2").mkdir()
    policy = Policy(model=ModelUse(name=NAME, skills=("make-two",), replay=str(tmp_path / "tape"), run=Limits(calls=1)))
    async with engine(kit, tmp_path / "w2") as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md", policy=policy)).result()
        await orchestrator.answer(result.run, result.questions[0].id, "retry --max-calls 3")
        run = await orchestrator.resume(result.run, change=PolicyChange(model=ModelChange(name="other:model")))
        assert run.resumption is not None
        assert run.resumption.rule == "migrates"
        assert run.resumption.reasons == (
            f"the model is other:model now, was {NAME}: steps still to be done are done with it",
        )
        assert "no recorded exchange" in (await run.result()).problems[0]


async def test_limits_cannot_be_changed_where_there_is_no_model(kit: Kit, tmp_path: Path) -> None:
    kit.checks = {"two": (replace(Compiles("two"), code="raise SystemExit('no')"),)}
    async with engine(kit, tmp_path / "w") as orchestrator:
        run = await orchestrator.start(tmp_path / "prd.md")
        await run.result()
        with pytest.raises(ModelUnset, match="the run has no model whose limits could be changed"):
            await orchestrator.retry(run.id, change=PolicyChange(model=ModelChange(calls=3)))


# ---- refused before anything begins


@pytest.mark.parametrize(
    ("use", "error", "text"),
    [
        (ModelUse(), ModelMissing, "the policy's `ModelUse` has no name, and the engine no model"),
        (ModelUse(name="antropic:x"), ModelUnknown, "did you mean `anthropic:x`"),
        (ModelUse(name="openai:gpt-6-sol"), ModelKeyMissing, "`OPENAI_API_KEY`"),
        (ModelUse(name="a:b", replay="nowhere"), TapeMissing, "nothing is recorded in `nowhere`"),
        (ModelUse(name="a:b", skills=("make-too",)), SkillUnknown, "did you mean `make-two`"),
        (ModelUse(name="a:b", run=Limits(money=Decimal(1))), PriceUnknown, "no price is known for the model `a:b`"),
    ],
)
async def test_it_is_refused_before_the_run_begins(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: ModelUse, error: type[Exception], text: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with engine(kit, tmp_path / "w") as orchestrator:
        with pytest.raises(error, match=text):
            await orchestrator.start(tmp_path / "prd.md", policy=Policy(model=use))
        assert await orchestrator.runs() == []
    assert not (tmp_path / "w").exists()
