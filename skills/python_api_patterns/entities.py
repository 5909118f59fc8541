"""The services, routers and places of business rules of a feature's entities: what their templates need to know.

Statuses come from the design's endpoints (`skills.design`), so that the routes declare what the API contract promises.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from schemas.feature import Entity, Feature, FeatureField
from schemas.handoffs import DatabaseAgentOutput
from skills.codegen.imports import import_lines
from skills.codegen.naming import (
    attribute,
    class_name,
    column,
    join_columns,
    json_name,
    link_name,
    links_attribute,
    module_name,
    title,
    titles,
    with_article,
)
from skills.core.contribution import ContributedFile, Route
from skills.core.templates import Templates
from skills.design.access import needs_owner_check
from skills.design.endpoints import endpoints
from skills.design.fields import writable
from skills.design.names import METHODS, operation_path
from skills.design.queries import FilterParameter, filter_parameters, listed_field
from skills.python_api_patterns.entity_code import EntityCode, FilterCode, OrderCode, ReferenceCode, SlugCode
from skills.python_api_patterns.entity_imports import router_imports, rules_imports, service_imports

_LISTING = "app/services/listing.py"
_SLUGS = "app/services/slugs.py"
_SLUG_LENGTH = 255
_NAMES_IN_SERVICES = frozenset(
    {"access", "caller", "data", "db", "func", "listing", "null", "record", "slugs", "true", "value", "values"}
)


def entity_files(
    feature: Feature, database: DatabaseAgentOutput, templates: Templates, ruled: Collection[str] = ()
) -> list[ContributedFile]:
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
        code = entity_code(feature, database, entity, ruled)
        module, model = module_name(entity.name), class_name(entity.name)
        made = [
            (f"app/services/{code.service}.py", "app/services/entity_service.py.j2"),
            (f"app/routers/{module}.py", "app/routers/entity.py.j2"),
        ]
        if code.ruled:
            made.append((f"app/services/rules/{code.rules}.py", "app/services/rules/entity_rules.py.j2"))
        imports = import_lines(rules_imports(feature, entity)) if code.ruled else []
        for path, template in made:
            text = templates.render(template, code=code, model=model, rules_imports=imports)
            files.append(ContributedFile(path=path, content=text))
    return files


def may_have_rules(entity: Entity) -> bool:
    """Say whether clients make, change or delete records: that is when business rules are asked."""
    return bool({"create", "update", "delete"} & {*entity.operations})


def entity_routes(feature: Feature) -> list[Route]:
    """Return the router of each entity that has operations, in the PRD's order."""
    return [Route(module=f"app.routers.{module_name(e.name)}") for e in feature.entities if e.operations]


def entity_code(
    feature: Feature, database: DatabaseAgentOutput, entity: Entity, ruled: Collection[str] = ()
) -> EntityCode:
    """Return what the templates of one entity's service, router and rules need."""
    model, noun = class_name(entity.name), title(entity.name).lower()
    sent = writable(entity)
    code = EntityCode(
        name=entity.singular,
        singular=noun,
        plural=titles(entity.name).lower(),
        one=with_article(noun),
        tag=titles(entity.name),
        collection=entity.collection,
        operations=entity.operations,
        statuses=_statuses(feature, entity, ruled),
        service=f"{module_name(entity.name)}_service",
        list_name=f"list_{entity.table}",
        id_name=f"{entity.singular}_id",
        owner=entity.owner,
        private=entity.access.read == "owner",
        public=entity.access.read == "public",
        owner_check=needs_owner_check(entity),
        restricted=_is_restricted(database, entity),
        unique=_has_unique(database, entity),
        null_defaults=_has_null_defaults(entity),
        writer="AdminUser" if entity.access.write == "admin" else "CurrentUser",
        references=[
            ReferenceCode(attribute=attribute(json_name(f)), model=class_name(f.type.target))
            for f in sent
            if f.type.target
        ],
        filters=[_filter(feature, entity, parameter) for parameter in filter_parameters(entity)],
        orders=[order for name in entity.sorts for order in _orders(model, listed_field(entity, name))],
        slugs=[_slug(entity, f) for f in entity.fields if f.slug_of],
        many=[attribute(json_name(f)) for f in sent if f.type.kind == "references"],
        ruled=entity.name in ruled and may_have_rules(entity),
    )
    code.service_imports = import_lines(service_imports(feature, entity, code))
    code.router_imports = import_lines(router_imports(entity, code))
    return code


