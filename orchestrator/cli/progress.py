"""Show a run while it works: a live view in a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.cli.console import console, say
from orchestrator.records.events import (
    CheckFinished,
    CheckStarted,
    Event,
    FindingsReturned,
    GuardFinished,
    HandoffPublished,
    ModelSpent,
    PlanMade,
    PlannedAgent,
    QuestionAnswered,
    QuestionAsked,
    RunFinished,
    RunResumed,
    RunStarted,
    SkillFinished,
    SkillStarted,
    StepFinished,
    StepRetried,
    StepStarted,
    StepStatus,
    WorkReturned,
)
from orchestrator.records.sanitize import sanitize
from skills.model.budget import Spending

MARKS: dict[StepStatus, str] = {
    "published": "✓",
    "skipped": "-",
    "failed": "✗",
    "waiting": "?",
    "rejected": "✗",
    "returned": "↺",
}


_QUIET = 15.0  # seconds in which lines say nothing of what is at work


class Display(Protocol):
    """Shows events, and now and then what goes on between them."""

    def shown(self) -> AbstractContextManager[object]: ...

    def show(self, event: Event, /) -> None: ...

    def remind(self) -> None: ...


class JsonLines:
    """One event a line."""

    def shown(self) -> AbstractContextManager[object]:
        return nullcontext()

    def show(self, event: Event, /) -> None:
        sys.stdout.write(event.model_dump_json() + "\n")
        sys.stdout.flush()

    def remind(self) -> None:
        """Say nothing: a line is an event."""


class PlainLines:
    """One line for each thing that is over, and some while something takes long."""

    def __init__(self) -> None:
        self._doing: dict[tuple[str, str], float] = {}  # by step and check or skill, since when

    def shown(self) -> AbstractContextManager[object]:
        return nullcontext()

    def remind(self) -> None:
        """Say which checks and skills are at work, and for how long."""
        now = time.monotonic()
        doing = [f"{step}: {what} {now - since:.0f} s" for (step, what), since in self._doing.items()]
        if doing:
            say(f"at work: {', '.join(doing)}")
            sys.stdout.flush()

    def show(self, event: Event, /) -> None:
        self._note(event)
        text = line(event)
        if text:
            say(text)
            sys.stdout.flush()

    def _note(self, event: Event) -> None:
        match event:
            case CheckStarted(step=step, check=what) | SkillStarted(step=step, skill=what):
                self._doing[step, what] = time.monotonic()
            case CheckFinished(step=step, check=what) | SkillFinished(step=step, skill=what):
                self._doing.pop((step, what), None)
            case StepStarted(step=step) | StepRetried(step=step) | StepFinished(step=step):
                self._doing = {key: since for key, since in self._doing.items() if key[0] != step}
            case _:
                pass


def line(event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one a kind of event
    """Return the line that says what happened, or None if it is not worth one."""
    match event:
        case RunStarted():
            return f"run {event.run}: {event.title} -> {event.workspace}"
        case RunResumed():
            return f"{event.reason}: run {event.run}"
        case PlanMade():
            skipped = [f"{agent.title} skipped: {agent.reason}" for agent in event.agents if not agent.active]
            return "; ".join([f"{sum(agent.active for agent in event.agents)} agents", *skipped])
        case StepFinished():
            said = f"{event.status}, {event.files} files" if event.status == "published" else event.status
            return f"{event.step}: {said} ({event.seconds:.1f} s)"
        case StepRetried():
            return f"{event.step}: attempt {event.attempt} failed, again in {event.wait:.0f} s: {event.problem}"
        case ModelSpent() if event.spent.calls:
            return f"{event.step}: skill {event.skill}: {event.model}: {_call(event.spent)}"
        case SkillFinished():
            by = f", {event.model}: {event.spent}" if event.model else ""
            return f"{event.step}: skill {event.skill}: {event.files} files ({event.seconds:.2f} s){by}"
        case WorkReturned():
            first = event.problems[0].partition("\n")[0]
            return f"{event.step}: back to {', '.join(event.skills)} ({event.round}): {first}"
        case FindingsReturned():
            first = event.findings[0].splitlines()[0]
            return f"{event.step}: back to {event.owner} ({event.round}): {first}"
        case GuardFinished() if event.violations:
            return f"{event.step}: guard {event.guard}: {event.violations} violations"
        case CheckFinished():
            verdict = "passed" if event.passed else "FAILED"
            return f"{event.step}: check {event.check}: {verdict}, {event.summary} ({event.seconds:.1f} s)"
        case HandoffPublished():
            return f"{event.step}: handoff {event.path}"
        case QuestionAsked():
            return f"{event.node} asks: {event.question}"
        case QuestionAnswered():
            return f"{event.question} answered by {'a person' if event.by == 'person' else 'its deadline'}"
        case RunFinished():
            return f"{event.status} ({event.seconds:.1f} s)"
        case _:
            return None


def _title(planned: PlannedAgent) -> str:
    return planned.title if planned.step == planned.name else f"{planned.title}: {planned.step}"


@dataclass
class _Row:
    """What is shown of one step."""

    title: str
    mark: str = "·"
    started: float | None = None
    seconds: float | None = None
    files: int = 0
    passed: int = 0
    doing: dict[str, float] = field(default_factory=dict)
    note: str = ""
    spent: Spending = field(default_factory=Spending)  # by a model, in this step


class LiveView:
    """A table that changes: one row an agent, with what it does right now."""

    def __init__(self, screen: Console | None = None) -> None:
        self._console = screen or console()
        self._rows: dict[str, _Row] = {}
        self._title = "reading the PRD"
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._render, transient=True)

    def shown(self) -> AbstractContextManager[object]:
        return self._live

    def remind(self) -> None:
        """Say nothing: what is shown moves by itself."""

    def show(self, event: Event, /) -> None:
        match event:
            case RunStarted():
                self._title = f"{event.title} → {event.workspace}"
            case PlanMade():
                for agent in event.agents:
                    note = "" if agent.active else agent.reason
                    self._rows.setdefault(agent.step, _Row(_title(agent))).note = note
            case (
                SkillStarted() | SkillFinished() | CheckStarted() | CheckFinished() | WorkReturned()
                | StepStarted() | StepFinished() | StepRetried()
            ):  # fmt: skip
                self._step(event)
            case ModelSpent():
                self._rows.setdefault(event.step, _Row(event.step)).spent += event.spent
            case _:
                pass

    def _step(
        self,
        event: StepStarted
        | StepFinished
        | StepRetried
        | SkillStarted
        | SkillFinished
        | WorkReturned
        | CheckStarted
        | CheckFinished,
    ) -> None:
        row = self._rows.setdefault(event.step, _Row(event.step))
        now = time.monotonic()
        match event:
            case StepStarted():
                row.mark, row.started, row.seconds, row.passed, row.note = "●", now, None, 0, ""
                row.spent = Spending()
            case StepRetried():
                row.note = f"again in {event.wait:.0f} s: {event.problem}"
                row.doing.clear()
            case SkillStarted():
                row.doing[event.skill] = now
            case SkillFinished():
                row.doing.pop(event.skill, None)
            case WorkReturned():
                row.passed, row.note = 0, ""
            case CheckStarted():
                row.doing[event.check] = now
            case CheckFinished():
                row.doing.pop(event.check, None)
                row.passed += event.passed
                if not event.passed:
                    row.note = f"{event.check}: {event.summary}"
            case StepFinished():
                row.mark, row.seconds, row.files = MARKS[event.status], event.seconds, event.files
                row.doing.clear()

    def _render(self) -> Group:
        now = time.monotonic()
        table = Table.grid(padding=(0, 2))
        for row in self._rows.values():
            seconds = row.seconds if row.seconds is not None else (now - row.started if row.started else None)
            doing = ", ".join(f"{name} {now - since:.0f} s" for name, since in row.doing.items())
            if doing and row.passed:
                doing = f"{row.passed} checks passed; {doing}"
            if doing and row.spent.calls:
                doing = f"{doing}; {row.spent.calls} calls of the model, {row.spent.tokens:,} tokens"
            done = f"{row.files} files, {row.passed} checks" if row.mark == "✓" else ""
            took = "" if seconds is None else f"{seconds:.1f} s"
            table.add_row(*(Text(sanitize(text)) for text in (row.mark, row.title, took, doing or done or row.note)))
        return Group(Text(sanitize(self._title), style="bold"), table)


def _call(spent: Spending) -> str:
    return f"{spent.input_tokens:,} tokens in, {spent.output_tokens:,} out ({spent.seconds:.1f} s)"


def _display(*, json: bool, lines: bool) -> Display:
    if json:
        return JsonLines()
    return LiveView() if sys.stdout.isatty() and not lines else PlainLines()


class Watcher:
    """Shows the events of one run: each once, however often the run is taken up again meanwhile."""

    def __init__(self, *, json: bool, lines: bool = False, after: int = -1) -> None:
        """Describe what is shown.

        Args:
            json: As JSON lines.
            lines: As lines on a terminal, too: a view of the whole makes no sense of the last few events.
            after: The number of the event after which to begin; -1 for the first one.
        """
        self._display = _display(json=json, lines=lines)
        self._after = after

    async def watch(self, events: Callable[[int], AsyncIterator[Event]]) -> None:
        """Show what `events` yields after the number that it is given, until there is no more."""
        reminding = asyncio.create_task(self._remind(), name="reminders")
        try:
            with self._display.shown():
                async for event in events(self._after):
                    self._after += 1  # the log has no gaps
                    self._display.show(event)
        finally:
            reminding.cancel()

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(_QUIET)
            self._display.remind()
