"""`**No overlap:** starts_at..ends_at per room`: no two records of one `room` overlap in time."""

from __future__ import annotations

import re

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor

_NO_OVERLAP = re.compile(r"(?P<start>\S+?)\s*\.\.\s*(?P<end>\S+)\s+per\s+(?P<per>\S+)", re.IGNORECASE)


def _read(value: str, known: Known, spot: Cursor) -> dict[str, str] | None:
    found = _NO_OVERLAP.fullmatch(value.strip())
    if not found:
        spot.problem("`No overlap` cannot be read", got=value, expected="`starts_at..ends_at per room`")
        return None
    return found.groupdict() if known.there(found.groups(), spot) else None


LABEL = Label(name="No overlap", read=_read, gap=NOT_YET)
