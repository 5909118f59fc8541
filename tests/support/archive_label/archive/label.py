"""`**Archive:** yes`: deleting a record puts it away."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor, flag


def _read(value: str, _: Known, spot: Cursor) -> bool | None:
    said = flag(value)
    if said is None:
        spot.problem("`Archive` must say yes or no", got=value, expected="`yes` or `no`")
    return said or None


LABEL = Label(name="Archive", read=_read)
