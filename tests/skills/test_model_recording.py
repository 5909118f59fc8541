"""A recorded run is run again without a network, byte for byte, or stops where it differs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from schemas.feature import Feature
from skills.core.contribution import Contribution
from skills.model.budget import Meter
from skills.model.errors import ReplayMiss
from skills.model.executor import ModelExecutor
from skills.model.models import model_name
from skills.model.record import Recording, Replay
from skills.model.scripted import Script, ScriptedModel, call, submit, write
from tests.support.model_skill import NOW, PAGE, bench, feature, note_writer

NAME = "ScriptedModel:scripted"
SCRIPT: Script = [
    call("read_file", file_path="/app/main.py"),
    call("grep", pattern="main", path="/"),
    call("glob", pattern="**/*.py", path="/"),
    call("write_file", file_path="/app/x.py", content=""),
    "",
    write(PAGE),
    submit(listed=1),
]


async def run(folder: Path, model: Recording | Replay, described: Feature | None = None) -> tuple[Contribution, Meter]:
    place = bench(folder)
    executor = ModelExecutor(model, patience=NOW)
    return await executor.execute(note_writer(folder), {"feature": described or feature()}, place), place.meter


async def recorded(folder: Path) -> Contribution:
    output, _ = await run(folder, Recording(folder / "tape", ScriptedModel(SCRIPT)))
    return output


async def test_a_run_is_replayed_without_the_model(tmp_path: Path) -> None:
    first, counted = await run(tmp_path, Recording(tmp_path / "tape", ScriptedModel(SCRIPT)))
    again, recounted = await run(tmp_path, Replay(tmp_path / "tape", NAME))

    assert again.model_dump() == first.model_dump()
    assert recounted.run().tokens == counted.run().tokens > 0
    assert len(list((tmp_path / "tape").iterdir())) == len(SCRIPT)


async def test_a_replay_does_not_depend_on_where_the_project_is(tmp_path: Path) -> None:
    first = await recorded(tmp_path)
    (tmp_path / "tape").rename(tmp_path / "kept")

    again, _ = await run(tmp_path / "elsewhere", Replay(tmp_path / "kept", NAME))
    assert again.model_dump() == first.model_dump()


async def test_a_search_is_answered_alike_whatever_tools_a_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ripgrep = tmp_path / "rg"
    ripgrep.write_text("#!/bin/sh\nexit 1\n")  # finds nothing, ever
    ripgrep.chmod(0o755)
    monkeypatch.setattr("deepagents.backends.filesystem._resolve_ripgrep_path", lambda: str(ripgrep))
    place = bench(tmp_path)
    for name in ("z", "a", "m"):
        (place.tree / "app" / f"{name}.py").write_text("needle\n")
    model = ScriptedModel([call("grep", pattern="needle", path="/"), write(PAGE), submit(listed=1)])
    await ModelExecutor(model, patience=NOW).execute(note_writer(tmp_path), {"feature": feature()}, place)

    assert re.findall(r"/app/(\w)\.py", model.asked[1].messages[-1].text) == ["a", "m", "z"]


async def test_a_miss_names_the_difference_to_the_nearest_request(tmp_path: Path) -> None:
    await recorded(tmp_path)
    with pytest.raises(ReplayMiss) as caught:
        await run(tmp_path, Replay(tmp_path / "tape", NAME), feature("Long notes."))

    told = str(caught.value)
    assert "a replay never calls a model" in told
    assert "  -description: Short notes." in told
    assert "  +description: Long notes." in told
    assert "Record the run again." in told


async def test_another_model_is_another_recording(tmp_path: Path) -> None:
    await recorded(tmp_path)
    with pytest.raises(ReplayMiss, match=r'\+ "model": "openai:gpt-6-sol"'):
        await run(tmp_path, Replay(tmp_path / "tape", "openai:gpt-6-sol"))


async def test_a_miss_in_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReplayMiss, match="Nothing is recorded there"):
        await run(tmp_path, Replay(tmp_path / "none", NAME))


async def test_an_exchange_is_a_file_that_a_person_can_read(tmp_path: Path) -> None:
    await recorded(tmp_path)
    exchanges = [json.loads(place.read_text("utf-8")) for place in (tmp_path / "tape").iterdir()]
    first = min(exchanges, key=lambda each: len(each["request"]["messages"]))

    assert first["request"]["model"] == NAME
    assert [message["type"] for message in first["request"]["messages"]] == ["system", "human"]
    assert first["request"]["parameters"] == {}
    assert "submit" in [tool["function"]["name"] for tool in first["request"]["tools"]]
    assert first["response"]["tool_calls"][0]["args"] == {"file_path": "/app/main.py"}


async def test_no_secret_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", 'quoted"secret')
    said = ScriptedModel([AIMessage('the key is quoted"secret')])
    await Recording(tmp_path, said).ainvoke([HumanMessage('use quoted"secret')])
    (place,) = tmp_path.iterdir()

    assert "secret" not in place.read_text("utf-8")
    assert json.loads(place.read_text("utf-8"))["response"]["content"] == "the key is [redacted]"


def test_ids_mean_nothing_and_their_order_does(tmp_path: Path) -> None:
    def asked(*ids: str) -> list[HumanMessage | AIMessage]:
        calls = [{"name": "ls", "args": {"path": "/"}, "id": each, "type": "tool_call"} for each in ids]
        return [HumanMessage("go"), AIMessage("", tool_calls=calls, id=f"run-{ids[0]}")]

    Recording(tmp_path, ScriptedModel(["yes"])).invoke(asked("a", "b"))
    replay = Replay(tmp_path, NAME)

    assert replay.invoke(asked("x", "y")).text == "yes"
    with pytest.raises(ReplayMiss):
        replay.invoke(asked("x", "x"))


def test_a_recording_goes_by_the_name_of_its_model(tmp_path: Path) -> None:
    assert model_name(Recording(tmp_path, ScriptedModel([]))) == NAME
    assert model_name(Replay(tmp_path, "openai:gpt-6-sol")) == "openai:gpt-6-sol"


async def test_a_file_that_is_no_exchange_is_a_miss_by_name(tmp_path: Path) -> None:
    await recorded(tmp_path)
    for place in (tmp_path / "tape").iterdir():
        place.write_text("{")

    with pytest.raises(ReplayMiss, match=r"`[0-9a-f]{32}\.json` is not an exchange"):
        await run(tmp_path, Replay(tmp_path / "tape", NAME))
