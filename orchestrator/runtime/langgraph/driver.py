"""Drive a run's graph: where it begins or goes on, and how far it came.

The one module of a run that needs LangGraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.planning.pipeline import Pipeline
from orchestrator.records.outcome import StepOutcome
from orchestrator.runtime.answers import NothingToResume
from orchestrator.runtime.langgraph.graph import GraphContext, Step, compile_graph, config, outcome_key, supersteps_of
from orchestrator.runtime.langgraph.saver import PostgresSaver  # first: it makes LangGraph strict
from orchestrator.steps.intake.intake import NODE as INTAKE
from orchestrator.storage.questions import Question
from orchestrator.storage.repositories import Ledger

# isort: split
from langgraph.types import Command

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

Begin: TypeAlias = dict[str, Any] | Command[Any] | None


class Graphs:
    """The compiled graphs of an engine: one a pipeline, however many runs it has."""

    def __init__(self, ledger: Ledger) -> None:
        self._saver = PostgresSaver(ledger.database, ledger.writer)
        self._compiled: dict[tuple[tuple[str, tuple[str, ...], bool], ...], CompiledStateGraph[Any, GraphContext]] = {}

    def graph(self, pipeline: Pipeline) -> CompiledStateGraph[Any, GraphContext]:
        """Return the graph of `pipeline`."""
        shape = tuple((step.name, pipeline.before(step.name), step.may_return) for step in pipeline.steps)
        if shape not in self._compiled:
            self._compiled[shape] = compile_graph(pipeline, self._saver)
        return self._compiled[shape]


class Driver:
    """The graph of one run."""

    def __init__(self, graphs: Graphs, pipeline: Pipeline, thread: str) -> None:
        self._pipeline = pipeline
        self._thread = thread
        self._graph = graphs.graph(pipeline)

    async def begin(self, run_id: str, questions: Mapping[str, Question]) -> Begin:
        """Return the graph's input: a first state, the answers that are waited for, or None to go on after a crash.

        A graph may have ended while its run has not, if the process was killed between the two: going on then only
        draws the result.

        Raises:
            NothingToResume: The run waits for answers that it does not have.
        """
        state = await self._graph.aget_state(config(self._thread))
        if state.created_at is None:  # new, or killed before its first checkpoint
            return {"run": run_id}
        if not state.interrupts:
            return None
        asked = {interrupt.id: questions[interrupt.value["question"]] for interrupt in state.interrupts}
        missing = [question for question in asked.values() if question.is_open]
        if missing:
            raise NothingToResume(_waits(run_id, missing))
        return Command(resume={each: {"answer": question.answer} for each, question in asked.items()})

    async def drive(self, begin: Begin, step: Step) -> Mapping[str, StepOutcome] | None:
        """Run the graph as far as it goes; return what each node left, in order, or None if it waits for a person.

        Raises:
            StepCrashed: A step raised.
        """
        bounded = config(self._thread, supersteps_of(self._pipeline))
        state = await self._graph.ainvoke(begin, bounded, context=GraphContext(step), durability="sync")
        if "__interrupt__" in state:
            return None
        nodes = (INTAKE, *self._pipeline.names)
        return {
            node: StepOutcome.model_validate(state[outcome_key(node)]) for node in nodes if outcome_key(node) in state
        }


def _waits(run_id: str, questions: list[Question]) -> str:
    texts = "\n".join(f"{each.text}\n  baton answer {run_id} {each.id} VALUE" for each in questions)
    count = "an answer" if len(questions) == 1 else f"{len(questions)} answers"
    return f"run `{run_id}` waits for {count}:\n{texts}\nAnswer, then resume."
