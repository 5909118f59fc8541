"""What a run leaves undone of what its PRD asks for."""

from __future__ import annotations

from handoff.problems import HandoffInvalid, HandoffMissing
from orchestrator.steps.context import RunContext
from schemas.base import Document
from schemas.handoffs import Unimplemented
from skills.model.gaps import still_open


def open_gaps(run: RunContext) -> tuple[Unimplemented, ...]:
    """Return the plan's gaps, without those that a handoff which the run published says are implemented."""
    gaps = run.state.plan.feature.gaps if run.state.plan else ()
    return still_open(gaps, _published(run)) if gaps else ()


def _published(run: RunContext) -> list[Document]:
    handoffs: list[Document] = []
    receipts = run.state.receipts()
    for receipt in (receipts[name] for name in run.pipeline.names if name in receipts):
        try:
            handoffs += [run.handoffs.read(receipt.handoff).data] if receipt.handoff else []
        except (HandoffMissing, HandoffInvalid):
            continue
    return handoffs
