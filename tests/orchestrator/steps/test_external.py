"""A step that is done outside: asked for, taken, guarded, checked and published like any other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.pipeline import AgentUnknown, Pipeline
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from orchestrator.steps.external.collect import OutsideUnfinished
from orchestrator.storage.runs import RunBusy
from skills.model.scripted import ScriptedModel, submit, write
from tests.support.small_agents import Compiles, Kit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
OUTSIDE = Policy(outside=("two-agent",))
FOLDER = ".claude/handoff/outside/two-agent"
DRAFT = f"{FOLDER}/python-backend-agent-output.md"
PUBLISHED = ".claude/handoff/python-backend-agent-output.md"


@dataclass(frozen=True)
class EditedMeanwhile(Compiles):
    """Somebody goes on editing a file while the checks run, once."""

    place: Path = Path()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        text = self.place.read_text()
        self.place.write_text(text if "later" in text else text + "# later\n")
        return await super().run(scratch, work)


def put(workspace: Path, path: str, content: str | bytes) -> None:
    place = workspace / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)


def do_the_work(workspace: Path, *, names: str = "NAMES = ['Thing']\n") -> None:
    """Leave two files and say that they are all."""
    put(workspace, "two/names.py", names)
    put(workspace, "two/deep/notes.md", "By hand.\n")
    draft = workspace / DRAFT
    draft.write_text(draft.read_text().replace("status: draft", "status: done"))


async def asked(engine: Orchestrator, prd: Path, policy: Policy = OUTSIDE) -> RunResult:
    """Start a run; return what it came to when it asks for the work."""
    result = await (await engine.start(prd, policy=policy)).result()
    assert (result.status, [each.kind for each in result.questions]) == ("waiting", ["outside"]), result.problems
    return result


async def resumed(engine: Orchestrator, run: str) -> RunResult:
    return await (await engine.resume(run)).result()


async def refused(engine: Orchestrator, run: str) -> tuple[str, ...]:
    """Return why a run's work is not taken; its question is as it was."""
    before = await engine.questions(run)
    with pytest.raises(OutsideUnfinished) as caught:
        await engine.resume(run)
    assert await engine.questions(run) == before
    assert (await engine.run(run)).status == "waiting"
    return caught.value.problems


