"""`**Access:** public read, admin write`: who reads and who writes."""

from __future__ import annotations

from typing import Final, Literal

from handoff.prd_labels import Known, Label
from handoff.prd_report import Cursor, words
from schemas.feature import Access

_READS: Final[dict[str, Literal["owner", "signed-in", "public"]]] = {
    "owner only": "owner",
    "signed-in": "signed-in",
    "signed-in read": "signed-in",
    "public read": "public",
}
_WRITES: Final[dict[str, Literal["owner", "signed-in", "admin"]]] = {
    "owner write": "owner",
    "signed-in write": "signed-in",
    "admin write": "admin",
}


def default_access(*, owner: bool) -> Access:
    """Return who reads and writes records of which no label says it."""
    everyone = _everyone(owner=owner)
    return Access(read=everyone, write=everyone)


def _everyone(*, owner: bool) -> Literal["owner", "signed-in"]:
    return "owner" if owner else "signed-in"


def _read(value: str, known: Known, spot: Cursor) -> Access | None:
    parts = [" ".join(part.casefold().replace("signed in", "signed-in").split()) for part in words(value)]
    read, write = parts[0], parts[1] if len(parts) > 1 else None
    for part, allowed in ((read, _READS), (write, _WRITES)):
        if part is not None and part not in allowed:
            spot.unknown("access", part, allowed)
            return None
    if len(parts) > 2:  # noqa: PLR2004  # read and write
        spot.problem("`Access` has more than two parts", got=value, expected="who reads, then who writes")
        return None
    access = Access(read=_READS[read], write=_WRITES[write] if write else _everyone(owner=known.owner))
    return access if _fits(access, value, known, spot) else None


def _fits(access: Access, value: str, known: Known, spot: Cursor) -> bool:
    if not known.owner and "owner" in (access.read, access.write):
        spot.problem("`Access` speaks of an owner, but records have none", got=value, hint="add `**Owner:** yes`")
        return False
    if access.read == "owner" and access.write != "owner":
        spot.problem(
            "`owner only` leaves nobody else to write", got=value, expected="`owner only`", hint="drop the second part"
        )
        return False
    return True


LABEL = Label(name="Access", read=_read, sets="access")
