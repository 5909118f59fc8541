"""The graph with steps made here, on a real PostgreSQL. Numbers are those of the notes on LangGraph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agents.agent import Agent
from orchestrator.graph import RECURSION_LIMIT, StepCrashed, answer_key, compile_graph, config, outcome_key
from orchestrator.outcome import StepOutcome
from orchestrator.pipeline import Pipeline
from orchestrator.storage.checkpoint import PostgresSaver
from schemas.handoffs import ArchitectOutput

if TYPE_CHECKING:
    from orchestrator.storage.database import Pool

PUBLISHED = StepOutcome(status="published", files=3, handoff=".claude/handoff/a.md", handoff_sha256="0" * 64)


def pipeline(*names: str) -> Pipeline:
    return Pipeline(
        agents=tuple(
            Agent(
                name=name,
                title=name,
                reads=(),
                writes="architect-output",
                owns=(),
                guards=(),
                checks=(),
                compose=lambda work: ArchitectOutput(task=work.task),
            )
            for name in names
        )
    )


class Script:
    """Steps that do what they are told and remember each call."""

    def __init__(self, **steps: Callable[[str | None], StepOutcome]) -> None:
        self.steps = steps
        self.calls: list[tuple[str, str | None]] = []

    async def __call__(self, node: str, answer: str | None) -> StepOutcome:
        self.calls.append((node, answer))
        return self.steps[node](answer) if node in self.steps else PUBLISHED


async def start(graph: CompiledStateGraph[Any]) -> dict[str, Any]:
    return dict(await graph.ainvoke({"run": "r"}, config("r"), durability="sync"))


async def test_agents_work_in_order_and_each_leaves_its_outcome_under_its_own_key(pool: Pool) -> None:
    script = Script()
    state = await start(compile_graph(pipeline("one", "two"), script, PostgresSaver(pool)))
    assert [node for node, _ in script.calls] == ["intake", "one", "two"]
    assert StepOutcome.model_validate(state[outcome_key("two")]) == PUBLISHED


async def test_a_failed_step_ends_the_run_without_an_exception(pool: Pool) -> None:
    script = Script(one=lambda _: StepOutcome.failure(("mypy: 3 errors",), "log"))
    state = await start(compile_graph(pipeline("one", "two"), script, PostgresSaver(pool)))
    assert [node for node, _ in script.calls] == ["intake", "one"]
    assert state[outcome_key("one")]["problems"] == ["mypy: 3 errors"]
    assert (await compile_graph(pipeline("one", "two"), script, PostgresSaver(pool)).aget_state(config("r"))).next == ()


def asks(answer: str | None) -> StepOutcome:
    if answer is None:
        return StepOutcome(status="waiting", question="q1", question_text="Where is it?")
    return PUBLISHED


@pytest.mark.parametrize("answer", ["here", ""])
async def test_a_question_pauses_and_its_answer_reaches_the_node_that_asked(pool: Pool, answer: str) -> None:
    """Notes 1 and 4: work runs once before and once after the question, and an empty answer is an answer."""
    script = Script(one=asks)
    graph = compile_graph(pipeline("one", "two"), script, PostgresSaver(pool))
    await start(graph)
    (pending,) = (await graph.aget_state(config("r"))).interrupts
    assert pending.value == {"question": "q1", "text": "Where is it?"}
    assert script.calls == [("intake", None), ("one", None)]

    await graph.ainvoke(Command(resume={pending.id: {"answer": answer}}), config("r"), durability="sync")
    assert script.calls[2:] == [("one", answer), ("two", None)]


async def test_another_process_resumes_where_the_first_one_paused(pool: Pool) -> None:
    first, second = Script(one=asks), Script(one=asks)
    await start(compile_graph(pipeline("one", "two"), first, PostgresSaver(pool)))
    graph = compile_graph(pipeline("one", "two"), second, PostgresSaver(pool))
    (pending,) = (await graph.aget_state(config("r"))).interrupts
    await graph.ainvoke(Command(resume={pending.id: {"answer": "x"}}), config("r"), durability="sync")
    assert second.calls == [("one", "x"), ("two", None)]


def test_the_number_of_supersteps_has_our_limit() -> None:
    """Note 24: LangGraph's own limit is ten thousand."""
    assert RECURSION_LIMIT < 200
    assert config("r")["recursion_limit"] == RECURSION_LIMIT


