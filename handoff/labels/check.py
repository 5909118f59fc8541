"""`**Check:** ends_at > starts_at`: a comparison that holds for every record."""

from __future__ import annotations

import re

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor

_CHECK = re.compile(r"(\S+)\s*(<=|>=|!=|=|<|>)\s*(\S.*)")


def _read(value: str, known: Known, spot: Cursor) -> dict[str, str] | None:
    found = _CHECK.fullmatch(value.strip())
    if not found:
        spot.problem("`Check` cannot be read", got=value, expected="`ends_at > starts_at`")
        return None
    if not known.there((found[1],), spot):
        return None
    return {"field": found[1], "comparison": found[2], "operand": found[3]}


LABEL = Label(name="Check", read=_read, gap=NOT_YET)
