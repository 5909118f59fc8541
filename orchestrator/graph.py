"""Compile a pipeline to a LangGraph `StateGraph`.

    intake ⇄ ask-intake → database-agent ⇄ ask-database-agent → python-backend-agent ⇄ … → end

Each agent has a node that works and a node that only asks: LangGraph runs an interrupted node again from its first
line, so a node that asks must do nothing else. A step that fails ends the run by an edge, not by an exception. The
shape does not depend on the PRD; which agents are skipped is the steps' own decision.

Not here: what a step does (`orchestrator.step`), answering and resuming (`orchestrator.driving`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from orchestrator.intake import NODE as INTAKE
from orchestrator.outcome import StepOutcome
from orchestrator.pipeline import Pipeline
from orchestrator.storage.checkpoint import PostgresSaver  # first: it makes LangGraph strict

# isort: split
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 100  # supersteps; LangGraph's own default is ten thousand

State = dict[str, Any]
Step = Callable[[str, str | None], Awaitable[StepOutcome]]


class StepCrashed(Exception):
    """A node raised. Carries no text of the cause: LangGraph stores exceptions, and texts may hold secrets."""


def compile_graph(pipeline: Pipeline, step: Step, saver: PostgresSaver) -> CompiledStateGraph[Any]:
    """Return the graph of `pipeline`.

    Args:
        pipeline: Agents in working order.
        step: Does the work of a node: called with its name and the last answer it got, if any. What it raises
            crashes the run, which can then be resumed at this node.
        saver: Keeps the checkpoints.
    """
    nodes = (INTAKE, *pipeline.names)
    keys = {key: dict[str, Any] for node in nodes for key in (outcome_key(node), answer_key(node))}
    graph: Any = StateGraph(TypedDict("State", {"run": str, **keys}, total=False))  # type: ignore[operator]
    for node, following in zip(nodes, (*pipeline.names, END), strict=True):
        graph.add_node(node, _worker(node, step))
        graph.add_node(_ask(node), _asker(node))
        graph.add_conditional_edges(node, _router(node, following), {"next": following, "ask": _ask(node), "end": END})
        graph.add_edge(_ask(node), node)
    graph.add_edge(START, INTAKE)
    compiled: CompiledStateGraph[Any] = graph.compile(checkpointer=saver)
    return compiled


def config(run_id: str) -> RunnableConfig:
    """Return the config of a run. Nothing else may go in: LangGraph stores every scalar of it in clear."""
    return {"configurable": {"thread_id": run_id}, "recursion_limit": RECURSION_LIMIT}


def outcome_key(node: str) -> str:
    """Return the key of the state that holds what a node left."""
    return f"{node} outcome"


def answer_key(node: str) -> str:
    """Return the key of the state that holds the last answer a node got."""
    return f"{node} answer"


def _ask(node: str) -> str:
    return f"ask-{node}"


def _worker(node: str, step: Step) -> Callable[[State], Awaitable[State]]:
    async def work(state: State) -> State:
        answer = state.get(answer_key(node), {}).get("answer")
        try:
            outcome = await step(node, answer)
        except GraphBubbleUp:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, its text must not reach the checkpoint
            raise StepCrashed(node, type(error).__name__) from None
        return {outcome_key(node): outcome.model_dump(mode="json", exclude_defaults=True)}

    return work


def _asker(node: str) -> Callable[[State], Awaitable[State]]:
    async def ask(state: State) -> State:
        outcome = StepOutcome.model_validate(state[outcome_key(node)])
        # The answer comes as an object, `{"answer": …}`: a bare None or {} would leave the question open.
        return {answer_key(node): interrupt({"question": outcome.question, "text": outcome.question_text})}

    return ask


def _router(node: str, following: str) -> Callable[[State], Literal["next", "ask", "end"]]:
    def route(state: State) -> Literal["next", "ask", "end"]:
        status = StepOutcome.model_validate(state[outcome_key(node)]).status
        return "ask" if status == "waiting" else "end" if status == "failed" else "next"

    route.__name__ = f"after {node}, {following} or"
    return route
