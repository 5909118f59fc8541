"""Records that others refer to with `on delete restrict`, which is the default: they stay."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import Operation
from skills.codegen.naming import title
from skills.design.aspect import Aspect, Raised, Refusal, Subject


class RestrictedAspect(Aspect):
    name = "restricted"

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        holders = _holders(of)
        if holders and operation == "delete":
            yield 409, f"a {' or '.join(dict.fromkeys(holders))} still refers to it"

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if operation == "delete" and _holders(of):
            yield "IntegrityError", "Other records still refer to it."


def _holders(of: Subject) -> list[str]:
    return [
        title(other.name).lower()
        for other in (of.feature.user, *of.feature.entities)
        for field in other.fields
        if field.type.kind == "reference" and field.type.target == of.entity.name and field.on_delete == "restrict"
    ]


ASPECT = RestrictedAspect()
