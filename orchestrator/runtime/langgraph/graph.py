"""Compile a pipeline to a LangGraph `StateGraph`.

    intake ⇄ ask-intake → database-agent ⇄ ask-database-agent → python-backend-agent ⇄ … → end

Each agent has a node that works and a node that only asks: LangGraph runs an interrupted node again from its first
line, so a node that asks must do nothing else. An agent that works after several others waits at `done-…` nodes, one of
each: an edge that joins fires when a node has run, and one that asked has run without being done. A step that fails
ends the run by an edge, not by an exception. A step whose handoff may state findings has an edge back to the intake:
what is done answers from the ledger, so that joins fire again, and what findings went back to is done anew
(`orchestrator.steps.findings` bounds how often). The shape does not depend on the PRD; which agents are skipped is the
steps' own decision.

Not here: what a step does (`orchestrator.steps.step`), answering and resuming
(`orchestrator.runtime.langgraph.driver`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.policy import MOST_ROUNDS
from orchestrator.records.outcome import StepOutcome
from orchestrator.runtime.langgraph.saver import PostgresSaver  # first: it makes LangGraph strict
from orchestrator.steps.intake.intake import NODE as INTAKE

# isort: split
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 200  # supersteps of a way through; LangGraph's own default is ten thousand

_LONG = {"findings", "returned"}  # of an outcome: they are in the ledger

State = dict[str, Any]
Step = Callable[[str], Awaitable[StepOutcome]]
Node = Callable[..., Awaitable[State]]


@dataclass(frozen=True, slots=True)
class GraphContext:
    """What a run's nodes do: `step` is called with the name of a node. What it raises crashes the run."""

    step: Step


class StepCrashed(Exception):
    """A node raised. Carries no text of the cause: LangGraph stores exceptions, and texts may hold secrets."""


def compile_graph(pipeline: Pipeline, saver: PostgresSaver) -> CompiledStateGraph[Any, GraphContext]:
    """Return the graph of `pipeline`. Its runs share it: each is invoked with its own `GraphContext` as the context."""
    state = TypedDict("State", {"run": str, **state_keys(pipeline)}, total=False)  # type: ignore[misc]  # the keys are the pipeline's
    graph: Any = StateGraph(state, context_schema=GraphContext)
    lay_out(graph, pipeline, _worker, _asker)
    compiled: CompiledStateGraph[Any, GraphContext] = graph.compile(checkpointer=saver)
    return compiled


def state_keys(pipeline: Pipeline) -> dict[str, Any]:
    """Return the keys of the state that nodes write, with their types."""
    nodes = (INTAKE, *pipeline.names)
    return {key: dict[str, Any] for node in nodes for key in (outcome_key(node), answer_key(node))}


def lay_out(graph: Any, pipeline: Pipeline, work: Callable[[str], Node], ask: Callable[[str], Node]) -> None:  # noqa: ANN401 - a `StateGraph` of any state
    """Add the nodes and edges of `pipeline` to a graph; `work` and `ask` return the functions of a node's two nodes."""
    nodes = (INTAKE, *pipeline.names)
    before = {name: pipeline.before(name) or (INTAKE,) for name in pipeline.names}
    for node in nodes:
        graph.add_node(node, work(node))
        graph.add_node(_ask(node), ask(node))
        graph.add_edge(_ask(node), node)
        next_nodes = [name for name, needed in before.items() if needed == (node,)]
        if any(node in needed and len(needed) > 1 for needed in before.values()):
            graph.add_node(_done(node), _nothing)
            next_nodes.append(_done(node))
        back = [INTAKE] if node != INTAKE and pipeline.step(node).may_return else []
        graph.add_conditional_edges(node, _router(node, next_nodes or [END]), [_ask(node), END, *next_nodes, *back])
    for name, needed in before.items():
        if len(needed) > 1:
            graph.add_edge([_done(node) for node in needed], name)
    graph.add_edge(START, INTAKE)


def config(thread: str, limit: int = RECURSION_LIMIT) -> RunnableConfig:
    """Return the config of a thread. Nothing else may go in: LangGraph stores every scalar of it in clear."""
    return {"configurable": {"thread_id": thread}, "recursion_limit": limit}


def supersteps_of(pipeline: Pipeline) -> int:
    """Return how many supersteps a run of `pipeline` may take: each review sends back only so often."""
    reviews = sum(step.may_return for step in pipeline.steps)
    return RECURSION_LIMIT * (1 + MOST_ROUNDS * reviews)


def outcome_key(node: str) -> str:
    """Return the key of the state that holds what a node left."""
    return f"{node} outcome"


def answer_key(node: str) -> str:
    """Return the key of the state that holds the last answer a node got."""
    return f"{node} answer"


def _ask(node: str) -> str:
    return f"ask-{node}"


def _done(node: str) -> str:
    return f"done-{node}"


def _worker(node: str) -> Callable[[State, Runtime[GraphContext]], Awaitable[State]]:
    async def work(state: State, runtime: Runtime[GraphContext]) -> State:  # noqa: ARG001 - LangGraph's signature
        try:
            outcome = await runtime.context.step(node)
        except GraphBubbleUp:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, its text must not reach the checkpoint
            raise StepCrashed(node, type(error).__name__) from None
        return {outcome_key(node): outcome.model_dump(mode="json", exclude_defaults=True, exclude=_LONG)}

    return work


def _asker(node: str) -> Callable[[State], Awaitable[State]]:
    async def ask(state: State) -> State:
        outcome = StepOutcome.model_validate(state[outcome_key(node)])
        # The answer comes as an object, `{"answer": …}`: a bare None or {} would leave the question open.
        return {answer_key(node): interrupt({"question": outcome.question, "text": outcome.question_text})}

    return ask


async def _nothing(state: State) -> State:  # noqa: ARG001 - LangGraph's signature
    return {}


def _router(node: str, following: list[str]) -> Callable[[State], list[str]]:
    def route(state: State) -> list[str]:
        status = StepOutcome.model_validate(state[outcome_key(node)]).status
        if status == "waiting":
            return [_ask(node)]
        if status == "returned":
            return [INTAKE]
        return [END] if status in {"failed", "rejected"} else following

    route.__name__ = f"after {node}"
    return route
