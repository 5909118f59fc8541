"""`**States:** status: pending -> confirmed -> cancelled`: the only allowed changes of an enum field."""

from __future__ import annotations

import re
from itertools import pairwise

from handoff.prd_labels import Known, Label
from handoff.prd_report import NOT_YET, Cursor
from schemas.base import JSON

_STATES = re.compile(r"([^:\s]+)\s*:(.*)", re.DOTALL)


def _read(value: str, known: Known, spot: Cursor) -> dict[str, JSON] | None:
    found = _STATES.fullmatch(value.strip())
    if not found or not found[2].strip():
        spot.problem("`States` cannot be read", got=value, expected="`status: pending -> confirmed -> cancelled`")
        return None
    chains = [[state.strip() for state in chain.split("->")] for chain in found[2].split(";")]
    if not known.there((found[1],), spot) or not _are_values(chains, found[1], known, spot):
        return None
    return {"field": found[1], "changes": [list(change) for chain in chains for change in pairwise(chain)]}


def _are_values(chains: list[list[str]], name: str, known: Known, spot: Cursor) -> bool:
    field = known.fields.get(name)
    if field is None:
        return True
    if field.type.kind != "enum":
        spot.problem(f"`States` needs an enum, but `{name}` is `{field.type.kind}`")
        return False
    missing = [state for chain in chains for state in chain if state not in field.type.values]
    for state in missing:
        spot.unknown("state", state, field.type.values)
    return not missing


LABEL = Label(name="States", read=_read, gap=NOT_YET)
