"""Findings that go back: a reviewing step says what is wrong, and the steps that own the files do their work again.

It is the one way back in a workflow, gone at most `Policy.review_rounds` times. The ledger is the truth: a review that
sends findings back ends as `returned`, with who gets which. The graph then begins again, where the steps that are to be
done again are superseded together with that review, in one statement; whoever is killed in between finds the one or the
other. Steps that are done answer from the ledger meanwhile.

Not here: the edge itself (`orchestrator.runtime.langgraph.graph`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.ownership import owns
from orchestrator.planning.pipeline import BoundStep
from orchestrator.records.events import FindingsReturned
from orchestrator.steps.context import RunContext
from schemas.findings import Finding


def to_return(run: RunContext, step: BoundStep, findings: Sequence[Finding]) -> Mapping[str, tuple[Finding, ...]]:
    """Return the blocking findings by the step before `step` that has to put them right; none if no round is left."""
    if run.step(step.name).returns >= run.state.policy.review_rounds:
        return {}
    before = [name for name in run.pipeline.names if name in run.pipeline.upstream(step.name)]
    owned = [(_owner(run, before, each.file), each) for each in findings if each.is_blocking]
    found = {name: tuple(each for owner, each in owned if owner == name) for name in before}
    return {name: each for name, each in found.items() if each}


def tell_returned(run: RunContext, step: BoundStep, returned: Mapping[str, Sequence[Finding]]) -> None:
    """Tell which findings go back to whom."""
    number = run.step(step.name).returns + 1
    for owner, findings in returned.items():
        told = tuple(map(str, findings))
        run.events.emit(
            FindingsReturned(agent=step.agent.name, step=step.name, owner=owner, round=number, findings=told)
        )


def findings_for(run: RunContext, name: str) -> tuple[Finding, ...]:
    """Return what reviews sent back to a step."""
    return tuple(each for review in run.pipeline.names for each in run.step(review).returned.get(name, ()))


def open_findings(run: RunContext) -> tuple[Finding, ...]:
    """Return what the reviews that are done found, and sent back no more."""
    outcomes = (run.step(name).done_with for name in run.pipeline.names)
    return tuple(each for outcome in outcomes if outcome is not None for each in outcome.findings)


async def take_back(run: RunContext) -> None:
    """Have the steps that findings went back to done again, and all that was made from their work."""
    owners = [owner for review in run.pipeline.names for owner in run.step(review).returns_to]
    again = tuple(dict.fromkeys(name for owner in owners for name in run.pipeline.downstream(owner)))
    if again:
        await run.services.ledger.steps.supersede(run.id, again)
        run.state.forget(again)


def _owner(run: RunContext, before: Sequence[str], path: str) -> str | None:
    """Return the step that made a file; of one that nobody made, the last step whose agent owns it."""
    receipts = run.state.receipts()
    made = [name for name in before if name in receipts and path in receipts[name].files]
    owned = [name for name in before if owns(run.plan.bound[name].agent, path)]
    return next(iter([*reversed(made), *reversed(owned)]), None)
