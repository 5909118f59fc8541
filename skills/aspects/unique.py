"""What is unique: the label `Unique`, the rules `unique` and `unique per`."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import Operation
from skills.codegen.naming import column, json_name
from skills.design.aspect import Aspect, Raised, Refusal, Subject


class UniqueAspect(Aspect):
    name = "unique"

    def unique(self, of: Subject) -> Iterator[tuple[str, ...]]:
        stored = [f for f in of.entity.fields if f.type.kind != "references"]
        columns = {"owner": "owner_id", **{f.name: column(f) for f in stored}}
        for f in stored:
            if f.unique:
                yield (column(f),)
            for scope in f.unique_per:
                yield columns[scope], column(f)
        for names in of.entity.unique:
            yield tuple(columns[name] for name in names)

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        fields = of.entity.fields
        alone = [(field.name, *field.unique_per) for field in fields if field.unique or field.unique_per]
        writable = {field.name for field in fields if not field.read_only}
        sets = [names for names in (*alone, *of.entity.unique) if writable & {*names}]
        if sets and operation in ("create", "update"):
            spelled = {"owner": "owner", **{field.name: json_name(field) for field in fields}}
            listed = " or ".join(f"`{'`, `'.join(spelled[name] for name in names)}`" for names in dict.fromkeys(sets))
            yield 409, f"another {of.noun} has the same {listed}"

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if operation in ("create", "update") and any(self.unique(of)):
            yield "IntegrityError", "A value that must be unique is taken."


ASPECT = UniqueAspect()
