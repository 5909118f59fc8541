"""A model does a skill's work, is told what is wrong with it, and is never taken at its word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.messages.tool import invalid_tool_call

from skills.core.contribution import ContributedFile, Contribution, Dependency
from skills.core.executor import Executor, SkillFailed
from skills.core.skill_context import Rework
from skills.model.call import Patience
from skills.model.errors import (
    Attempt,
    ModelCallFailed,
    ModelFailed,
    ModelRefused,
    ModelUnavailable,
    RepairsExhausted,
)
from skills.model.executor import ModelExecutor
from skills.model.scripted import Dropped, Reply, ScriptedModel, call, submit, write
from tests.support.model_skill import BLUEPRINT, NOW, PAGE, bench, done, feature, note_writer

GOOD = [write(PAGE), submit(listed=1)]


def feedback(model: ScriptedModel, number: int) -> str:
    """Return the last message of the model's call, counted from 1: what it was told before its reply."""
    return str(model.asked[number - 1].messages[-1].text)


class ProviderError(Exception):
    """A provider's own error, as its SDK raises it."""

    def __init__(self, text: str, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status_code = status
        self.response = SimpleNamespace(headers=headers or {})


# ---- what comes out ------------------------------------------------------------------------------------------------


async def test_what_a_model_writes_and_states_is_the_skills_output(tmp_path: Path) -> None:
    output = await done(tmp_path, GOOD)

    assert output.files == (ContributedFile(path="docs/notes.md", content="# Notes\n"),)
    assert output.model_dump()["listed"] == 1
    assert type(output) is note_writer(tmp_path).blueprint().output


async def test_a_model_reads_searches_edits_and_deletes_in_a_copy(tmp_path: Path) -> None:
    place = bench(tmp_path)
    model = ScriptedModel(
        [
            call("read_file", file_path="/app/main.py"),
            call("grep", pattern="main", path="/"),
            write({"docs/notes.md": "# Notes\n", "docs/draft.md": "x"}),
            call("edit_file", file_path="/docs/notes.md", old_string="Notes", new_string="All notes"),
            call("delete", file_path="/docs/draft.md"),
            submit(listed=1),
        ]
    )
    output = await done(tmp_path, model, place=place)

    assert [(file.path, file.content) for file in output.files] == [("docs/notes.md", "# All notes\n")]
    assert "print('main')" in feedback(model, 2)
    assert "/app/main.py" in feedback(model, 3)
    assert not (place.tree / "docs").exists()


async def test_a_model_may_write_and_submit_in_one_reply(tmp_path: Path) -> None:
    calls = [*write(PAGE).tool_calls, *submit(listed=1).tool_calls]

    assert [file.path for file in (await done(tmp_path, [AIMessage("", tool_calls=calls)])).files] == ["docs/notes.md"]


async def test_no_model_is_forced_to_call_a_tool(tmp_path: Path) -> None:
    """Claude's newest models turn such a request down."""
    model = ScriptedModel(GOOD)
    await done(tmp_path, model)

    assert model.asked[0].tools
    assert model.asked[0].settings == {}


async def test_a_streaming_model_does_the_same(tmp_path: Path) -> None:
    assert await done(tmp_path, ScriptedModel(GOOD, streaming=True)) == await done(tmp_path, ScriptedModel(GOOD))


async def test_a_model_is_an_executor_like_any_other(tmp_path: Path) -> None:
    executor: Executor = ModelExecutor(ScriptedModel(GOOD), patience=NOW)

    with pytest.raises(SkillFailed, match="input `feature`: its step does not offer this material"):
        await executor.execute(note_writer(tmp_path), {}, bench(tmp_path))


async def test_work_that_failed_a_check_is_gone_on_with(tmp_path: Path) -> None:
    earlier = await done(tmp_path, [write({**PAGE, "docs/more.md": "more\n"}), submit(listed=1)])
    model = ScriptedModel([write({"docs/notes.md": "# Better\n"}), submit(listed=2)])
    place = bench(tmp_path, rework=Rework(contribution=earlier, problems=("docs/notes.md:1: no such heading",)))
    output = await done(tmp_path, model, place=place)

    assert [file.content for file in output.files] == ["more\n", "# Better\n"]
    assert output.model_dump()["listed"] == 2
    assert "- docs/notes.md:1: no such heading" in feedback(model, 1)
    assert "listed: 1" in feedback(model, 1)


# ---- what is wrong with it, and what the model is told -------------------------------------------------------------

BAD: dict[str, tuple[Reply, str]] = {
    "a missing field": (submit(), "`submit`: `listed`: Field required, got {"),
    "a field of the wrong type": (submit(listed="many"), "`submit`: `listed`: Input should be a valid integer"),
    "a field that is not in the contract": (submit(listed=1, mood="good"), "`mood`: Extra inputs are not permitted"),
    "words instead of an answer": ("All done!", "you ended without calling `submit`"),
    "an empty reply": ("", "your reply was empty"),
    "arguments that are no JSON": (
        AIMessage("", invalid_tool_calls=[invalid_tool_call(name="submit", args='{"listed": ', id="1", error="no")]),
        "your call of `submit` could not be read: its arguments are not valid JSON",
    ),
    "two answers at once": (
        AIMessage("", tool_calls=[ToolCall(name="submit", args={"listed": n}, id=f"twice-{n}") for n in (1, 2)]),
        "you called `submit` 2 times in one reply",
    ),
    "a malformed call, as Google says it": (
        AIMessage("", response_metadata={"finish_reason": "MALFORMED_FUNCTION_CALL"}),
        "your tool call could not be read",
    ),
    "text that is no text": (write({"docs/a.md": "\ud800"}), "there is half a surrogate pair in what your call says"),
    "a call of no tool": (call(""), "you called a tool without saying which"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_model_is_told_what_cannot_be_taken_and_puts_it_right(tmp_path: Path, case: str) -> None:
    reply, told = BAD[case]
    model = ScriptedModel([write(PAGE), reply, submit(listed=1)])

    assert (await done(tmp_path, model)).model_dump()["listed"] == 1
    assert told in feedback(model, 3)
    assert "Your work cannot be taken yet" in feedback(model, 3)


@pytest.mark.parametrize("case", BAD)
async def test_a_model_that_does_not_put_it_right_fails_with_every_reason(tmp_path: Path, case: str) -> None:
    reply, told = BAD[case]
    with pytest.raises(RepairsExhausted) as caught:
        await done(tmp_path, [write(PAGE), reply, reply, reply], repairs=2)

    assert len(caught.value.attempts) == 3
    assert all(told in "\n".join(attempt.problems) for attempt in caught.value.attempts)
    assert "skill `note-writer`: the model's work was never as its contract says: 3 attempts" in str(caught.value)
    assert "attempt 3:" in str(caught.value)
    assert "use the skill's template" in str(caught.value)


async def test_success_claimed_without_a_file_is_not_believed(tmp_path: Path) -> None:
    model = ScriptedModel([submit(listed=1), write(PAGE), submit(listed=1)])

    assert (await done(tmp_path, model)).files
    assert "no file was written: a skill's work is its files" in feedback(model, 2)


async def test_python_that_does_not_parse_goes_back(tmp_path: Path) -> None:
    bad, good = write({"docs/conf.py": "def f(:\n"}), write({"docs/conf.py": "x = 1\n"})
    model = ScriptedModel([bad, submit(listed=1), good, submit(listed=1)])

    assert (await done(tmp_path, model)).files[0].content == "x = 1\n"
    assert "docs/conf.py:1:" in feedback(model, 3)


async def test_a_claim_of_an_earlier_skill_is_defended(tmp_path: Path) -> None:
    def package(version: str) -> Dependency:
        return Dependency(ecosystem="python", name="mistune", version=version, group="runtime")

    first = ContributedFile(path="docs/index.md", content="# Index\n")
    assembled = Contribution(files=(first,), dependencies=(package(">=2"),))
    model = ScriptedModel(
        [
            write({"docs/index.md": "# Mine\n", **PAGE}),
            submit(listed=1, dependencies=[package(">=3").model_dump()]),
            submit(listed=1),
        ]
    )
    executor = ModelExecutor(model, patience=NOW)
    materials = {"feature": feature(), "assembled": assembled}
    output = await executor.execute(note_writer(tmp_path), materials, bench(tmp_path))

    assert [file.path for file in output.files] == ["docs/notes.md"]
    assert "Error: `/docs/index.md` is not yours to change" in "".join(m.text for m in model.asked[1].messages)
    assert "dependency `python:mistune` is claimed by both `an earlier skill` and `note-writer`" in feedback(model, 3)


# ---- calls that the tools turn down: the model goes on at once -----------------------------------------------------

CALLS = {
    "a tool that does not exist": (call("bash", command="ls"), "bash is not a valid tool, try one of"),
    "a missing argument": (call("write_file", file_path="/docs/a.md"), "Field required"),
    "an unknown file": (call("read_file", file_path="/docs/none.md"), "not found"),
    "a path of another agent": (write({"app/main.py": "x"}), "Error: `/app/main.py` is not yours to change"),
    "a new path of another agent": (write({"app/x.py": "x"}), "You may write `/docs/**`"),
    "a path out of the project": (write({"../../etc/x": "x"}), "is not a path that you may write"),
    "a file outside": (call("read_file", file_path="/../../../../etc/passwd"), "Path traversal not allowed"),
    "a name that is too long": (write({f"docs/{'x' * 300}": "x"}), "File name too long"),
    "a name with a NUL": (write({"docs/a\0b": "x"}), "null"),
    "a pattern that is none": (call("glob", pattern="[", path="/nowhere"), ""),
    "the whole folder": (call("delete", file_path="/"), "is not a path that you may write"),
}


@pytest.mark.parametrize("case", CALLS)
async def test_a_call_that_cannot_be_done_is_answered_and_costs_no_repair(tmp_path: Path, case: str) -> None:
    reply, told = CALLS[case]
    model = ScriptedModel([reply, write(PAGE), submit(listed=1)])

    assert [file.path for file in (await done(tmp_path, model, repairs=0)).files] == ["docs/notes.md"]
    assert told in feedback(model, 2)
    assert "baton-desk" not in feedback(model, 2)


# ---- replies that end early ----------------------------------------------------------------------------------------


async def test_nothing_of_a_reply_that_was_cut_off_is_done(tmp_path: Path) -> None:
    cut = write({"docs/half.md": "# Ha"}).model_copy(update={"response_metadata": {"stop_reason": "max_tokens"}})
    model = ScriptedModel([cut, *GOOD])

    assert [file.path for file in (await done(tmp_path, model)).files] == ["docs/notes.md"]
    assert "cut off at the longest output the model allows" in feedback(model, 2)


@pytest.mark.parametrize(
    "reply",
    [
        AIMessage("I will not.", response_metadata={"stop_reason": "refusal"}),
        AIMessage("I will not.", response_metadata={"finish_reason": "content_filter"}),
        AIMessage("I will not.", response_metadata={"finish_reason": "SAFETY"}),
        AIMessage("", additional_kwargs={"refusal": "I will not."}),
    ],
)
async def test_a_refusal_ends_the_work_in_the_models_words(tmp_path: Path, reply: AIMessage) -> None:
    with pytest.raises(ModelRefused, match=r"the model refused: I will not\."):
        await done(tmp_path, [reply])


async def test_what_was_wrong_before_is_kept_when_the_work_ends_otherwise(tmp_path: Path) -> None:
    refusing = AIMessage("No.", response_metadata={"stop_reason": "refusal"})
    with pytest.raises(ModelRefused) as caught:
        await done(tmp_path, ["", refusing])

    assert caught.value.attempts == (Attempt(("your reply was empty",)),)


# ---- providers that fail -------------------------------------------------------------------------------------------

PASSING = {
    "a rate limit": ProviderError("slow down", 429, {"retry-after": "0"}),
    "an overloaded server": ProviderError("overloaded", 529),
    "a refused connection": ConnectionRefusedError("nobody listens"),
    "a timeout": TimeoutError("too slow"),
}


@pytest.mark.parametrize("case", PASSING)
async def test_a_failure_that_passes_is_waited_out(tmp_path: Path, case: str) -> None:
    assert (await done(tmp_path, [PASSING[case], PASSING[case], *GOOD])).files


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_dropped_stream_is_asked_for_again_and_half_of_it_is_not_done(tmp_path: Path, streaming: bool) -> None:  # noqa: FBT001  # a parameter of the test
    dropped = Dropped(write({"docs/half.md": "# Half of a long file\n" * 9}))
    output = await done(tmp_path, ScriptedModel([dropped, *GOOD], streaming=streaming))

    assert [file.path for file in output.files] == ["docs/notes.md"]


async def test_a_provider_that_stays_away_is_named_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"cannot be reached: ProviderError: overloaded \(tried 2 times\)"):
        await done(tmp_path, [ProviderError("overloaded", 529)] * 2, patience=Patience(tries=2, first=0.0, longest=0.0))


async def test_a_model_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(ScriptedModel, "_agenerate", wait)
    patience = Patience(tries=2, first=0.0, longest=0.0, call=0.05)
    with pytest.raises(ModelUnavailable, match=r"no answer within 0\.05 seconds \(tried 2 times\)"):
        await done(tmp_path, [], patience=patience)


async def test_a_request_that_is_turned_down_is_not_sent_again_and_shows_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-secret-of-mine")
    error = ProviderError("invalid x-api-key: a-secret-of-mine ", 401)
    model = ScriptedModel([error, *GOOD])
    with pytest.raises(ModelCallFailed, match=r"turned the request down: ProviderError: invalid x-api-key") as caught:
        await done(tmp_path, model)

    assert len(model.asked) == 1
    assert "invalid x-api-key: [redacted]" in str(caught.value)


async def test_a_cancelled_skill_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    begun = asyncio.Event()

    def wait(_: object) -> Reply:
        begun.set()
        return call("ls", path="/")

    work = asyncio.create_task(done(tmp_path, [wait] * 100))
    await begun.wait()
    assert list(tmp_path.glob("baton-desk-*"))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not list(tmp_path.glob("baton-desk-*"))


async def test_files_that_nobody_writes_by_hand_are_given_and_cannot_be_changed(tmp_path: Path) -> None:
    skill = note_writer(tmp_path)
    (skill.folder / "templates/docs").mkdir(parents=True)
    (skill.folder / "templates/docs/notes.lock").write_text("sha256:1\n")
    (skill.folder / "blueprint.py").write_text(f'{BLUEPRINT}\n\nGIVEN = ("docs/notes.lock",)\n')
    write_it = write({**PAGE, "docs/notes.lock": "made up"})
    model = ScriptedModel([call("read_file", file_path="/docs/notes.lock"), write_it, write(PAGE), submit(listed=1)])

    output = await ModelExecutor(model, patience=NOW).execute(skill, {"feature": feature()}, bench(tmp_path))

    assert {file.path: file.content for file in output.files} == {**PAGE, "docs/notes.lock": "sha256:1\n"}
    asked = str(model.asked[0].messages[-1].text)
    assert "Files of this skill that are there and stay as they are:" in asked
    assert "/docs/notes.lock" in asked
    assert "sha256:1" in feedback(model, 2)
    assert any("`/docs/notes.lock` is not yours to change" in str(each.text) for each in model.asked[2].messages)


# ---- ownership, whatever tool was used -----------------------------------------------------------------------------


async def test_what_others_own_is_put_back_whatever_changed_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def behind_the_tools(_: Sequence[BaseMessage]) -> Reply:
        (desk,) = tmp_path.glob("baton-desk-*")
        (desk / "app/main.py").write_text("print('stolen')\n")
        (desk / "app/new.py").write_text("x = 1\n")
        (desk / "docs").mkdir()
        (desk / "docs/notes.md").write_text("# Notes\n")
        (desk / "docs/picture.png").write_bytes(b"\x89PNG\xff")
        (desk / "docs/passwords").symlink_to("/etc/passwd")
        return submit(listed=1)

    place = bench(tmp_path)
    model = ScriptedModel([behind_the_tools, call("delete", file_path="/docs/picture.png"), submit(listed=1)])
    output = await done(tmp_path, model, place=place)

    assert [file.path for file in output.files] == ["docs/notes.md"]
    assert (place.tree / "app/main.py").read_text() == "print('main')\n"
    told = feedback(model, 2)
    assert "`/app/main.py` was changed or removed, and is not yours; it was put back" in told
    assert "`/app/new.py` was written, and `notes-agent` does not own that path; it was removed" in told
    assert "`/docs/picture.png` is not UTF-8 text" in told


async def test_a_folder_swapped_for_a_link_is_put_back_inside_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outside = tmp_path / "outside"
    outside.mkdir()

    def swap(_: Sequence[BaseMessage]) -> Reply:
        (desk,) = tmp_path.glob("baton-desk-*")
        (desk / "app/main.py").unlink()
        (desk / "app").rmdir()
        (desk / "app").symlink_to(outside)
        return write(PAGE)

    with pytest.raises(RepairsExhausted, match=r"`/app/main\.py` was changed or removed"):
        await done(tmp_path, [swap, submit(listed=1)], repairs=0)
    assert not list(outside.iterdir())


def test_every_failure_survives_the_store() -> None:
    import pickle  # noqa: PLC0415  # how a checkpoint or another process would keep it

    error = ModelUnavailable("note-writer", "no answer", (Attempt(("your reply was empty",)),))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes

    assert isinstance(again, ModelFailed)
    assert str(again) == str(error)
