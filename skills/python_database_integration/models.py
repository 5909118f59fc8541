"""Which models a database handoff becomes: one class a table, in the module of the entity it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.feature import Entity, Feature, FeatureField
from schemas.handoffs import Column, DatabaseAgentOutput, Table
from skills.codegen.escaping import py
from skills.codegen.imports import Import
from skills.codegen.naming import (
    attribute,
    class_name,
    column,
    join_columns,
    join_table,
    json_name,
    link_name,
    links_attribute,
    module_name,
)
from skills.design.aspect import Subject
from skills.design.aspects import Aspects, SubjectAspects
from skills.python_database_integration.columns import (
    IDENTITY,
    DatabaseNotMappable,
    MappedColumn,
    constraint_name,
    mapped_column,
)
from skills.python_database_integration.constraints import table_rules

ROOT = "app.models.base"
_MOMENT = ("timestamp with time zone", False, "now()")
_RECORD_COLUMNS = {"id": ("bigint", False, IDENTITY), "created_at": _MOMENT, "updated_at": _MOMENT}


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkModel:
    """A row of a join table. `links` and `ids` are attributes of the entity: the rows, and the related records' ids."""

    name: str
    table: str
    description: str
    links: str
    ids: str
    own: str
    related: str
    self_relation: bool
    columns: tuple[MappedColumn, ...]
    table_args: tuple[str, ...]
    imports: tuple[Import, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityModel:
    """An entity's model and the modules it needs."""

    name: str
    module: str
    table: str
    description: str
    columns: tuple[MappedColumn, ...]
    table_args: tuple[str, ...]
    many: tuple[LinkModel, ...]
    lines: tuple[str, ...]  # of the body
    imports: tuple[Import, ...]

    @property
    def exports(self) -> tuple[str, ...]:
        return tuple(sorted((self.name, *(link.name for link in self.many))))


def entity_models(feature: Feature, database: DatabaseAgentOutput, aspects: Aspects) -> tuple[EntityModel, ...]:
    """Return a model for each entity (`User` first), join tables beside the entity whose field they store.

    Raises:
        DatabaseNotMappable: The handoff lacks a table or column of the feature, has a table that no entity
            explains, or says something the models cannot.
    """
    tables = {table.name: table for table in database.tables}
    subjects = [Subject(feature=feature, entity=entity) for entity in (feature.user, *feature.entities)]
    models = tuple(_entity_model(aspects.of(subject), tables) for subject in subjects)
    explained = {name for model in models for name in (model.table, *(link.table for link in model.many))}
    if unexplained := sorted(tables.keys() - explained):
        raise DatabaseNotMappable(
            f"the database handoff has tables that no entity of the PRD explains: {', '.join(unexplained)}"
        )
    return models


def _entity_model(added: SubjectAspects, tables: dict[str, Table]) -> EntityModel:
    feature, entity = added.subject.feature, added.subject.entity
    table = _table(tables, entity.table, f"entity `{entity.name}`")
    _require_columns(table, [column(f) for f in entity.fields if f.type.kind != "references" and not f.computed])
    _require_record(table)
    rules = table_rules(table)
    columns = [
        mapped_column(table.name, c, extra=rules.on_column.get(c.name, ()))
        for c in table.columns
        if c.name not in _RECORD_COLUMNS
    ]
    body = added.code(lambda aspect, of: aspect.model(of))
    own_rules = [_moment_index(table, name, rule) for name in _RECORD_COLUMNS for rule in rules.on_column.get(name, ())]
    many = [_link_model(feature, entity, f, tables) for f in entity.fields if f.type.kind == "references"]
    imports = [
        *rules.imports,
        *body.imports,
        *(i for c in columns for i in c.imports),
        *(i for m in many for i in m.imports),
    ]
    return EntityModel(
        name=class_name(entity.name),
        module=module_name(entity.name),
        table=table.name,
        description=entity.description or ("An account." if entity is feature.user else f"A row of `{table.name}`."),
        columns=tuple(columns),
        table_args=(*rules.on_table, *own_rules),
        many=tuple(many),
        lines=body.lines,
        imports=(
            *imports,
            *_fixed_imports(columns, many),
            *([("sqlalchemy", "Index")] if own_rules else []),
        ),
    )


def _fixed_imports(columns: Sequence[MappedColumn], many: Sequence[LinkModel]) -> Iterable[Import]:
    yield ROOT, "Record"
    yield "sqlalchemy.orm", "Mapped"
    if many or any(c.arguments for c in columns):
        yield "sqlalchemy.orm", "mapped_column"
    if many:
        yield ROOT, "Base"
        yield "sqlalchemy.orm", "relationship"


def _link_model(feature: Feature, entity: Entity, f: FeatureField, tables: dict[str, Table]) -> LinkModel:
    target = feature.entity(f.type.target or "")
    table = _table(tables, join_table(entity, f), f"field `{f.name}` of entity `{entity.name}`")
    own, related = join_columns(entity, target)
    _require_columns(table, [own, related])
    rules = table_rules(table)
    columns = [
        mapped_column(table.name, c, extra=("primary_key=True", *rules.on_column.get(c.name, ())))
        for c in table.columns
    ]
    return LinkModel(
        name=link_name(entity, f),
        table=table.name,
        description=table.description or f"Links {entity.table} to {target.table} ({f.name}).",
        links=links_attribute(entity, f),
        ids=attribute(json_name(f)),
        own=attribute(own),
        related=attribute(related),
        self_relation=entity.name == target.name,
        columns=tuple(columns),
        table_args=tuple(rules.on_table),
        imports=(*rules.imports, *(i for c in columns for i in c.imports)),
    )


def _moment_index(table: Table, name: str, rule: str) -> str:
    """Return an index on a column that `Record` declares, which has no line of its own in the model."""
    if rule != "index=True":
        raise DatabaseNotMappable(f"column `{name}` of table `{table.name}` cannot be unique on its own")
    return f"Index({', '.join([*(constraint_name('ix', table.name, [name]) or ['None']), py(name)])})"


def _table(tables: dict[str, Table], name: str, wanted_by: str) -> Table:
    if name not in tables:
        known = ", ".join(sorted(tables)) or "none"
        raise DatabaseNotMappable(f"the database handoff has no table `{name}` for {wanted_by}; it has: {known}")
    return tables[name]


def _require_columns(table: Table, names: Iterable[str]) -> None:
    present = {c.name for c in table.columns}
    if missing := [name for name in names if name not in present]:
        raise DatabaseNotMappable(
            f"table `{table.name}` of the database handoff lacks `{'`, `'.join(missing)}`; "
            f"it has: {', '.join(sorted(present))}"
        )


def _require_record(table: Table) -> None:
    """Refuse a table whose `id`, `created_at` or `updated_at` is not what every record has."""
    _require_columns(table, _RECORD_COLUMNS)
    for c in table.columns:
        expected = _RECORD_COLUMNS.get(c.name)
        if expected not in (None, _shape(c)):
            raise DatabaseNotMappable(f"column `{c.name}` of table `{table.name}` is {_shape(c)}; expected {expected}")


def _shape(c: Column) -> tuple[str, bool, str | None]:
    return c.type, c.nullable, c.default
