"""The scripted model, as users' own tests use it."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from skills.model.scripted import Dropped, ScriptedModel, ScriptEnded, call, submit, write


def test_it_says_its_script_and_keeps_what_it_was_asked() -> None:
    model = ScriptedModel(["one", lambda messages: f"{messages[-1].text}!"])

    assert [model.invoke("a").text, model.invoke("b").text] == ["one", "b!"]
    assert [asked.messages[-1].text for asked in model.asked] == ["a", "b"]


def test_asked_more_often_than_it_was_told_it_says_so() -> None:
    model = ScriptedModel(["one"])
    model.invoke("a")
    with pytest.raises(
        ScriptEnded, match="the script has 1 replies and was asked for one more; the last message was:\nb"
    ):
        model.invoke("b")


def test_calls_have_ids_of_their_own() -> None:
    model = ScriptedModel([write({"a": "1", "b": "2"}), submit(done=True)])
    replies = [model.invoke("go"), model.invoke("on")]
    ids = [each["id"] for reply in replies for each in reply.tool_calls]

    assert len(set(ids)) == 3
    assert [each["name"] for reply in replies for each in reply.tool_calls] == ["write_file", "write_file", "submit"]


def test_it_takes_tools_and_says_which_it_was_given() -> None:
    model = ScriptedModel([call("look", at="x")])
    bound = model.bind_tools([{"type": "function", "function": {"name": "look", "parameters": {}}}])

    assert bound.invoke("go").tool_calls[0]["args"] == {"at": "x"}
    assert [tool["function"]["name"] for tool in model.asked[0].tools] == ["look"]


def test_a_stream_adds_up_to_the_whole() -> None:
    said = AIMessage("Some words, and a call.", tool_calls=call("look", at="x" * 99).tool_calls)
    whole = ScriptedModel([said]).invoke("go")
    chunks = list(ScriptedModel([said]).stream("go"))
    added = sum(chunks[1:], chunks[0])

    assert len(chunks) > 9
    assert (added.text, added.tool_calls) == (whole.text, whole.tool_calls)
    assert added.usage_metadata == whole.usage_metadata
    assert added.response_metadata["finish_reason"] == "tool_calls"


async def test_a_dropped_stream_breaks_in_the_middle() -> None:
    model = ScriptedModel([Dropped(AIMessage("x" * 100))])
    heard: list[str] = []

    async def listen() -> None:
        async for chunk in model.astream("go"):
            heard.append(chunk.text)  # noqa: PERF401  # what was heard before it broke is the point

    with pytest.raises(ConnectionError, match="the connection broke"):
        await listen()
    assert 0 < len("".join(heard)) < 100


def test_an_error_in_the_script_is_raised() -> None:
    with pytest.raises(TimeoutError, match="late"):
        ScriptedModel([TimeoutError("late")]).invoke([HumanMessage("go")])