async def test_a_crash_stores_no_text_of_its_cause_and_resumes_at_the_node(pool: Pool) -> None:
    """Notes 13 and 36."""

    def crash(_: str | None) -> StepOutcome:
        raise RuntimeError("password=hunter2")

    saver = PostgresSaver(pool)
    with pytest.raises(StepCrashed):
        await start(compile_graph(pipeline("one", "two"), Script(two=crash), saver))
    rows = await pool.fetch(
        "SELECT value AS data FROM baton.checkpoint_writes UNION ALL SELECT checkpoint FROM baton.checkpoints"
    )
    assert not any(b"hunter2" in row["data"] for row in rows)

    script = Script()
    await compile_graph(pipeline("one", "two"), script, saver).ainvoke(None, config("r"), durability="sync")
    assert script.calls == [("two", None)]


async def test_a_step_is_not_retried_behind_our_back(pool: Pool) -> None:
    """Note 26: LangGraph's default policy would retry a ConnectionError."""

    def fails(_: str | None) -> StepOutcome:
        raise ConnectionError

    script = Script(one=fails)
    with pytest.raises(StepCrashed):
        await start(compile_graph(pipeline("one"), script, PostgresSaver(pool)))
    assert [node for node, _ in script.calls] == ["intake", "one"]


async def test_the_state_is_plain_json_and_small(pool: Pool) -> None:
    """Notes 33, 34 and 38."""
    long = StepOutcome.failure(tuple("x" * 100_000 for _ in range(100)), "log")
    state = await start(compile_graph(pipeline("a", "b", "c", "d"), Script(d=lambda _: long), PostgresSaver(pool)))
    assert state[outcome_key("a")] == {
        "status": "published",
        "files": 3,
        "handoff": ".claude/handoff/a.md",
        "handoff_sha256": "0" * 64,
    }
    stored = await pool.fetchval(
        "SELECT (SELECT coalesce(sum(length(value)), 0) FROM baton.checkpoint_writes)"
        " + (SELECT sum(length(checkpoint) + length(metadata)) FROM baton.checkpoints)"
    )
    assert stored < 64_000


async def test_nothing_but_the_run_id_is_in_the_metadata(pool: Pool) -> None:
    """Note 35."""
    saver = PostgresSaver(pool)
    await start(compile_graph(pipeline("one"), Script(), saver))
    async for stored in saver.alist(config("r")):
        assert set(stored.metadata) <= {"source", "step", "parents", "thread_id", "run_id"}


async def test_a_checkpoint_is_stored_before_the_next_node_begins(pool: Pool) -> None:
    """Note 13: with LangGraph's default durability the last nodes may be lost."""
    saver = PostgresSaver(pool)
    seen: list[int] = []

    async def step(*_: str | None) -> StepOutcome:
        stored = [each async for each in saver.alist(config("r"))]
        seen.append(sum(outcome_key(name) in stored[0].checkpoint["channel_values"] for name in ("intake", "one")))
        return PUBLISHED

    await start(compile_graph(pipeline("one", "two"), step, saver))
    assert seen == [0, 1, 2]


async def test_state_keys_are_all_known_to_the_graph(pool: Pool) -> None:
    """Note 19: LangGraph drops what it does not know without a word."""
    graph = compile_graph(pipeline("one"), Script(one=asks), PostgresSaver(pool))
    channels = set(graph.channels)
    assert {outcome_key("one"), answer_key("one"), outcome_key("intake"), answer_key("intake"), "run"} <= channels
