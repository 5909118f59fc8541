"""`**Toggle:** favourite`: what each signed-in user may add itself to, or remove itself from."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_names import FIELD_NAME
from handoff.prd_report import NOT_YET, Cursor


def _read(value: str, known: Known, spot: Cursor) -> str | None:
    name = value.strip()
    if not FIELD_NAME.fullmatch(name) or name in known.fields:
        spot.problem("`Toggle` needs a name in snake_case that is no field", got=value, expected="`favourite`")
        return None
    return name


LABEL = Label(name="Toggle", read=_read, gap=NOT_YET)
