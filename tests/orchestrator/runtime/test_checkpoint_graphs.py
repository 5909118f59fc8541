"""LangGraph's graphs on the saver, at durability `sync`: what they may rely on, against the pinned version."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from orchestrator.runtime.langgraph.saver import PostgresSaver
from orchestrator.runtime.langgraph.serde import CheckpointBroken
from orchestrator.storage.database import Database
from tests.support.checkpoints import TABLES, thread_config

T = thread_config("t")


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def chain(saver: PostgresSaver, nodes: Sequence[Any], state: type = State) -> Any:  # noqa: ANN401 - long
    """Return a graph of nodes, one after the other, each called by its name."""
    graph: Any = StateGraph(state)
    names = [node.__name__ for node in nodes]
    for before, name, node in zip([START, *names], names, nodes, strict=False):
        graph.add_node(name, node)
        graph.add_edge(before, name)
    graph.add_edge(names[-1], END)
    return graph.compile(checkpointer=saver)


async def go(graph: Any, begin: object, config: RunnableConfig = T, **options: object) -> Any:  # noqa: ANN401 - LangGraph's
    return await graph.ainvoke(begin, config, durability="sync", **options)


async def test_what_a_node_did_is_stored_before_the_next_one_begins(database: Database) -> None:
    """Note 13."""
    other = PostgresSaver(database)
    seen = []

    async def first(_: State) -> State:
        return {"log": ["first"]}

    async def second(_: State) -> State:
        stored = await other.aget_tuple(T)
        assert stored is not None
        seen.append(stored.checkpoint["channel_values"]["log"])
        return {"log": ["second"]}

    graph = chain(PostgresSaver(database), [first, second])
    assert (await go(graph, {"log": []}))["log"] == ["first", "second"]
    assert seen == [["first"]]


class Killed(Exception):
    """What follows did not happen."""


class KilledBeforePut(PostgresSaver):
    """A saver whose process dies when the checkpoint after `step` is about to be put."""

    step = 1

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        if metadata["step"] == self.step:
            raise Killed
        return await super().aput(config, checkpoint, metadata, new_versions)


async def test_a_node_whose_writes_are_stored_is_not_run_again_if_its_checkpoint_is_not(database: Database) -> None:
    """Note 14."""
    runs: list[str] = []

    async def first(_: State) -> State:
        runs.append("first")
        return {"log": ["first" * 1000]}

    async def second(_: State) -> State:
        runs.append("second")
        return {"log": ["second"]}

    with pytest.raises(Killed):
        await go(chain(KilledBeforePut(database), [first, second]), {"log": []})
    resumed = await go(chain(PostgresSaver(database), [first, second]), None)
    assert resumed["log"] == ["first" * 1000, "second"]
    assert runs == ["first", "second"]


async def test_of_parallel_nodes_only_the_one_that_failed_is_run_again(database: Database) -> None:
    """Note 16."""
    runs: list[int] = []
    others_ran = asyncio.Event()

    async def work(number: int) -> State:
        runs.append(number)
        if len(runs) == 20:
            others_ran.set()
        if number == 7 and runs.count(7) == 1:
            await others_ran.wait()
            await asyncio.sleep(0.01)
            raise Killed
        return {"log": [str(number) * 3000]}

    graph: Any = StateGraph(State)
    graph.add_node("work", work)
    graph.add_conditional_edges(START, lambda _: [Send("work", number) for number in range(20)])
    compiled = graph.compile(checkpointer=PostgresSaver(database))
    with pytest.raises(Killed):
        await go(compiled, {"log": []})
    assert (await go(compiled, None))["log"] == [str(number) * 3000 for number in range(20)]
    assert runs == [*range(20), 7]


async def test_a_question_waits_in_the_database_for_another_process_to_answer_it(database: Database) -> None:
    def ask(_: State) -> State:
        return {"log": [interrupt({"question": "Go on?\0"})["answer"]]}

    async def after(_: State) -> State:
        return {"log": ["after"]}

    await go(chain(PostgresSaver(database), [ask, after]), {"log": ["before"]})
    graph = chain(PostgresSaver(database), [ask, after])
    state = await graph.aget_state(T)
    assert [each.value for each in state.interrupts] == [{"question": "Go on?\0"}]
    answered = await go(graph, Command(resume={state.interrupts[0].id: {"answer": ""}}))
    assert answered["log"] == ["before", "", "after"]


async def test_going_back_in_a_copy_leaves_the_thread_as_it_is(database: Database) -> None:
    """Note 17: replay in place would move the thread's latest state back."""
    saver = PostgresSaver(database)

    async def first(_: State) -> State:
        return {"log": ["first"]}

    async def second(_: State) -> State:
        return {"log": ["second"]}

    graph = chain(saver, [first, second])
    await go(graph, {"log": []})
    history = [state.config["configurable"]["checkpoint_id"] async for state in graph.aget_state_history(T)]
    await saver.acopy_thread("t", "copy")
    earlier = thread_config("copy")
    earlier["configurable"]["checkpoint_id"] = history[1]
    changed = await graph.aupdate_state(earlier, {"log": ["by hand"]})
    assert (await go(graph, None, changed))["log"] == ["first", "by hand", "second"]
    assert [state.config["configurable"]["checkpoint_id"] async for state in graph.aget_state_history(T)] == history


