"""Runs on LangGraph server: the graph that `langgraph.json` names.

It has the pipeline's real nodes, and each of them shows one step of a run. The run itself is Baton's: it is in
PostgreSQL and worked on by an engine of this process, so a server that keeps its threads in memory only loses a view of
it. The first node starts the run; each other one waits until its step is done; a step that asks becomes an interrupt,
and what resumes it is the answer.

    input    {"prd": "# Feature PRD: …"} or {"request": {…}}, `@python-specialist.input`; "agents", "policy" if wanted
    resume   the answer to the question that the interrupt holds
    state    "run", the outcome of each node, and "status" once the run is over

Not here: the graph that drives a run (`orchestrator.runtime.langgraph.graph`), settings
(`orchestrator.vertex.settings`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from langgraph.graph import StateGraph
from langgraph.types import interrupt

from orchestrator.langgraph_server.request import prd_of
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.workflows import Workflows
from orchestrator.records.outcome import StepOutcome
from orchestrator.runtime.langgraph.graph import Node, State, answer_key, lay_out, outcome_key, state_keys
from orchestrator.steps.intake.intake import NODE as INTAKE
from orchestrator.vertex import contracts
from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.operations import Reply
from schemas.errors import RunError


class CallFailed(RunError):
    """The run could not be begun, followed or answered; the text is the app's."""

    code = "call_failed"


class GraphInput(TypedDict, total=False):
    """The graph's input."""

    prd: str
    request: dict[str, Any]
    agents: list[str]
    policy: dict[str, Any]


def server_graph(app: BatonApp, pipeline: Pipeline) -> StateGraph[Any, Any, Any]:
    """Return the graph of `pipeline`, not compiled: the server adds its own persistence."""
    keys = {**GraphInput.__annotations__, "run": str, "status": str, **state_keys(pipeline)}
    state = TypedDict("State", keys, total=False)  # type: ignore[misc]  # the keys are the pipeline's
    graph: Any = StateGraph(state, input_schema=GraphInput)
    lay_out(graph, pipeline, lambda node: _worker(app, node), lambda node: _asker(app, node))
    return cast("StateGraph[Any, Any, Any]", graph)


def _worker(app: BatonApp, node: str) -> Node:
    async def begin(state: State) -> State:
        if "run" in state:  # it asked, and was answered
            return await _outcome(app, str(state["run"]), node)
        prd = state["prd"] if "prd" in state else await asyncio.to_thread(prd_of, state.get("request"))
        chosen = {name: state[name] for name in ("agents", "policy") if name in state}
        run = str(_good(await app.async_start(prd=prd, **chosen))["run"])
        return {"run": run, **await _outcome(app, run, node)}

    async def work(state: State) -> State:
        return await _outcome(app, str(state["run"]), node)

    return begin if node == INTAKE else work


def _asker(app: BatonApp, node: str) -> Node:
    async def ask(state: State) -> State:
        run, outcome = str(state["run"]), StepOutcome.model_validate(state[outcome_key(node)])
        shown = _shown(await app.async_status(run=run), outcome)
        value = interrupt(shown)
        while (refusal := await _refusal(app, run, outcome.question, value)) is not None:
            value = interrupt({**shown, "refused": refusal})
        return {answer_key(node): {"answer": value}}

    return ask


async def _outcome(app: BatonApp, run: str, node: str) -> State:
    """Wait until a step of a run is done, or asks; return what is then known of both."""
    outcome = _good(await app.acall("step", contracts.StepCall, {"run": run, "step": node}))
    status = _good(await app.async_status(run=run))["status"]
    return {outcome_key(node): outcome, "status": status}


async def _refusal(app: BatonApp, run: str, question: str | None, value: object) -> str | None:
    """Answer a question; return why the answer is not one. One that has its answer was answered before a crash."""
    reply = await app.async_answer(run=run, question=question, value=value)
    error: Any = reply.get("error")
    if not error:
        return None
    if error["code"] != "answer_refused":
        raise CallFailed(error["message"])
    standing: Any = _good(await app.async_status(run=run))["questions"]
    return str(error["message"]) if question in {each["id"] for each in standing} else None


def _shown(status: Reply, outcome: StepOutcome) -> Mapping[str, object]:
    """Return the question that an outcome names, as an interrupt shows it."""
    questions: Any = _good(status)["questions"]
    names = ("id", "kind", "text", "options", "answer_schema", "deadline")
    for each in questions:
        if each["id"] == outcome.question:
            return {"run": status["run"], "question": {name: each[name] for name in names}}
    return {"run": status["run"], "question": {"id": outcome.question, "text": outcome.question_text}}


def _good(reply: Reply) -> Reply:
    error: Any = reply.get("error")
    if error:
        raise CallFailed(error["message"])
    return reply


graph = server_graph(BatonApp(), Workflows().pipeline()).compile()
