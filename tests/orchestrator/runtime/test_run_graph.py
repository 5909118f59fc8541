"""The graph with steps made here, on a real PostgreSQL. Numbers are those of the notes on LangGraph."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agents.contracts import Agent, Reads
from orchestrator.planning.pipeline import Pipeline
from orchestrator.records.outcome import StepOutcome
from orchestrator.runtime.langgraph.graph import (
    RECURSION_LIMIT,
    GraphContext,
    Step,
    StepCrashed,
    answer_key,
    compile_graph,
    config,
    outcome_key,
)
from orchestrator.runtime.langgraph.saver import PostgresSaver
from schemas.base import JSON, Document
from schemas.contract import register
from schemas.findings import Finding
from schemas.handoffs import ArchitectOutput

if TYPE_CHECKING:
    from orchestrator.storage.database import Database

PUBLISHED = StepOutcome(status="published", files=3, handoff=".claude/handoff/a.md", handoff_sha256="0" * 64)


def agent(name: str, reads: tuple[str, ...] = ()) -> Agent:
    return Agent(
        name=name,
        title=name,
        reads=tuple(Reads(contract=f"{each}-handoff", name=each) for each in reads),
        writes=f"{name}-handoff",
        owns=(),
        guards=(),
        checks=(),
        compose=lambda work: ArchitectOutput(task=work.task),
    )


def pipeline(*names: str) -> Pipeline:
    """One after the other: each reads what the one before it writes."""
    return Pipeline.of(tuple(agent(name, names[max(at - 1, 0) : at]) for at, name in enumerate(names)))


def diamond() -> Pipeline:
    """`left` and `right` read of `top` alone, `bottom` of all three."""
    both = ("top", "left", "right")
    return Pipeline.of((agent("top"), agent("left", ("top",)), agent("right", ("top",)), agent("bottom", both)))


class Script:
    """Steps that do what they are told, with what was called so far, and remember each call."""

    def __init__(self, **steps: Callable[[list[str]], StepOutcome]) -> None:
        self.steps = steps
        self.calls: list[str] = []

    async def __call__(self, node: str) -> StepOutcome:
        self.calls.append(node)
        return self.steps[node](self.calls) if node in self.steps else PUBLISHED


async def invoke(graph: CompiledStateGraph[Any, GraphContext], begin: Any, step: Step) -> dict[str, Any]:  # noqa: ANN401 - as LangGraph takes it
    return dict(await graph.ainvoke(begin, config("r"), context=GraphContext(step), durability="sync"))


async def start(graph: CompiledStateGraph[Any, GraphContext], step: Step) -> dict[str, Any]:
    return await invoke(graph, {"run": "r"}, step)


async def test_agents_work_in_order_and_each_leaves_its_outcome_under_its_own_key(database: Database) -> None:
    script = Script()
    state = await start(compile_graph(pipeline("one", "two"), PostgresSaver(database)), script)
    assert script.calls == ["intake", "one", "two"]
    assert StepOutcome.model_validate(state[outcome_key("two")]) == PUBLISHED


async def test_agents_that_read_nothing_of_each_other_work_side_by_side_and_once(database: Database) -> None:
    working, most = 0, 0

    async def step(node: str) -> StepOutcome:
        nonlocal working, most
        working, most = working + 1, max(most, working + 1)
        await asyncio.sleep(0.01)
        working -= 1
        return await script(node)

    script = Script()
    await start(compile_graph(diamond(), PostgresSaver(database)), step)
    assert sorted(script.calls) == ["bottom", "intake", "left", "right", "top"]
    assert script.calls[-1] == "bottom"
    assert most == 2


async def test_a_failed_step_ends_the_run_without_an_exception(database: Database) -> None:
    script = Script(one=lambda _: StepOutcome.failure(("mypy: 3 errors",), "log"))
    graph = compile_graph(pipeline("one", "two"), PostgresSaver(database))
    state = await start(graph, script)
    assert script.calls == ["intake", "one"]
    assert state[outcome_key("one")]["problems"] == ["mypy: 3 errors"]
    assert (await graph.aget_state(config("r"))).next == ()


async def test_a_step_that_fails_beside_another_lets_that_one_finish_and_nothing_follow(database: Database) -> None:
    """Note 30: an exception would cancel its sibling in the middle of its work."""
    script = Script(left=lambda _: StepOutcome.failure(("no",)))
    state = await start(compile_graph(diamond(), PostgresSaver(database)), script)
    assert sorted(script.calls) == ["intake", "left", "right", "top"]
    assert state[outcome_key("right")]["status"] == "published"


def asks(name: str) -> Callable[[list[str]], StepOutcome]:
    """Ask at the first call, be done at the second."""

    def step(calls: list[str]) -> StepOutcome:
        if calls.count(name) == 1:
            return StepOutcome(status="waiting", question=f"{name}?", question_text="Where is it?")
        return PUBLISHED

    return step


@pytest.mark.parametrize("answer", ["here", "", 0, False, {}])
async def test_a_question_pauses_and_any_answer_goes_on_with_the_node_that_asked(
    database: Database, answer: JSON
) -> None:
    """Notes 1 and 4: work runs once before and once after the question, and an empty answer is an answer."""
    script = Script(one=asks("one"))
    graph = compile_graph(pipeline("one", "two"), PostgresSaver(database))
    await start(graph, script)
    (pending,) = (await graph.aget_state(config("r"))).interrupts
    assert pending.value == {"question": "one?", "text": "Where is it?"}
    assert script.calls == ["intake", "one"]

    state = await invoke(graph, Command(resume={pending.id: {"answer": answer}}), script)
    assert script.calls[2:] == ["one", "two"]
    assert state[answer_key("one")] == {"answer": answer}


async def test_several_questions_are_open_at_once_and_their_siblings_are_not_done_again(database: Database) -> None:
    """Notes 2 and 3: an answer to one of them must not have the other's work done again."""
    script = Script(left=asks("left"), right=asks("right"))
    graph = compile_graph(diamond(), PostgresSaver(database))
    await start(graph, script)
    pending = {each.value["question"]: each.id for each in (await graph.aget_state(config("r"))).interrupts}
    assert set(pending) == {"left?", "right?"}

    await invoke(graph, Command(resume={pending["left?"]: {"answer": 1}}), script)
    assert script.calls.count("right") == 1
    await invoke(graph, Command(resume={pending["right?"]: {"answer": 2}}), script)
    assert sorted(script.calls) == ["bottom", "intake", "left", "left", "right", "right", "top"]


