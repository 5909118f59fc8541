"""`**Soft delete:** yes`: deleting a record hides it."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor, flag


def _read(value: str, _: Known, spot: Cursor) -> bool | None:
    said = flag(value)
    if said is None:
        spot.problem("`Soft delete` must say yes or no", got=value, expected="`yes` or `no`")
    return said or None


LABEL = Label(name="Soft delete", read=_read, gap=NOT_YET)
