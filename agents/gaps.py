"""What a step's handoff says of the feature's gaps: which are implemented, here or before, and which are still open.

Not here: trying that what is said to be implemented holds (`agents.checks.rules`).
"""

from __future__ import annotations

from agents.contracts import Work
from schemas.handoffs import BusinessRule, Unimplemented
from skills.model.gaps import rules_in, still_open


def business_rules(work: Work) -> tuple[BusinessRule, ...] | None:
    """Return the rules that this step implements and those that the handoffs it read state; None without any."""
    return rules_in((*work.handoffs.values(), *work.outputs.values())) or None


def open_gaps(work: Work) -> tuple[Unimplemented, ...] | None:
    """Return what nobody has implemented so far, with the last word on why; None if there is nothing.

    These are the feature's gaps, and what this step states beyond them, as work from outside may.
    """
    known = still_open(work.feature.gaps, (*work.handoffs.values(), *work.outputs.values()))
    asked = {gap.text for gap in work.feature.gaps}
    beyond = (each for each in work.facts(Unimplemented) if each.text not in asked)
    return tuple(dict.fromkeys((*known, *beyond))) or None
