"""A step that is done outside: ask for it, wait, take what was left.

The run pauses with a question. When it goes on, the handoff and the files are taken if they can be read; guards, checks
and publication are those of any other step. What a handoff states is a claim: what the checks measure is compared with
it, and the handoff that is published is composed of what was measured. Whatever is wrong, the step asks again.

Not here: which steps these are (`orchestrator.steps.external.status`), the folder
(`orchestrator.steps.external.folder`), the files (`orchestrator.steps.external.scan`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from handoff.store import Handoff, UnsafePath
from orchestrator.planning.pipeline import BoundStep
from orchestrator.planning.plan import Plan
from orchestrator.records.answers import Answer, Done
from orchestrator.records.outcome import StepOutcome
from orchestrator.records.sanitize import sanitize
from orchestrator.steps.context import RunContext
from orchestrator.steps.execute import assemble
from orchestrator.steps.external import folder, task
from orchestrator.steps.external.scan import WorkspaceScan, scan
from orchestrator.steps.external.status import at_work, waiting
from orchestrator.steps.questions import ask
from orchestrator.steps.run_checks import Measured
from orchestrator.steps.staging import clear_step
from orchestrator.steps.verify import Refusal, verify
from orchestrator.storage.questions import Question
from schemas.base import facts
from schemas.errors import InputError, RunError
from schemas.handoffs import Unimplemented
from skills.core.contribution import ContributedFile
from skills.core.executor import SkillFailed
from skills.core.formatting import FormattingFailed

OUTSIDE = "outside"  # the name that such work has among the skills' outputs
_SHOWN = 20  # problems in a question; the task lists more


class NotTaken(RunError):
    """What was left for a step cannot be taken. `problems` are all that was found, in files and handoff."""

    code = "outside_not_taken"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class OutsideUnfinished(InputError):
    """A run waits for work done outside that cannot be taken yet. `waiting` are the problems of each step's."""

    code = "outside_unfinished"

    def __init__(self, run: str, waiting: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        super().__init__(run, waiting)
        self.run, self.waiting = run, waiting

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{step}: {problem}" for step, problems in self.waiting for problem in problems)

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}".replace("\n", "\n  ") for problem in self.problems)
        return (
            f"run `{self.run}` waits for work done outside, which cannot be taken yet:\n{listed}\n"
            f"Nothing was changed. Put it right, then `baton resume {self.run}`."
        )


def ask_outside(run: RunContext, node: str, problems: Sequence[str] = (), log: str | None = None) -> StepOutcome:
    """Ask for the work of an agent, or once more for what cannot be taken; lay the task where people find it."""
    step = run.plan.bound[node]
    problems = tuple(sanitize(each) for each in problems)
    _lay(run, step, problems)
    refused = StepOutcome.failure(problems, log) if problems else None
    return ask(run, node, "outside", _text(run, step, problems), of=refused)


async def work_outside(
    run: RunContext, plan: Plan, step: BoundStep, handoffs: Mapping[str, Handoff]
) -> Measured | Refusal:
    """Take what was left for an agent's step, and examine it; return what came of it.

    Raises:
        RunError: A check could not be run at all.
    """
    try:
        handoff, found = await _found(run, step)
        declined = facts(handoff.data, Unimplemented)
        files = tuple(ContributedFile(path=path, content=text) for path, text in sorted(found.files.items()))
        claims = step.agent.claims(handoff.data).model_copy(update={"files": files, "declined": declined})
        outputs = {OUTSIDE: claims}
        made = await assemble(outputs)
    except (NotTaken, FormattingFailed, SkillFailed) as error:
        return Refusal(problems=error.problems)
    run.step(step.name).collected = found.hashes
    await asyncio.to_thread(clear_step, run.tree(step.name), step, handoffs.values())
    return await verify(run, plan, step, handoffs, outputs, made)


async def answer_finished(
    run: RunContext, answer: Callable[[str, Answer], Awaitable[Question]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Answer, with `done`, what asks for work that can be taken; return why the rest cannot, by step.

    `answer` is called with the id of a question and its answer.
    """
    left = []
    for question in [each for each in waiting(run) if each.is_open]:
        step = run.plan.bound[question.node]
        try:
            await _found(run, step)
        except NotTaken as error:
            await asyncio.to_thread(_lay, run, step, error.problems)
            left.append((step.name, error.problems))
        else:
            run.state.questions[question.id] = await answer(question.id, Done())
    return tuple(left)


async def _found(run: RunContext, step: BoundStep) -> tuple[Handoff, WorkspaceScan]:
    """Return what was left for an agent's step.

    Raises:
        NotTaken: With everything that is wrong with it. Guards and checks come later.
    """
    handed_in = await asyncio.to_thread(folder.read, run.workspace.root, step, run.id)
    if handed_in.unfinished:
        raise NotTaken(handed_in.problems)
    async with run.state.publishing:  # what other agents publish at this moment is not to be seen half
        found = await asyncio.to_thread(scan, run, step, at_work(run))
    problems = [*handed_in.problems, *found.problems]
    if handed_in.handoff is not None:
        problems += _claimed(step, handed_in.handoff, found)
    if problems or handed_in.handoff is None:
        raise NotTaken(tuple(sanitize(each) for each in problems))
    return handed_in.handoff, found


def _claimed(step: BoundStep, handoff: Handoff, found: WorkspaceScan) -> list[str]:
    """Return a problem for each file that a handoff names and that is not there."""
    name = folder.handoff_name(step)
    return [
        f"{name}:{handoff.lines.get(f'/files/{number}', 0)}: names `{path}`, which is not among the agent's files"
        for number, path in enumerate(getattr(handoff.data, "files", ()))
        if path not in found.files
    ]


def _lay(run: RunContext, step: BoundStep, problems: Sequence[str]) -> None:
    """Write the task anew, and the handoff to fill in if there is none; the question says what counts without them."""
    with suppress(OSError, UnsafePath):
        folder.put(run.workspace.root, folder.task_name(step), task.task(run, step, problems), over=True)
        folder.put(run.workspace.root, folder.handoff_name(step), task.blank(run, step), over=False)


def _text(run: RunContext, step: BoundStep, problems: Sequence[str]) -> str:
    shown = [f"  {problem}".replace("\n", "\n  ") for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        shown.append(f"  … and {len(problems) - _SHOWN} more, which the task lists")
    how = f"Leave the files in the workspace, fill in {folder.handoff_name(step)}, then `baton resume {run.id}`"
    lines = [
        f"The {step.agent.title} agent's work is done outside.",
        *(["What was left cannot be taken yet:", *shown] if shown else []),
        f"What is expected: {folder.task_name(step)}",
        f"{how}; or answer `give up`.",
    ]
    return "\n".join(lines)
