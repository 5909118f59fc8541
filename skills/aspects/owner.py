"""The label `Owner`: each record belongs to the signed-in user who made it."""

from __future__ import annotations

from skills.design.aspect import Aspect, Subject


class OwnerAspect(Aspect):
    name = "owner"
    after = ("slug",)

    def arguments(self, of: Subject) -> tuple[str, ...]:
        return ("owner_id=caller.id",) if of.entity.owner else ()


ASPECT = OwnerAspect()
