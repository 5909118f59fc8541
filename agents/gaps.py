"""What a step's handoff says of the feature's gaps: which are implemented, here or before, and which are still open.

Not here: trying that what is said to be implemented holds (`agents.checks.rules`).
"""

from __future__ import annotations

from agents.contracts import Work
from schemas.feature import Gap
from schemas.handoffs import BusinessRule
from skills.model.gaps import rules_in, still_open


def business_rules(work: Work) -> tuple[BusinessRule, ...] | None:
    """Return the rules that this step implements and those that the handoffs it read state; None without any."""
    return rules_in((*work.handoffs.values(), *work.outputs.values())) or None


def open_gaps(work: Work) -> tuple[Gap, ...]:
    """Return the feature's gaps that nobody has implemented so far, with the last word on why."""
    return still_open(work.feature.gaps, (*work.handoffs.values(), *work.outputs.values()))