async def test_a_step_done_outside_is_published_like_any_other(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        first = await asked(engine, tmp_path / "prd.md")
        task = (workspace / FOLDER / "task.md").read_text()
        do_the_work(workspace, names="NAMES = [  'Thing' ]\n")
        result = await resumed(engine, first.run)
        checks = [each for each in result.evidence if each.agent == "two-agent"]

    assert result.status == "completed", result.problems
    for said in (
        "- `.claude/handoff/database-agent-output.md`",
        "- `two/**`",
        f"`{DRAFT}`",
        f"baton resume {first.run}",
        "Guards: `no-word`",
        "Checks: `compiles`",
        "## Guidance: make-two",
        "Makes two files.",
        '"api_contract"',
    ):
        assert said in task
    assert {path for path in result.files if path.startswith("two/")} == {
        "two/names.py",
        "two/deep/notes.md",
        "two/derived.json",
    }
    assert (workspace / "two/names.py").read_text() == 'NAMES = ["Thing"]\n'
    handoff = (workspace / PUBLISHED).read_text()
    assert "- `two/deep/notes.md`" in handoff
    assert "| compiles |" in handoff
    assert [each.run.check for each in checks] == ["compiles"]
    assert not (workspace / FOLDER).exists()
    (kept,) = (workspace / ".claude/handoff/history").glob("python-backend-agent-output.*.md")
    assert "status: done" in kept.read_text()


async def test_what_is_not_there_yet_is_said_and_the_question_stays_open(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        assert await refused(engine, run) == (f"two-agent: {DRAFT}: says `status: draft`; say `done` when it is",)
        (workspace / DRAFT).unlink()
        (workspace / FOLDER / "task.md").unlink()
        assert await refused(engine, run) == (f"two-agent: {DRAFT}: there is no such file yet",)
        assert (workspace / DRAFT).is_file()  # both are there again
        assert "there is no such file yet" in (workspace / FOLDER / "task.md").read_text()
        do_the_work(workspace)
        assert (await resumed(engine, run)).status == "completed"


async def test_everything_that_is_wrong_is_listed_at_once_and_nothing_is_lost(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        published = (workspace / "one/names.py").read_bytes()
        do_the_work(workspace)
        put(workspace, "two/latin.txt", b"ok\nno \xff\n")
        put(workspace, "two/nul.txt", "a\n\0")
        put(workspace, "two/huge.txt", b"x" * 2_000_001)
        os.mkfifo(workspace / "two/pipe")
        (workspace / "two/link.py").symlink_to(workspace / "one/names.py")
        (workspace / "two/folder").symlink_to(workspace / "one")
        put(workspace, "one/names.py", "NAMES = []\n")
        (workspace / "one/derived.json").unlink()
        put(workspace, "three/early.py", "pass\n")
        put(workspace, "elsewhere.txt", "nobody's\n")
        put(
            workspace,
            DRAFT,
            (workspace / DRAFT).read_text().replace("## API Contract", "- `two/gone.py`\n\n## Api Kontract\n\nx\n"),
        )
        problems = await refused(engine, run)
        listed = "\n".join(problems)
        for said in (
            "two/latin.txt:2: is not UTF-8 text",
            "two/nul.txt:2: holds a NUL byte",
            "two/huge.txt: has more than 2,000,000 bytes",
            "two/pipe: cannot be read: it is a pipe, not a regular file",
            "two/link.py: is a symbolic link",
            "two/folder: is a symbolic link",
            "one/names.py: was changed, and belongs to one-agent",
            "one/derived.json: is gone, and belongs to one-agent",
            "three/early.py: is new, and belongs to three-agent",
            f"{DRAFT}:",
        ):
            assert said in listed
        assert "elsewhere" not in listed
        assert "## What is wrong so far" in (workspace / FOLDER / "task.md").read_text()

        for path in ("latin.txt", "nul.txt", "huge.txt", "pipe", "link.py", "folder"):
            (workspace / "two" / path).unlink()
        put(workspace, "one/names.py", published)
        put(workspace, "one/derived.json", '{"made": "by a tool"}\n')
        (workspace / "three/early.py").unlink()
        (workspace / DRAFT).unlink()
        await refused(engine, run)
        do_the_work(workspace)
        assert (await resumed(engine, run)).status == "completed"
    assert (workspace / "elsewhere.txt").read_text() == "nobody's\n"


async def test_files_that_the_handoff_names_must_be_there(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        do_the_work(workspace)
        draft = (workspace / DRAFT).read_text()
        put(workspace, DRAFT, draft.replace("Modified Files\n", "Modified Files\n- `two/names.py`\n- `two/gone.py`\n"))
        (problem,) = await refused(engine, run)
    line = (workspace / DRAFT).read_text().splitlines().index("- `two/gone.py`") + 1
    assert problem == f"two-agent: {DRAFT}:{line}: names `two/gone.py`, which is not among the agent's files"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("word = 'forbidden'\n", "two/names.py:1: says `forbidden`"),
        ("def f(:\n", "two/names.py:1:"),
        ("raise SystemExit(1)\nx = (\n", "two/names.py:"),
    ],
)
async def test_what_guards_and_checks_find_is_asked_about_and_publishes_nothing(
    kit: Kit, tmp_path: Path, names: str, said: str
) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        do_the_work(workspace, names=names)
        again = await resumed(engine, run)
        assert (again.status, [each.kind for each in again.questions]) == ("waiting", ["outside"])
        assert said in again.questions[0].text
        assert said in (workspace / FOLDER / "task.md").read_text()
        assert (workspace / "two/names.py").read_text() == names
        assert not (workspace / PUBLISHED).exists()
        put(workspace, "two/names.py", "NAMES = []\n")
        assert (await resumed(engine, run)).status == "completed"


async def test_giving_up_leaves_the_files_and_the_handoff_and_takes_the_task_away(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine:
        first = await asked(engine, tmp_path / "prd.md")
        do_the_work(workspace)
        await engine.answer(first.run, first.questions[0].id, "give up")
        result = await resumed(engine, first.run)
        assert (result.status, result.problems) == ("cancelled", ("two-agent: given up",))
        assert (workspace / "two/names.py").is_file()
        assert (workspace / DRAFT).is_file()
        assert not (workspace / FOLDER / "task.md").exists()

        again = await asked(engine, tmp_path / "prd.md")  # another run does not take the handoff for its own
        (problem,) = await refused(engine, again.run)
        assert f"it is of run `{first.run}`, this is `{again.run}`" in problem
        put(workspace, DRAFT, (workspace / DRAFT).read_text().replace(first.run, again.run))
        assert (await resumed(engine, again.run)).status == "completed"


async def test_work_that_changes_after_it_was_taken_is_not_written_over(kit: Kit, tmp_path: Path) -> None:
    workspace, late = tmp_path / "w", tmp_path / "w" / "two" / "names.py"
    kit.checks = {"two": (EditedMeanwhile("two", place=late),)}
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        do_the_work(workspace)
        again = await resumed(engine, run)
        assert again.status == "waiting"
        assert "two/names.py" in again.questions[0].text
        assert late.read_text().endswith("# later\n")
        assert (await resumed(engine, run)).status == "completed"
    assert late.read_text() == 'NAMES = ["Thing"]\n# later\n'


async def test_what_a_model_could_not_do_is_edited_by_hand(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    model = ScriptedModel([write({"two/names.py": "NAMES = []\n", "two/x.md": "x\n"}), submit(entities=1)])
    kit.checks = {"two": (Compiles("two", code="raise SystemExit(1)"),)}
    policy = Policy(model=ModelUse(skills=("make-two",), repairs=0))
    async with Orchestrator(workspace, pipeline=kit.pipeline(), registry=kit.registry(), model=model) as engine:
        run = await engine.start(tmp_path / "prd.md", policy=policy)
        (question,) = (await run.result()).questions
        await engine.answer(run.id, question.id, "edit by hand")
        assert [each.kind for each in (await resumed(engine, run.id)).questions] == ["outside"]
        task = (workspace / FOLDER / "task.md").read_text()
        assert "## What a model left" in task
        assert "two/names.py\ntwo/x.md\n" in task
    kit.checks = {}
    async with Orchestrator(workspace, pipeline=kit.pipeline(), registry=kit.registry(), model=model) as engine:
        do_the_work(workspace)
        result = await resumed(engine, run.id)
    assert result.status == "completed", result.problems
    assert "two/x.md" not in result.files


async def test_of_two_who_resume_one_takes_the_work(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    async with kit.engine(workspace) as engine, kit.engine(workspace) as other:
        run = (await asked(engine, tmp_path / "prd.md")).run
        do_the_work(workspace)
        both = await asyncio.gather(engine.resume(run), other.resume(run), return_exceptions=True)
        (busy,) = [each for each in both if isinstance(each, BaseException)]
        (working,) = [each for each in both if not isinstance(each, BaseException)]
        assert isinstance(busy, RunBusy)
        assert (await working.result()).status == "completed"
        attempts = [each.status for each in await engine.attempts(run) if each.step == "two-agent"]
    assert attempts == ["waiting", "published"]


async def test_an_unknown_agent_is_refused_before_anything_happens(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        with pytest.raises(AgentUnknown, match="did you mean `two-agent`"):
            await engine.start(tmp_path / "prd.md", policy=Policy(outside=("two-agnt",)))
    assert not (tmp_path / "w").exists()


async def test_files_that_are_there_already_are_taken_where_work_is_done_outside(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    put(workspace, "two/names.py", "NAMES = []\n")
    async with kit.engine(workspace) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        draft = workspace / DRAFT
        draft.write_text(draft.read_text().replace("status: draft", "status: done"))
        result = await resumed(engine, run)
    assert result.status == "completed", result.problems
    assert "two/names.py" in result.files


async def test_a_retry_asks_anew_and_notices_what_is_gone(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    one, two, three = kit.agents()
    pipeline = Pipeline.of((one, replace(two, fixed=("two/deep/**",)), three))
    async with Orchestrator(workspace, pipeline=pipeline, registry=kit.registry()) as engine:
        run = (await asked(engine, tmp_path / "prd.md")).run
        do_the_work(workspace)
        await resumed(engine, run)
        again = await (await engine.retry(run, from_agent="two-agent")).result()
        assert [each.kind for each in again.questions] == ["outside"]
        notes = (workspace / "two/deep/notes.md").read_text()
        (workspace / "two/deep/notes.md").unlink()
        (workspace / "two/names.py").unlink()
        put(workspace, "two/names2.py", "X = 1\n")
        put(workspace, "two/names.py", "NAMES = []\n")
        draft = workspace / DRAFT
        draft.write_text(draft.read_text().replace("status: draft", "status: done"))
        (problem,) = await refused(engine, run)
        assert problem.startswith("two-agent: two/deep/notes.md: is published and may not change")
        put(workspace, "two/deep/notes.md", notes)
        result = await resumed(engine, run)
    assert result.status == "completed", result.problems
    assert "two/names2.py" in result.files


EVERY = 13  # moments between two kills; by hand with 1, it takes minutes


async def test_a_run_killed_between_taking_and_publishing_publishes_once_what_was_taken(
    kit: Kit, tmp_path: Path
) -> None:
    """Killed at moments from the resumption on, further on each time, until a run gets through."""
    words = [str(kit.skills), str(tmp_path / "prd.md"), str(tmp_path / "kills"), str(EVERY)]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.support.external_kills", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["killed"] for each in told[:-1]} == {-signal.SIGKILL}
    assert len(told) > 40 / EVERY
    undisturbed = told[-1]["came_to"]
    assert undisturbed["status"] == "completed"
    assert undisturbed["published"] == 3
    assert [each for each in told if each["came_to"] != undisturbed] == []
