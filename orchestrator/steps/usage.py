"""What models spend in a run, kept in the run's events: a run that is killed and resumed has spent what it had spent.

Not here: limits (`skills.model.budget`), which model works (`orchestrator.planning.model_policy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.records.events import Event, ModelSpent, RunResumed, SkillFinished
from orchestrator.records.result import SkillWork
from orchestrator.storage.event_log import EventLog
from skills.model.budget import Budget, Meter, Spending

TEMPLATE = "template"


class RunMeter(Meter):
    """Counts what one run spends, and tells of it at once."""

    def __init__(self, budget: Budget, events: EventLog, model: str, agents: Mapping[str, str]) -> None:
        """Count for the model of that name; `agents` are those that work in the steps, by step."""
        super().__init__(budget)
        self._events, self._model, self._agents = events, model, agents
        self._by: dict[tuple[str, str], str] = {}

    def add(self, step: str, skill: str, spent: Spending) -> None:
        """Count what a skill spent, and tell of it."""
        super().add(step, skill, spent)
        self._events.emit(ModelSpent(agent=self._agent(step), step=step, skill=skill, model=self._model, spent=spent))

    def finish(self, step: str, skill: str, *, files: int, seconds: float, before: Spending) -> bool:
        """Tell that a skill is done; return whether a model worked on it.

        Args:
            step: In which it was done.
            skill: Its name.
            files: How many it made.
            seconds: How long it took.
            before: What it had spent when it began.
        """
        spent = self.skill(step, skill) - before
        model = self._model if spent.calls else None
        self._by[step, skill] = model or TEMPLATE
        self._events.emit(
            SkillFinished(
                agent=self._agent(step),
                step=step,
                skill=skill,
                files=files,
                seconds=seconds,
                model=model,
                spent=spent if model else None,
            )
        )
        return model is not None

    def restore(self, told: Iterable[Event]) -> None:
        """Count what a run's events tell of, when the run is taken up again."""
        for event in told:
            match event:
                case ModelSpent():
                    super().add(event.step, event.skill, event.spent)
                case SkillFinished():
                    self._by[event.step, event.skill] = event.model or TEMPLATE
                case RunResumed():
                    self.begin_anew()
                case _:
                    pass

    def work(self) -> tuple[SkillWork, ...]:
        """Return who did the skills so far: nothing if no model took part."""
        spent = self.skills
        if not spent:
            return ()
        every = dict.fromkeys([*self._by, *spent])
        return tuple(
            SkillWork(
                agent=self._agent(step),
                step=step,
                skill=skill,
                by=self._by.get((step, skill), self._model),
                spent=self.skill(step, skill),
            )
            for step, skill in every
        )

    def _agent(self, step: str) -> str:
        return self._agents.get(step, step)
