"""The services and routers of a feature's entities: what their templates need to know.

Statuses come from the planned endpoints (`contract`), so that the routes declare what the API contract promises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.feature import Entity, Feature, FeatureField
from schemas.handoffs import DatabaseAgentOutput
from skills.contribution import ContributedFile, Route
from skills.escaping import py
from skills.naming import (
    attribute,
    class_name,
    column,
    join_columns,
    json_name,
    module_name,
    title,
    titles,
    with_article,
)
from skills.pydantic_validation.lines import writable
from skills.pydantic_validation.module_types import import_lines
from skills.pydantic_validation.queries import FilterParameter, filter_parameters, listed_field
from skills.python_api_patterns.contract import collection_path, endpoints, item_path
from skills.python_database_integration.models import link_name, links_attribute
from skills.templates import Templates
from skills.user_isolation.blueprint import needs_owner_check

_LISTING = "app/services/listing.py"
_SLUGS = "app/services/slugs.py"
_SLUG_LENGTH = 255
_METHODS = {"list": "GET", "create": "POST", "read": "GET", "update": "PATCH", "delete": "DELETE"}
_NAMES_IN_SERVICES = frozenset(
    {"access", "caller", "data", "db", "func", "listing", "null", "record", "slugs", "true", "value", "values"}
)
_COLLECTION_OPERATIONS = ("list", "create")

Import = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceCode:
    attribute: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterCode:
    """`condition` is an expression over `value`."""

    attribute: str
    condition: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderCode:
    """What `?sort=value` orders by: expressions, the last of which is the id."""

    value: str
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlugCode:
    """A field the server makes; `optional` if its source may be absent.

    `scopes` are conditions on the records among which it is unique.
    """

    model: str
    attribute: str
    variable: str
    source: str
    longest: int
    otherwise: str
    unique: bool
    optional: bool
    scopes: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments of `free_slug` after the session."""
        return ", ".join((f"{self.model}.{self.attribute}", self.variable, *self.scopes))


@dataclass(kw_only=True, slots=True)
class EntityCode:
    """One entity as its templates see it: words for people, names for code, and what it has."""

    name: str
    singular: str
    plural: str
    one: str
    tag: str
    collection: str
    operations: tuple[str, ...]
    statuses: dict[str, str]
    service: str
    list_name: str
    id_name: str
    owner: bool
    private: bool
    public: bool
    owner_check: bool
    restricted: bool
    unique: bool
    null_defaults: bool
    writer: str
    references: list[ReferenceCode]
    filters: list[FilterCode]
    orders: list[OrderCode]
    slugs: list[SlugCode]
    many: list[str]
    service_imports: list[str] = field(default_factory=list)
    router_imports: list[str] = field(default_factory=list)

    @property
    def reader(self) -> str:
        """The argument that says who reads."""
        return "None" if self.public else "caller"

    @property
    def create_caller(self) -> bool:
        """Whether making a record needs to know who makes it, beyond being let in."""
        return self.owner or bool(self.references) or any("caller" in s for slug in self.slugs for s in slug.scopes)

    @property
    def made(self) -> list[str]:
        """The arguments that make a record: what was sent, and what no client sends."""
        slugs = [f"{slug.attribute}={slug.variable}" for slug in self.slugs]
        if self.null_defaults:
            sent = "**{name: null() if value is None else value for name, value in values.items()}"
        else:
            sent = "**values" if self.references else "**data.model_dump()"
        return [sent, *slugs, *(["owner_id=caller.id"] if self.owner else [])]

    @property
    def many_changed(self) -> str:
        """The condition that a many-to-many is among the changes."""
        if len(self.many) == 1:
            return f"{py(self.many[0])} in changes"
        return f"changes.keys() & {{{', '.join(map(py, self.many))}}}"


def entity_files(feature: Feature, database: DatabaseAgentOutput, templates: Templates) -> list[ContributedFile]:
    """Return a service and a router for each entity that has operations, and the modules that services share."""
    entities = [entity for entity in feature.entities if entity.operations]
    files = []
    if any("list" in entity.operations for entity in entities):
        files.append(ContributedFile(path=_LISTING, content=templates.read(_LISTING)))
    if any(f.slug_of for entity in entities if "create" in entity.operations for f in entity.fields):
        files.append(ContributedFile(path=_SLUGS, content=templates.read(_SLUGS)))
    for entity in entities:
        code = entity_code(feature, database, entity)
        module, model = module_name(entity.name), class_name(entity.name)
        for path, template in (
            (f"app/services/{code.service}.py", "app/services/entity_service.py.j2"),
            (f"app/routers/{module}.py", "app/routers/entity.py.j2"),
        ):
            files.append(ContributedFile(path=path, content=templates.render(template, code=code, model=model)))
    return files


