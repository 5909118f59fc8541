"""`**Sort:** name, capacity`: what a list can be ordered by."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor


def _read(value: str, known: Known, spot: Cursor) -> tuple[str, ...]:
    return known.usables(value, "Sort", spot)


LABEL = Label(name="Sort", read=_read, sets="sorts")
