"""Which fields of an entity a client sends, which it receives, and which of them names a record."""

from __future__ import annotations

from schemas.feature import Entity, FeatureField

_LIKELY = ("name", "title", "label", "subject", "headline")


def writable(entity: Entity) -> list[FeatureField]:
    """Return the fields a client may send, in the PRD's order."""
    return [f for f in entity.fields if not f.read_only and f.slug_of is None]


def readable(entity: Entity) -> list[FeatureField]:
    """Return the fields a client receives, in the PRD's order."""
    return [f for f in entity.fields if not f.write_only]


def naming_field(entity: Entity) -> FeatureField | None:
    """Return the field whose text stands for a record: a likely name, else the first string; None if there is none."""
    strings = [f for f in readable(entity) if f.type.kind == "string" and not f.slug_of]
    likely = [f for word in _LIKELY for f in strings if f.name == word]
    required = [f for f in strings if f.required]
    return next(iter((*likely, *required, *strings)), None)
