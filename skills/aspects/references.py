"""References to other records, one or many: they exist, and the caller may read them."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import FeatureField, Operation
from skills.codegen.escaping import py
from skills.codegen.naming import attribute, class_name, json_name, module_name
from skills.design.aspect import NOTHING, Aspect, Code, Raised, Refusal, Subject
from skills.design.fields import writable


class ReferencesAspect(Aspect):
    name = "references"

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        names = [f"`{json_name(field)}`" for field in _sent(of)]
        if names and operation in ("create", "update"):
            yield 400, f"{' or '.join(names)} names a record that does not exist"

    def constants(self, of: Subject) -> Code:
        sent = _sent(of)
        if not sent:
            return NOTHING
        models = [(field, class_name(field.type.target or "")) for field in sent]
        lines = (
            "# The model each reference leads to.",
            "_REFERENCES: Final[Mapping[str, type[Record]]] = {",
            *(f"    {py(attribute(json_name(field)))}: {model}," for field, model in models),
            "}",
        )
        used = (("app.models.base", "Record"), ("collections.abc", "Mapping"), ("typing", "Final"))
        targets = tuple((f"app.models.{module_name(field.type.target or '')}", model) for field, model in models)
        return Code(lines, (*used, *targets))

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if _sent(of) and operation in ("create", "update"):
            yield "ValidationFailed", "It refers to a record that the caller may not see."

    def before_create(self, of: Subject) -> Code:
        return _check(of, "values")

    def before_update(self, of: Subject) -> Code:
        return _check(of, "changes")


def _sent(of: Subject) -> list[FeatureField]:
    return [field for field in writable(of.entity) if field.type.target]


def _check(of: Subject, values: str) -> Code:
    return Code((f"await access.require_references(db, caller, _REFERENCES, {values})",)) if _sent(of) else NOTHING


ASPECT = ReferencesAspect()
