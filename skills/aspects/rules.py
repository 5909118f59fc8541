"""Business rules in prose: the service asks a module of their own, which a model fills, before a record changes."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import Operation
from skills.codegen.naming import module_name
from skills.design.aspect import NOTHING, Aspect, Code, Raised, Refusal, Subject

_CHANGES = ("create", "update", "delete")


class RulesAspect(Aspect):
    name = "rules"
    after = ("references", "restricted", "unique")

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        if of.ruled and operation in _CHANGES:
            yield 409, "a business rule does not allow it"

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if of.ruled and operation in _CHANGES:
            yield "AppError", "A business rule does not allow it."

    def before_create(self, of: Subject) -> Code:
        return _ask(of, "before_create(db, caller, data)")

    def before_update(self, of: Subject) -> Code:
        return _ask(of, "before_update(db, caller, record, changes)")

    def before_delete(self, of: Subject) -> Code:
        return _ask(of, "before_delete(db, caller, record)")


def _ask(of: Subject, call: str) -> Code:
    module = f"{module_name(of.entity.name)}_rules"
    return Code((f"await {module}.{call}",), (("app.services.rules", module),)) if of.ruled else NOTHING


ASPECT = RulesAspect()