# ---- what the API promises and the database refuses -------------------------------------------------------------


def _statuses(feature: Feature, entity: Entity, ruled: Collection[str]) -> dict[str, str]:
    """Return the error statuses of each operation as arguments: `400, 401, 404`."""
    planned = {(e.method, e.path): e for e in endpoints(feature, ruled)}
    statuses: dict[str, str] = {}
    for operation in entity.operations:
        endpoint = planned[METHODS[operation], operation_path(operation, entity)]
        statuses[operation] = ", ".join(str(status) for status in sorted({error.status for error in endpoint.errors}))
    return statuses


def _is_restricted(database: DatabaseAgentOutput, entity: Entity) -> bool:
    restricting = f"{entity.table}.id on delete restrict"
    return any(c.references == restricting for table in database.tables for c in table.columns)


def _has_unique(database: DatabaseAgentOutput, entity: Entity) -> bool:
    return any(c.kind == "unique" for table in database.tables if table.name == entity.table for c in table.constraints)


def _has_null_defaults(entity: Entity) -> bool:
    """Say whether a client may send null where leaving a field out means the database's default."""
    return any(f.has_default and f.default is not None and not f.required for f in writable(entity))


# ---- lists ------------------------------------------------------------------------------------------------------


def _filter(feature: Feature, entity: Entity, parameter: FilterParameter) -> FilterCode:
    model, f = class_name(entity.name), parameter.field
    if parameter.comparison == "links":
        _, related = join_columns(entity, feature.entity(f.type.target or ""))
        row = f"{link_name(entity, f)}.{attribute(related)}"
        condition = f"{model}.{links_attribute(entity, f)}.any({row} == value)"
    else:
        condition = f"{model}.{attribute(column(f))} {parameter.comparison} value"
    return FilterCode(attribute=parameter.attribute, condition=condition)


def _orders(model: str, f: FeatureField) -> tuple[OrderCode, OrderCode]:
    name, sorted_by = json_name(f), f"{model}.{attribute(column(f))}"
    # PostgreSQL puts nulls last in ascending order by itself.
    descending = f"{sorted_by}.desc()" if f.required else f"{sorted_by}.desc().nulls_last()"
    return (
        OrderCode(value=name, columns=(f"{sorted_by}.asc()", f"{model}.id.asc()")),
        OrderCode(value=f"-{name}", columns=(descending, f"{model}.id.desc()")),
    )


# ---- slugs ------------------------------------------------------------------------------------------------------


def _slug(entity: Entity, f: FeatureField) -> SlugCode:
    groups = [(scope, f.name) for scope in f.unique_per] + [group for group in entity.unique if f.name in group]
    return SlugCode(
        model=class_name(entity.name),
        attribute=attribute(f.name),
        variable=f"{f.name}_value" if f.name in _NAMES_IN_SERVICES else attribute(f.name),
        source=attribute(f.slug_of or ""),
        longest=f.max_length or _SLUG_LENGTH,
        otherwise=entity.singular.replace("_", "-"),
        unique=f.unique or bool(groups),
        optional=not next(other.required for other in entity.fields if other.name == f.slug_of),
        scopes=() if f.unique else tuple(_scope(entity, f, group) for group in groups),
    )


def _scope(entity: Entity, f: FeatureField, group: Iterable[str]) -> str:
    """Return the condition that two records with one slug would have to meet to clash."""
    model, sent = class_name(entity.name), {other.name: other for other in writable(entity)}
    same = [f"{model}.owner_id == caller.id"] if "owner" in group else []
    for name in group:
        if name in sent and name != f.name:
            key = attribute(column(sent[name]))
            same.append(f"{model}.{key} == data.{key}")
    return " & ".join(f"({condition})" for condition in same) if len(same) > 1 else "".join(same) or "true()"
