"""The services, routers and places of business rules of a feature's entities: what their templates need to know.

Statuses come from the design's endpoints (`skills.design`), so that the routes declare what the API contract promises.

Not here: what labels and rules add (`skills.aspects`).
"""

from __future__ import annotations

from collections.abc import Collection

from schemas.feature import Entity, Feature
from skills.codegen.imports import import_lines
from skills.codegen.naming import module_name, titles, with_article
from skills.core.contribution import ContributedFile
from skills.core.templates import Templates
from skills.design.aspect import NOTHING, Code, Subject
from skills.design.aspects import Aspects, SubjectAspects
from skills.design.endpoints import endpoints
from skills.design.names import METHODS, operation_path
from skills.python_api_patterns.entity_code import ChangeCode, EntityCode
from skills.python_api_patterns.entity_imports import router_imports, rules_imports, service_imports
from skills.python_app.parts import Route

_LISTING = "app/services/listing.py"
_SLUGS = "app/services/slugs.py"


def entity_files(feature: Feature, templates: Templates, ruled: Collection[str] = ()) -> list[ContributedFile]:
    """Return a service and a router for each entity that has operations, and the modules that services share.

    Entities named in `ruled` have a module for business rules, which their service asks.
    """
    entities = [entity for entity in feature.entities if entity.operations]
    files = []
    if any("list" in entity.operations for entity in entities):
        files.append(ContributedFile(path=_LISTING, content=templates.read(_LISTING)))
    if any(f.slug_of for entity in entities if "create" in entity.operations for f in entity.fields):
        files.append(ContributedFile(path=_SLUGS, content=templates.read(_SLUGS)))
    for entity in entities:
        subject = Subject(feature=feature, entity=entity, ruled=entity.name in ruled and may_have_rules(entity))
        code = entity_code(subject, templates.aspects, ruled)
        module = module_name(entity.name)
        made = [
            (f"app/services/{code.service}.py", "app/services/entity_service.py.j2", service_imports(subject, code)),
            (f"app/routers/{module}.py", "app/routers/entity.py.j2", router_imports(entity, code)),
        ]
        if subject.ruled:
            rules = "app/services/rules"
            made.append((f"{rules}/{code.rules}.py", f"{rules}/entity_rules.py.j2", rules_imports(feature, entity)))
        for path, template, imports in made:
            text = templates.render(template, code=code, model=code.model, imports=import_lines(imports))
            files.append(ContributedFile(path=path, content=text))
    return files


def may_have_rules(entity: Entity) -> bool:
    """Say whether clients make, change or delete records: that is when business rules are asked."""
    return bool({"create", "update", "delete"} & {*entity.operations})


def entity_routes(feature: Feature) -> list[Route]:
    """Return the router of each entity that has operations, in the PRD's order."""
    return [Route(module=f"app.routers.{module_name(e.name)}") for e in feature.entities if e.operations]


def entity_code(subject: Subject, aspects: Aspects, ruled: Collection[str] = ()) -> EntityCode:
    """Return what the templates of one entity's service, router and rules need."""
    entity, added = subject.entity, aspects.of(subject)
    create, arguments = _create(added)
    public = entity.access.read == "public"
    return EntityCode(
        model=subject.model,
        name=entity.singular,
        singular=subject.noun,
        plural=titles(entity.name).lower(),
        one=with_article(subject.noun),
        tag=titles(entity.name),
        collection=entity.collection,
        operations=entity.operations,
        statuses=_statuses(subject, aspects, ruled),
        service=f"{module_name(entity.name)}_service",
        rules=f"{module_name(entity.name)}_rules",
        list_name=f"list_{entity.table}",
        id_name=f"{entity.singular}_id",
        owner=entity.owner,
        private=entity.access.read == "owner",
        public=public,
        writer="AdminUser" if entity.access.write == "admin" else "CurrentUser",
        parameters=added.parameters(),
        orders=added.orders(),
        constants=added.code(lambda aspect, of: aspect.constants(of)),
        read_raises=added.raises("read"),
        create=create,
        arguments=arguments,
        update=_update(added),
        delete=_delete(added),
        routes=added.routes(),
    )


def _create(added: SubjectAspects) -> tuple[ChangeCode, str]:
    """Return what making a record takes, and the arguments it is made with."""
    before = added.code(lambda aspect, of: aspect.before_create(of))
    sent = added.code(lambda aspect, of: aspect.sent(of))
    named = Code((*before.lines, *sent.lines)).names("values")
    *comments, expression = sent.lines or ("**values" if named else "**data.model_dump()",)
    change = ChangeCode(
        raises=added.raises("create"),
        before=Code(("values = data.model_dump()", *before.lines), before.imports) if named else before,
        change=Code(tuple(comments), sent.imports),
        after=added.code(lambda aspect, of: aspect.after_create(of)),
        committed=added.code(lambda aspect, of: aspect.committed(of, "create")),
    )
    return change, ", ".join((expression, *added.arguments()))


def _update(added: SubjectAspects) -> ChangeCode:
    return ChangeCode(
        raises=added.raises("update"),
        authorize=added.code(lambda aspect, of: aspect.authorize(of, "update")),
        before=added.code(lambda aspect, of: aspect.before_update(of)),
        after=added.code(lambda aspect, of: aspect.after_update(of)),
        committed=added.code(lambda aspect, of: aspect.committed(of, "update")),
    )


def _delete(added: SubjectAspects) -> ChangeCode:
    removal = added.code(lambda aspect, of: aspect.remove(of))
    return ChangeCode(
        raises=added.raises("delete"),
        authorize=added.code(lambda aspect, of: aspect.authorize(of, "delete")),
        before=added.code(lambda aspect, of: aspect.before_delete(of)),
        change=Code(("await db.delete(record)",)) if removal is NOTHING else removal,
        after=added.code(lambda aspect, of: aspect.after_delete(of)),
        committed=added.code(lambda aspect, of: aspect.committed(of, "delete")),
    )


def _statuses(subject: Subject, aspects: Aspects, ruled: Collection[str]) -> dict[str, str]:
    """Return the error statuses of each operation as arguments: `400, 401, 404`."""
    planned = {(e.method, e.path): e for e in endpoints(subject.feature, ruled, aspects)}
    statuses: dict[str, str] = {}
    for operation in subject.entity.operations:
        endpoint = planned[METHODS[operation], operation_path(operation, subject.entity)]
        statuses[operation] = ", ".join(str(status) for status in sorted({error.status for error in endpoint.errors}))
    return statuses
