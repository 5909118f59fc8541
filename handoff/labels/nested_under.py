"""`**Nested under:** list`: also listed and created below the record that the field refers to."""

from __future__ import annotations

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor


def _read(value: str, known: Known, spot: Cursor) -> str | None:
    name = value.strip()
    if not known.there((name,), spot):
        return None
    field = known.fields.get(name)
    if field and field.type.kind != "reference":
        spot.problem(f"`Nested under` needs a reference, but `{name}` is `{field.type.kind}`")
        return None
    return name


LABEL = Label(name="Nested under", read=_read, gap=NOT_YET)
