"""Who reads and who writes: the label `Access`, or what holds without it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import Operation
from skills.design.access import accounts_exist, needs_owner_check, reads_signed_in
from skills.design.aspect import NOTHING, Aspect, Code, Raised, Refusal, Subject

_READS = ("list", "read")
_ITEMS = ("read", "update", "delete")


class AccessAspect(Aspect):
    name = "access"

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        access = of.entity.access
        signs_in = reads_signed_in(of.entity, of.feature) if operation in _READS else accounts_exist(of.feature)
        if signs_in:
            yield 401, "no access token, or one that is expired, forged, or of a session that has ended"
        if operation not in _READS and access.write == "admin":
            yield 403, "the caller is not an administrator"
        if operation in ("update", "delete") and access.write == "owner" and access.read != "owner":
            yield 403, f"the {of.noun} belongs to someone else"
        if operation in _ITEMS:
            yield 404, f"there is no such {of.noun}"
            if access.read == "owner":
                yield 404, "it belongs to someone else"

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if operation in _ITEMS:
            hidden = ", or it belongs to someone else" if of.entity.access.read == "owner" else ""
            yield "NotFound", f"There is none{hidden}."
        if operation in ("update", "delete") and needs_owner_check(of.entity):
            yield "Forbidden", "It belongs to someone else."

    def authorize(self, of: Subject, operation: Operation) -> Code:  # noqa: ARG002  # the same for a change and a delete
        if not needs_owner_check(of.entity):
            return NOTHING
        return Code(("access.require_owner(record.owner_id, caller)",))


ASPECT = AccessAspect()
