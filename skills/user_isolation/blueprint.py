"""Turns the entities' access rules into the one module through which every query of a service passes."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.base import Document
from schemas.feature import Feature
from skills.codegen.imports import Import, import_lines
from skills.codegen.naming import class_name, module_name
from skills.core.contribution import ContributedFile, Contribution
from skills.core.templates import Templates
from skills.design.access import needs_owner_check
from skills.design.aspect import Code, Subject
from skills.design.aspects import Aspects

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
    narrowed = _query_filters(request.feature, templates.aspects)
    content = templates.render(
        "app/services/access.py.j2",
        private=[class_name(entity.name) for entity in entities if entity.access.read == "owner"],
        narrowed={model: "".join(code.lines) for model, code in narrowed.items()},
        anonymous=any(entity.access.read == "public" for entity in entities),
        owner_writes=any(needs_owner_check(entity) for entity in entities),
        references=any(f.type.kind in {"reference", "references"} for entity in entities for f in entity.fields),
        imports=import_lines(_imports(request.feature, narrowed)),
    )
    rules = tuple(AccessRule(entity=e.name, read=e.access.read, write=e.access.write) for e in entities)
    return Output(files=(ContributedFile(path=_FILE, content=content),), rules=rules)


def _query_filters(feature: Feature, aspects: Aspects) -> dict[str, Code]:
    """Return what aspects call on the query of each model's records, where they do."""
    subjects = [Subject(feature=feature, entity=entity) for entity in feature.entities]
    found = {of.model: aspects.of(of).code(lambda aspect, of: aspect.query_filter(of)) for of in subjects}
    return {model: code for model, code in found.items() if code.lines}


def _imports(feature: Feature, narrowed: dict[str, Code]) -> Iterator[Import]:
    """Yield the models that the module names, and what their query filters need."""
    yield from (("app.models.base", "Record"), ("app.models.user", "User"))
    for entity in feature.entities:
        if entity.access.read == "owner" or class_name(entity.name) in narrowed:
            yield f"app.models.{module_name(entity.name)}", class_name(entity.name)
    yield from (name for code in narrowed.values() for name in code.imports)
