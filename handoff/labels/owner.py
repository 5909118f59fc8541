"""`**Owner:** yes`: each record belongs to the signed-in user who made it."""

from __future__ import annotations

from collections.abc import Sequence

from handoff.prd_labels import Known, Label, plain
from handoff.prd_report import Cursor, flag
from schemas.handoffs import PrdLabel


def _read(value: str, _: Known, spot: Cursor) -> bool:
    said = flag(value)
    if said is None:
        spot.problem("`Owner` must say yes or no", got=value, expected="`yes` or `no`")
    return bool(said)


def has_owner(labels: Sequence[PrdLabel]) -> bool:
    """Return whether records have an owner, reporting nothing: other labels may name it before this one stands."""
    return any(plain(label.label) == LABEL.key and flag(label.value) for label in labels)


LABEL = Label(name="Owner", read=_read, sets="owner")
