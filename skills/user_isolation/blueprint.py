"""Turns the entities' access rules into the one module through which every query of a service passes."""

from __future__ import annotations

from schemas.base import Document
from schemas.feature import Entity, Feature
from skills.codegen.naming import class_name, module_name
from skills.core.contribution import ContributedFile, Contribution
from skills.core.templates import Templates
from skills.design.access import needs_owner_check

_FILE = "app/services/access.py"


class Input(Document):
    feature: Feature


class AccessRule(Document):
    """Who reads and who changes the records of an entity."""

    entity: str
    read: str
    write: str


class Output(Contribution):
    """`rules` of every entity of the PRD, `User` aside, which has no collection."""

    rules: tuple[AccessRule, ...]


def contribute(request: Input, templates: Templates) -> Output:
    """Return `app.services.access`: queries scoped to their caller, and checks of ownership and references."""
    entities = request.feature.entities
    content = templates.render(
        "app/services/access.py.j2",
        private=[_model(entity) for entity in entities if entity.access.read == "owner"],
        anonymous=any(entity.access.read == "public" for entity in entities),
        owner_writes=any(needs_owner_check(entity) for entity in entities),
        references=any(f.type.kind in {"reference", "references"} for entity in entities for f in entity.fields),
    )
    rules = tuple(AccessRule(entity=e.name, read=e.access.read, write=e.access.write) for e in entities)
    return Output(files=(ContributedFile(path=_FILE, content=content),), rules=rules)


def _model(entity: Entity) -> dict[str, str]:
    return {"name": class_name(entity.name), "module": module_name(entity.name)}
