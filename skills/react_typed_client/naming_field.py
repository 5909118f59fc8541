"""Which field names a record where it is mentioned."""

from __future__ import annotations

from schemas.feature import Entity, FeatureField

_LIKELY = ("name", "title", "label", "subject", "headline")


def naming_field(entity: Entity) -> FeatureField | None:
    """Return the field whose text stands for a record: a likely name, else the first string; None if there is none."""
    strings = [f for f in entity.fields if f.type.kind == "string" and not f.write_only and not f.slug_of]
    likely = [f for word in _LIKELY for f in strings if f.name == word]
    required = [f for f in strings if f.required]
    return next(iter((*likely, *required, *strings)), None)
