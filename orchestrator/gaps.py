"""What a run leaves undone of what its PRD asks for."""

from __future__ import annotations

from handoff.problems import HandoffInvalid, HandoffMissing
from orchestrator.context import RunContext
from schemas.feature import Gap
from skills.model.gaps import rules_in


def open_gaps(run: RunContext) -> tuple[Gap, ...]:
    """Return the plan's gaps, without those that a handoff which the run published says are implemented."""
    gaps = run.plan.feature.gaps if run.plan else ()
    if not gaps:
        return ()
    implemented = {rule.text for rule in rules_in(_published(run))}
    return tuple(gap for gap in gaps if gap.text not in implemented)


def _published(run: RunContext) -> list[object]:
    handoffs: list[object] = []
    for receipt in run.receipts().values():
        try:
            handoffs += [run.handoffs.read(receipt.handoff).data] if receipt.handoff else []
        except (HandoffMissing, HandoffInvalid):
            continue
    return handoffs
