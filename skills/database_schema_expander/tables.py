"""The tables of a feature: columns, constraints, indexes, and the order in which they can be created.

Pure: computed from the `Feature` alone. `TablePlan.table()` is what the live database must turn out to have.

Not here: unique, check and index rules (`rules`), how types and values are spelled (`spelling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.errors import InputError
from schemas.feature import Entity, Feature, FeatureField, FieldType, OnDelete
from schemas.stack import NONE
from skills.codegen.naming import column, database_name, join_columns, join_table
from skills.database_schema_expander import spelling
from skills.database_schema_expander.plans import ColumnPlan, ForeignKey, IndexPlan, TablePlan, UniquePlan
from skills.database_schema_expander.rules import MOMENTS, added_checks, checks, indexes, uniques
from skills.database_schema_expander.sql import LIMIT, SYSTEM_COLUMNS
from skills.design.aspect import Subject
from skills.design.aspects import Aspects, SubjectAspects


class SchemaImpossible(InputError):
    """The feature's names cannot all exist in one PostgreSQL schema."""

    code = "schema_impossible"


def plan_tables(feature: Feature, aspects: Aspects) -> tuple[TablePlan, ...]:
    """Return every table of `feature` in creation order, with what `aspects` add.

    Raises:
        SchemaImpossible: Two tables or two columns share a name, or a name is longer than PostgreSQL allows.
    """
    accounts = feature.stack["authentication"] != NONE
    entities = (feature.user, *feature.entities) if accounts else feature.entities
    plans = [_entity_table(aspects.of(Subject(feature=feature, entity=entity))) for entity in entities]
    plans += [_join_table(feature, entity, f) for entity in entities for f in entity.fields if _is_many(f)]
    _refuse_clashes(plans)
    return _in_order(plans)


# ---- one entity -------------------------------------------------------------------------------------------------


def _entity_table(added: SubjectAspects) -> TablePlan:
    feature, entity = added.subject.feature, added.subject.entity
    table = entity.table
    account = _account_fields(feature, entity)
    stored = [f for f in (*account, *entity.fields) if not _is_many(f) and not f.computed]
    keys = [_foreign_key(table, "owner_id", feature.user.table, "cascade")] if entity.owner else []
    keys += [
        _foreign_key(table, column(f), feature.entity(f.type.target or "").table, f.on_delete)
        for f in stored
        if f.type.kind == "reference"
    ]
    unique = uniques(table, account, added)
    owner = [ColumnPlan(name="owner_id", type=spelling.BIGINT, nullable=False)] if entity.owner else []
    moments = [ColumnPlan(name=n, type=spelling.TIMESTAMP, nullable=False, default=spelling.NOW) for n in MOMENTS]
    return TablePlan(
        name=table,
        entity=entity.name,
        description=entity.description,
        columns=(
            ColumnPlan(name="id", type=spelling.BIGINT, nullable=False, identity=True),
            *owner,
            *(_column(f) for f in stored),
            *moments,
        ),
        primary_key=UniquePlan(name=database_name("pk", table), columns=("id",)),
        foreign_keys=tuple(keys),
        uniques=unique,
        checks=(*(check for f in stored for check in checks(table, f)), *added_checks(added)),
        indexes=indexes(added, stored, [key.column for key in keys], unique),
    )


_TEXT = FieldType(kind="string")
_ROLE_CHARACTERS = 20  # room for roles a later migration may add


def _account_fields(feature: Feature, entity: Entity) -> list[FeatureField]:
    """Return the columns every account has, or nothing for another entity."""
    if entity.name != feature.user.name:
        return []
    roles = FieldType(kind="enum", values=("user", "admin"))
    return [
        FeatureField(name="email", type=FieldType(kind="email"), required=True, unique=True),
        FeatureField(name="name", type=_TEXT, required=True, max_length=120),
        FeatureField(name="hashed_password", type=_TEXT, required=True, write_only=True),
        FeatureField(
            name="role", type=roles, required=True, max_length=_ROLE_CHARACTERS, has_default=True, default="user"
        ),
        FeatureField(name="token_version", type=FieldType(kind="integer"), required=True, has_default=True, default=0),
    ]


def _column(f: FeatureField) -> ColumnPlan:
    return ColumnPlan(
        name=column(f),
        type=spelling.column_type(f),
        nullable=not f.required,
        default=spelling.default(f),
    )


def _foreign_key(table: str, column: str, target: str, on_delete: OnDelete) -> ForeignKey:
    return ForeignKey(name=database_name("fk", table, column), column=column, table=target, on_delete=on_delete)


def _is_many(f: FeatureField) -> bool:
    return f.type.kind == "references"


# ---- join tables and order --------------------------------------------------------------------------------------


def _join_table(feature: Feature, entity: Entity, f: FeatureField) -> TablePlan:
    target = feature.entity(f.type.target or "")
    table = join_table(entity, f)
    own, related = join_columns(entity, target)
    return TablePlan(
        name=table,
        entity=None,
        description=f"Links {entity.table} to {target.table} ({f.name}).",
        columns=tuple(ColumnPlan(name=name, type=spelling.BIGINT, nullable=False) for name in (own, related)),
        primary_key=UniquePlan(name=database_name("pk", table), columns=(own, related)),
        foreign_keys=(
            _foreign_key(table, own, entity.table, "cascade"),
            _foreign_key(table, related, target.table, "cascade"),
        ),
        indexes=(IndexPlan(name=database_name("ix", table, related), columns=(related,)),),
    )


def _in_order(plans: Sequence[TablePlan]) -> tuple[TablePlan, ...]:
    """Put every table after those it references; where references form a circle, defer the ones that close it."""
    waiting = list(plans)
    ordered: list[TablePlan] = []
    while waiting:
        made = {plan.name for plan in ordered}
        ready = next((p for p in waiting if not _missing(p, made)), None)
        chosen = ready or min(waiting, key=lambda p: len(_missing(p, made)))
        late = _missing(chosen, made)
        waiting.remove(chosen)
        ordered.append(_deferring(chosen, late))
    return tuple(ordered)


def _missing(plan: TablePlan, made: set[str]) -> list[ForeignKey]:
    return [key for key in plan.foreign_keys if key.table not in made and key.table != plan.name]


def _deferring(plan: TablePlan, late: Sequence[ForeignKey]) -> TablePlan:
    kept = tuple(key for key in plan.foreign_keys if key not in late)
    return replace(plan, foreign_keys=kept, deferred=tuple(late))


def _refuse_clashes(plans: Sequence[TablePlan]) -> None:
    tables = [plan.name for plan in plans]
    for name in tables:
        if tables.count(name) > 1:
            raise SchemaImpossible(f"two tables would be called `{name}`; rename the entity or the field in the PRD")
    for plan in plans:
        columns = [column.name for column in plan.columns]
        for name in columns:
            if columns.count(name) > 1 or name in SYSTEM_COLUMNS:
                why = "is reserved by PostgreSQL" if name in SYSTEM_COLUMNS else "exists twice"
                raise SchemaImpossible(f"column `{name}` of table `{plan.name}` {why}; rename the field in the PRD")
        for name in (plan.name, *columns):
            if len(name.encode()) > LIMIT:
                raise SchemaImpossible(f"`{name}` is longer than PostgreSQL's {LIMIT} bytes; shorten it in the PRD")