async def test_another_process_resumes_where_the_first_one_paused(database: Database) -> None:
    first, second = Script(one=asks("one")), Script()
    await start(compile_graph(pipeline("one", "two"), PostgresSaver(database)), first)
    graph = compile_graph(pipeline("one", "two"), PostgresSaver(database))
    (pending,) = (await graph.aget_state(config("r"))).interrupts
    await invoke(graph, Command(resume={pending.id: {"answer": "x"}}), second)
    assert second.calls == ["one", "two"]


def test_the_number_of_supersteps_has_our_limit() -> None:
    """Note 24: LangGraph's own limit is ten thousand."""
    assert RECURSION_LIMIT <= 200
    assert config("r")["recursion_limit"] == RECURSION_LIMIT


async def test_a_crash_stores_no_text_of_its_cause_and_resumes_at_the_node(database: Database) -> None:
    """Notes 13 and 36."""

    def crash(_: list[str]) -> StepOutcome:
        raise RuntimeError("password=hunter2")

    graph = compile_graph(pipeline("one", "two"), PostgresSaver(database))
    with pytest.raises(StepCrashed):
        await start(graph, Script(two=crash))
    tables = await database.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'baton' AND table_name LIKE 'checkpoint%'"
    )
    assert tables
    for table in tables:
        rows = await database.fetch(f"SELECT t::text AS row FROM baton.{table['table_name']} AS t")  # noqa: S608 - ours
        assert not any("hunter2" in row["row"] or b"hunter2".hex() in row["row"] for row in rows)

    script = Script()
    await invoke(graph, None, script)
    assert script.calls == ["two"]


