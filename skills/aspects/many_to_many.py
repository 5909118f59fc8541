"""Fields that refer to many records: changing the links is changing the record."""

from __future__ import annotations

from skills.codegen.escaping import py
from skills.codegen.naming import attribute, json_name
from skills.design.aspect import NOTHING, Aspect, Code, Subject
from skills.design.fields import writable


class ManyToManyAspect(Aspect):
    name = "many to many"

    def after_update(self, of: Subject) -> Code:
        many = [py(attribute(json_name(f))) for f in writable(of.entity) if f.type.kind == "references"]
        if not many:
            return NOTHING
        changed = f"{many[0]} in changes" if len(many) == 1 else f"changes.keys() & {{{', '.join(many)}}}"
        why = "links are rows of their own: changing them does not touch the record's"
        return Code((f"if {changed}:", f"    record.updated_at = func.now()  # {why}"), (("sqlalchemy", "func"),))


ASPECT = ManyToManyAspect()
