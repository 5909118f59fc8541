"""`**Search:** title, notes`: full-text search over the fields, with `?q=`."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor, words


def _read(value: str, known: Known, spot: Cursor) -> list[str] | None:
    names = words(value)
    return names if known.there(names, spot) else None


LABEL = Label(name="Search", read=_read, gap=NOT_YET)
