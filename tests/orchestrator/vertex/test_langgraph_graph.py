"""The graph for LangGraph server, run as the server runs it: with a saver of its own, and `Command` to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from orchestrator.langgraph_server import graph as server
from orchestrator.langgraph_server.graph import CallFailed, server_graph
from orchestrator.phase14.phase import FieldsMissing
from orchestrator.planning.workflows import Workflows
from orchestrator.vertex.app import BatonApp
from tests.e2e.test_phase14_run import REQUEST
from tests.support.small_agents import PRD, Kit


@pytest.fixture
def graph(app: BatonApp, kit: Kit) -> Any:  # noqa: ANN401 - LangGraph's type says nothing of the state
    return server_graph(app, kit.pipeline()).compile(checkpointer=InMemorySaver())


def config(thread: str) -> Any:  # noqa: ANN401 - a `RunnableConfig`
    return {"configurable": {"thread_id": thread}}


async def test_its_nodes_are_those_of_the_run(graph: Any, app: BatonApp) -> None:  # noqa: ANN401
    seen = [name async for each in graph.astream({"prd": PRD}, config("1"), stream_mode="updates") for name in each]
    state = (await graph.aget_state(config("1"))).values

    assert seen == ["intake", "one-agent", "two-agent", "three-agent"]
    assert (state["status"], state["three-agent outcome"]["status"]) == ("completed", "published")
    assert app.result(run=state["run"])["status"] == "completed"


async def test_a_question_is_an_interrupt_and_the_answer_goes_on(graph: Any, app: BatonApp) -> None:  # noqa: ANN401
    paused = await graph.ainvoke({"prd": PRD, "policy": {"approve": "plan"}}, config("1"))
    (asked,) = paused["__interrupt__"]
    assert asked.value["question"]["options"] == ["approve", "reject"]
    assert "Shall this be built?" in asked.value["question"]["text"]

    again = await graph.ainvoke(Command(resume="perhaps"), config("1"))
    (refused,) = again["__interrupt__"]
    assert "this is not an answer" in refused.value["refused"]

    done = await graph.ainvoke(Command(resume="approve"), config("1"))
    assert done["status"] == "completed"
    known: Any = app.runs()["runs"]
    assert len(known) == 1


async def test_a_phase14_request_is_an_input_too(graph: Any) -> None:  # noqa: ANN401
    state = await graph.ainvoke({"request": REQUEST}, config("1"))

    assert state["status"] == "completed with gaps"  # the endpoint that nobody serves
    with pytest.raises(FieldsMissing, match="Which fields do `Note` have"):
        await graph.ainvoke({"request": {**REQUEST, "entities": []}}, config("2"))


async def test_a_run_that_is_refused_fails_with_the_reason(graph: Any) -> None:  # noqa: ANN401
    with pytest.raises(CallFailed, match="no agent is called `four-agent`"):
        await graph.ainvoke({"prd": PRD, "agents": ["four-agent"]}, config("1"))


async def test_a_step_that_failed_ends_the_graph(kit: Kit, app: BatonApp, tmp_path: Path) -> None:
    blueprint = tmp_path / "skills" / "make_two" / "blueprint.py"
    blueprint.write_text(blueprint.read_text().replace("NAMES", "forbidden"))
    graph = server_graph(app, kit.pipeline()).compile(checkpointer=InMemorySaver())
    state: Any = await graph.ainvoke({"prd": PRD}, config("1"))

    assert "three-agent outcome" not in state
    assert "says `forbidden`" in state["two-agent outcome"]["problems"][0]


def test_the_deployed_graph_shows_every_agent() -> None:
    nodes = set(server.graph.get_graph().nodes)

    assert nodes >= {"intake", *Workflows().pipeline().names, *(f"ask-{name}" for name in Workflows().pipeline().names)}