async def test_a_step_is_not_retried_behind_our_back(database: Database) -> None:
    """Note 26: LangGraph's default policy would retry a ConnectionError."""

    def fails(_: list[str]) -> StepOutcome:
        raise ConnectionError

    script = Script(one=fails)
    with pytest.raises(StepCrashed):
        await start(compile_graph(pipeline("one"), PostgresSaver(database)), script)
    assert script.calls == ["intake", "one"]


async def test_the_state_is_plain_json_and_small(database: Database) -> None:
    """Notes 33, 34 and 38."""
    long = StepOutcome.failure(tuple("x" * 100_000 for _ in range(100)), "log")
    saver = PostgresSaver(database)
    state = await start(compile_graph(pipeline("a", "b", "c", "d"), saver), Script(d=lambda _: long))
    assert state[outcome_key("a")] == {
        "status": "published",
        "files": 3,
        "handoff": ".claude/handoff/a.md",
        "handoff_sha256": "0" * 64,
    }
    stored = [each async for each in saver.alist(config("r"))]
    assert stored
    assert sum(len(json.dumps(each.checkpoint["channel_values"])) for each in stored) < 64_000


async def test_nothing_but_the_run_id_is_in_the_metadata(database: Database) -> None:
    """Note 35."""
    saver = PostgresSaver(database)
    await start(compile_graph(pipeline("one"), saver), Script())
    async for stored in saver.alist(config("r")):
        assert set(stored.metadata) <= {"source", "step", "parents", "thread_id", "run_id"}


async def test_a_checkpoint_is_stored_before_the_next_node_begins(database: Database) -> None:
    """Note 13: with LangGraph's default durability the last nodes may be lost."""
    saver = PostgresSaver(database)
    seen: list[int] = []

    async def step(_: str) -> StepOutcome:
        stored = [each async for each in saver.alist(config("r"))]
        seen.append(sum(outcome_key(name) in stored[0].checkpoint["channel_values"] for name in ("intake", "one")))
        return PUBLISHED

    await start(compile_graph(pipeline("one", "two"), saver), step)
    assert seen == [0, 1, 2]


async def test_state_keys_are_all_known_to_the_graph(database: Database) -> None:
    """Note 19: LangGraph drops what it does not know without a word."""
    graph = compile_graph(pipeline("one"), PostgresSaver(database))
    channels = set(graph.channels)
    assert {outcome_key("one"), answer_key("one"), outcome_key("intake"), answer_key("intake"), "run"} <= channels


async def test_what_a_review_sends_back_begins_anew_and_every_join_fires_again(database: Database) -> None:
    saver = PostgresSaver(database)

    class GraphReview(Document):
        findings: tuple[Finding, ...] = ()

    register("graph-review", GraphReview)
    top, left, right, bottom = diamond().agents
    reviewed = Pipeline.of((top, left, right, replace(bottom, writes="graph-review")))
    returned = StepOutcome(status="returned", findings=(Finding(severity="advice", rule="r", file="f", evidence="e"),))
    script = Script(bottom=lambda calls: returned if calls.count("bottom") == 1 else PUBLISHED)
    state = await invoke(compile_graph(reviewed, saver), {"run": "r"}, script)
    assert sorted(script.calls) == sorted(["intake", "top", "left", "right", "bottom"] * 2)
    assert state[outcome_key("bottom")]["status"] == "published"
    assert "findings" not in state[outcome_key("bottom")]
    edges = {(edge.source, edge.target) for edge in compile_graph(reviewed, saver).get_graph().edges}
    assert ("bottom", "intake") in edges
    assert ("top", "intake") not in edges