def _append(state: list[str], writes: Sequence[list[str]]) -> list[str]:
    return state + [each for write in writes for each in write]


class DeltaState(TypedDict, total=False):
    log: Annotated[list[str], DeltaChannel(_append, list, snapshot_frequency=4)]
    step: int


async def test_a_delta_channel_survives_resuming_copying_and_pruning(database: Database) -> None:
    """Note 25: it stands in few checkpoints and is built from the writes of their ancestors."""
    saver = PostgresSaver(database)

    async def work(state: DeltaState) -> DeltaState:
        step = state["step"]
        return {"log": [f"{step} " + "long" * 1000 * (step % 2)], "step": step + 1}

    async def again(state: DeltaState) -> DeltaState:
        return await work(state)

    graph = chain(saver, [work, again], DeltaState)
    for step in range(0, 22, 2):
        whole = await go(graph, {"step": step})
        state = (await chain(PostgresSaver(database), [work, again], DeltaState).aget_state(T)).values
        assert state["log"] == whole["log"]
        assert len(state["log"]) == step + 2
        await saver.acopy_thread("t", f"copy{step}")
        assert (await graph.aget_state(thread_config(f"copy{step}"))).values["log"] == whole["log"]
        await saver.aprune(["t"])
        assert (await graph.aget_state(T)).values["log"] == whole["log"]
    kept = [state async for state in saver.alist(T)]
    assert len(kept) < 20, "what is older than the last snapshot is gone"


class Secrets(TypedDict):
    password: str


class Plan(BaseModel):
    name: str
    steps: tuple[int, ...]


class Unlisted(BaseModel):
    name: str = "nobody knows me"


class PlanState(TypedDict, total=False):
    plan: Plan
    other: Any


async def test_a_model_that_the_saver_allows_comes_back_and_another_one_is_an_error(database: Database) -> None:
    """Note 33: LangGraph alone would go on with a dictionary."""

    async def first(_: PlanState) -> PlanState:
        return {"plan": Plan(name="x" * 3000, steps=(1, 2))}

    async def second(_: PlanState) -> PlanState:
        return {"other": Unlisted()}

    saver = PostgresSaver(database).with_allowlist([(Plan.__module__, "Plan")])
    assert isinstance(saver, PostgresSaver)
    await go(chain(saver, [first], PlanState), {"other": 1})
    loaded = (await chain(saver, [first], PlanState).aget_state(T)).values
    assert loaded == {"plan": Plan(name="x" * 3000, steps=(1, 2)), "other": 1}

    await go(chain(saver, [second], PlanState), {"other": 1}, thread_config("u"))
    with pytest.raises(CheckpointBroken, match=r"(?s)holds the type `[\w.]+\.Unlisted`.*`saver.with_allowlist\("):
        await chain(saver, [second], PlanState).aget_state(thread_config("u"))


async def test_what_is_in_the_runtime_context_or_a_private_key_is_not_stored(database: Database) -> None:
    """Note 35."""
    seen = []

    async def work(_: State, runtime: Runtime[Secrets]) -> State:
        seen.append(runtime.context["password"])
        return {"log": ["done"]}

    private = thread_config("t")
    private["configurable"]["__api_key"] = "hunter2-key"
    await go(chain(PostgresSaver(database), [work]), {"log": []}, private, context={"password": "hunter2-context"})
    stored = [str(tuple(row)) for table in TABLES for row in await database.fetch(f"SELECT * FROM baton.{table}")]  # noqa: S608 - constants
    assert seen == ["hunter2-context"]
    assert "done" in "".join(stored)
    assert "hunter2" not in "".join(stored)


async def test_a_graph_within_a_graph_has_a_namespace_of_its_own(database: Database) -> None:
    saver = PostgresSaver(database)

    def ask(_: State) -> State:
        return {"log": ["inner " + interrupt("?")["answer"]]}

    inner: Any = StateGraph(State)
    inner.add_node("ask", ask)
    inner.add_edge(START, "ask")
    outer: Any = StateGraph(State)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    graph = outer.compile(checkpointer=saver)
    await go(graph, {"log": ["large " * 1000]})
    await saver.aprune(["t"])
    state = await graph.aget_state(T, subgraphs=True)
    assert state.tasks[0].state.values == {"log": ["large " * 1000]}
    finished = await go(graph, Command(resume={"answer": "yes"}))
    assert finished["log"] == ["large " * 1000, "large " * 1000, "inner yes"]


async def test_a_graph_runs_behind_a_transaction_pooler(pooled: Database) -> None:
    """Note 42."""

    async def work(_: State) -> State:
        return {"log": ["x" * 5000]}

    graph = chain(PostgresSaver(pooled), [work])
    assert (await go(graph, {"log": []}))["log"] == ["x" * 5000]
    assert (await graph.aget_state(T)).values == {"log": ["x" * 5000]}