def entity_routes(feature: Feature) -> list[Route]:
    """Return the router of each entity that has operations, in the PRD's order."""
    return [Route(module=f"app.routers.{module_name(e.name)}") for e in feature.entities if e.operations]


def entity_code(feature: Feature, database: DatabaseAgentOutput, entity: Entity) -> EntityCode:
    """Return what the templates of one entity's service and router need."""
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
        statuses=_statuses(feature, entity),
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
    )
    code.service_imports = import_lines(_service_imports(feature, entity, code))
    code.router_imports = import_lines(_router_imports(entity, code))
    return code


# ---- what the API promises and the database refuses -------------------------------------------------------------


def _statuses(feature: Feature, entity: Entity) -> dict[str, str]:
    """Return the error statuses of each operation as arguments: `400, 401, 404`."""
    planned = {(e.method, e.path): e for e in endpoints(feature)}
    statuses: dict[str, str] = {}
    for operation in entity.operations:
        path = collection_path(entity) if operation in _COLLECTION_OPERATIONS else item_path(entity)
        endpoint = planned[_METHODS[operation], path]
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


# ---- imports ----------------------------------------------------------------------------------------------------


def _service_imports(feature: Feature, entity: Entity, code: EntityCode) -> Iterable[Import]:
    model, operations = class_name(entity.name), entity.operations
    module = f"app.models.{module_name(entity.name)}"
    schemas = f"app.schemas.{module_name(entity.name)}"
    yield from (("app.services", "access"), ("sqlalchemy.ext.asyncio", "AsyncSession"), (module, model))
    yield from ((schemas, f"{model}{s}") for o, s in (("create", "Create"), ("update", "Update")) if o in operations)
    if "list" in operations:
        yield from (("app.services", "listing"), (schemas, f"{model}Query"), ("typing", "Final"))
        yield "collections.abc", "Sequence"
        yield from ((module, link_name(entity, p.field)) for p in filter_parameters(entity) if p.comparison == "links")
    if code.references or ("list" in operations and (code.filters or code.orders)):
        yield from (("collections.abc", "Mapping"), ("typing", "Final"))
    if code.references:
        yield "app.models.base", "Record"
        targets = [f.type.target for f in writable(entity) if f.type.target]
        yield from ((f"app.models.{module_name(target)}", class_name(target)) for target in targets)
    if _service_names_caller(code):
        yield f"app.models.{module_name(feature.user.name)}", class_name(feature.user.name)
    yield from _value_imports(code)


def _value_imports(code: EntityCode) -> Iterable[Import]:
    """What a service needs to make and change values."""
    if code.slugs and "create" in code.operations:
        yield "app.services", "slugs"
        if any(scope == "true()" for slug in code.slugs for scope in slug.scopes):
            yield "sqlalchemy", "true"
    if code.null_defaults and "create" in code.operations:
        yield "sqlalchemy", "null"
    if code.many and "update" in code.operations:
        yield "sqlalchemy", "func"


def _service_names_caller(code: EntityCode) -> bool:
    reads = not code.public and bool({"list", "read"} & set(code.operations))
    creates = "create" in code.operations and code.create_caller
    return reads or creates or bool({"update", "delete"} & set(code.operations))


def _router_imports(entity: Entity, code: EntityCode) -> Iterable[Import]:
    model, operations = class_name(entity.name), set(entity.operations)
    schemas = f"app.schemas.{module_name(entity.name)}"
    yield from (("fastapi", "APIRouter"), ("app.core.database", "DbSession"), ("app.schemas.common", "responses"))
    yield "app.services", code.service
    if operations - {"delete"}:
        yield schemas, f"{model}Response"
    if "list" in operations:
        yield from ((schemas, f"{model}Page"), (schemas, f"{model}Query"))
        yield from (("fastapi", "Query"), ("typing", "Annotated"))
    if "create" in operations:
        yield from (("fastapi", "Request"), ("fastapi", "Response"), ("app.schemas.common", "CREATED"))
        yield schemas, f"{model}Create"
    if "update" in operations:
        yield schemas, f"{model}Update"
    if operations & {"create", "delete"}:
        yield "fastapi", "status"
    if operations & {"read", "update", "delete"}:
        yield "app.schemas.types", "IdParameter"
    if operations & {"create", "update", "delete"}:
        yield "app.dependencies.auth", code.writer
    if operations & {"list", "read"} and not code.public:
        yield "app.dependencies.auth", "CurrentUser"
