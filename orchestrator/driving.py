"""Drive a run's graph: where it begins or goes on, and how far it came.

The one module of a run that needs LangGraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from orchestrator.context import RunContext
from orchestrator.graph import Step, compile_graph, config, outcome_key
from orchestrator.intake import NODE as INTAKE
from orchestrator.outcome import StepOutcome
from orchestrator.storage.checkpoint import PostgresSaver  # first: it makes LangGraph strict
from schemas.errors import InputError

# isort: split
from langgraph.types import Command

Begin: TypeAlias = dict[str, Any] | Command[Any] | None


class NothingToResume(InputError):
    """The run waits for an answer, or has ended."""

    code = "nothing_to_resume"


class Driver:
    """The graph of one run."""

    def __init__(self, run: RunContext, step: Step) -> None:
        self._run = run
        self._graph = compile_graph(run.pipeline, step, PostgresSaver(run.ledger.pool))

    async def begin(self) -> Begin:
        """Return the graph's input: a first state, the answers that are waited for, or None to go on after a crash.

        A graph may have ended while its run has not, if the process was killed between the two: going on then only
        draws the result.

        Raises:
            NothingToResume: The run waits for an answer that it does not have, or has ended.
        """
        run_id = self._run.run_id
        state = await self._graph.aget_state(config(run_id))
        if state.created_at is None:  # new, or killed before its first checkpoint
            return {"run": run_id}
        if state.interrupts:
            questions = {each.id: each for each in await self._run.ledger.questions(run_id)}
            asked = {interrupt.id: questions[interrupt.value["question"]] for interrupt in state.interrupts}
            for question in asked.values():
                if question.answer is None:
                    raise NothingToResume(
                        f"run `{run_id}` waits for an answer:\n{question.text}\n"
                        f"Answer with `baton answer {run_id} {question.id} VALUE`, then resume."
                    )
            return Command(resume={each: {"answer": question.answer} for each, question in asked.items()})
        if not state.next and (await self._run.ledger.run(run_id)).status != "running":
            raise NothingToResume(
                f"run `{run_id}` has ended; there is nothing to resume. Start it anew with `baton run`."
            )
        return None

    async def drive(self, begin: Begin) -> Mapping[str, StepOutcome] | None:
        """Run the graph as far as it goes; return what each node left, in order, or None if it waits for a person.

        Raises:
            StepCrashed: A step raised.
        """
        state = await self._graph.ainvoke(begin, config(self._run.run_id), durability="sync")
        if "__interrupt__" in state:
            return None
        nodes = (INTAKE, *self._run.pipeline.names)
        return {
            node: StepOutcome.model_validate(state[outcome_key(node)]) for node in nodes if outcome_key(node) in state
        }
