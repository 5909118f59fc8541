"""Optional fields with a default: a client may send null, where leaving the field out means the default."""

from __future__ import annotations

from schemas.feature import Operation
from skills.design.aspect import NOTHING, Aspect, Code, Subject
from skills.design.fields import writable


class NullDefaultsAspect(Aspect):
    name = "null defaults"

    def sent(self, of: Subject) -> Code:
        if not _has_null_defaults(of):
            return NOTHING
        comment = (
            "# A null that was sent is meant: `None` would leave the column out, and the database put its default in."
        )
        sent = "**{name: null() if value is None else value for name, value in values.items()}"
        return Code((comment, sent), (("sqlalchemy", "null"),))

    def committed(self, of: Subject, operation: Operation) -> Code:
        read_back = operation == "create" and _has_null_defaults(of)
        return Code(("await db.refresh(record)",)) if read_back else NOTHING


def _has_null_defaults(of: Subject) -> bool:
    return any(f.has_default and f.default is not None and not f.required for f in writable(of.entity))


ASPECT = NullDefaultsAspect()
