"""Which steps are done outside, and how far they are: by the run's policy and by what people answered.

Not here: asking and taking (`orchestrator.steps.external.collect`).
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.records.answers import Done, EditByHand
from orchestrator.steps.context import RunContext
from orchestrator.steps.questions import decided
from orchestrator.storage.questions import Question


def is_outside(run: RunContext, node: str) -> bool:
    """Return whether a step is done outside: by the policy, or because a person said they would edit by hand."""
    outside = run.state.policy.outside
    return (
        node in outside or run.pipeline.step(node).agent.name in outside or isinstance(decided(run, node), EditByHand)
    )


def is_handed_in(run: RunContext, node: str) -> bool:
    """Return whether somebody said that the work is done, and nothing was found wrong with it since."""
    pending = run.step(node).pending
    asked = [each for each in run.state.questions.values() if each.kind == "outside" and each.id in pending]
    return bool(asked) and isinstance(asked[-1].decision, Done)


def at_work(run: RunContext) -> set[str]:
    """Return the steps in whose agents' paths people may be at work: they are done outside, and not done."""
    return {name for name in run.pipeline.names if name not in run.state.done() and is_outside(run, name)}


def waiting(run: RunContext) -> Iterator[Question]:
    """Yield the questions by which steps wait for work that is done outside, answered or not."""
    yield from (
        each for id_, each in run.state.questions.items() if id_ in run.state.asked() and each.kind == "outside"
    )
