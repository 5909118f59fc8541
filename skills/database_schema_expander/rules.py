"""The rules of one entity's fields as unique constraints, checks and indexes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.feature import FeatureField
from skills.codegen import naming
from skills.codegen.naming import database_name
from skills.database_schema_expander import spelling
from skills.database_schema_expander.plans import CheckPlan, IndexPlan, UniquePlan
from skills.database_schema_expander.sql import literal, quoted
from skills.design.aspects import SubjectAspects

MOMENTS = ("created_at", "updated_at")
_BTREE_CHARACTERS = 600  # a btree entry holds 2704 bytes: 600 characters of four bytes, and a few columns of eight


def uniques(table: str, account: Sequence[FeatureField], added: SubjectAspects) -> tuple[UniquePlan, ...]:
    """Collect what is unique; the same columns twice are one constraint. `account` are fields of every account."""
    own = [(naming.column(f),) for f in account if f.unique]
    groups = dict.fromkeys((*own, *added.unique()))
    return tuple(UniquePlan(name=database_name("uq", table, *group), columns=group) for group in groups)


def checks(table: str, f: FeatureField) -> Iterable[CheckPlan]:
    column = naming.column(f)
    if f.type.kind == "enum":
        yield _enum_check(table, column, f.type.values)
    if f.type.kind in {"string", "text", "email", "url"}:
        yield from _length_check(table, column, f)
    if f.type.kind in {"integer", "decimal", "float"}:
        yield from _range_check(table, column, f)


def added_checks(added: SubjectAspects) -> Iterable[CheckPlan]:
    """Return the checks that aspects add."""
    return (CheckPlan(name=c.name, condition=c.condition, definition=c.definition) for c in added.checks())


def _enum_check(table: str, column: str, values: Sequence[str]) -> CheckPlan:
    if len(values) == 1:
        allowed = f"{literal(values[0])}::text"
    else:
        listed = ", ".join(f"{literal(value)}::character varying" for value in values)
        allowed = f"ANY ((ARRAY[{listed}])::text[])"
    return CheckPlan(
        name=database_name("ck", table, column, "values"),
        condition=f"sa.column({column!r}).in_({list(values)!r})",
        definition=f"(({quoted(column)})::text = {allowed})",
    )


def _length_check(table: str, column: str, f: FeatureField) -> Iterable[CheckPlan]:
    """State the bounds that the column's type does not already state."""
    limit = spelling.characters(f)
    bounds = []
    if f.min_length:
        bounds.append((">=", f.min_length))
    if f.max_length is not None and (limit is None or f.max_length < limit):
        bounds.append(("<=", f.max_length))
    name = quoted(column)
    printed = f"char_length({name})" if f.type.kind == "text" else f"char_length(({name})::text)"
    if bounds:
        yield _comparison(
            database_name("ck", table, column, "length"),
            [(f"char_length({name}) {op} {n}", f"({printed} {op} {n})") for op, n in bounds],
        )


def _range_check(table: str, column: str, f: FeatureField) -> Iterable[CheckPlan]:
    type_ = spelling.column_type(f).sql
    bounds = [(op, bound) for op, bound in ((">=", f.minimum), ("<=", f.maximum)) if bound is not None]
    name = quoted(column)
    parts = []
    for op, bound in bounds:
        value = spelling.number(spelling.whole(bound, op) if type_ == "bigint" else bound, type_)
        parts.append((f"{name} {op} {value.python}", f"({name} {op} {value.sql})"))
    if parts:
        yield _comparison(database_name("ck", table, column, "range"), parts)


def _comparison(name: str, parts: Sequence[tuple[str, str]]) -> CheckPlan:
    condition = " AND ".join(said for said, _ in parts)
    printed = " AND ".join(stated for _, stated in parts)
    return CheckPlan(name=name, condition=repr(condition), definition=printed if len(parts) == 1 else f"({printed})")


def indexes(
    added: SubjectAspects, stored: Sequence[FeatureField], keys: Sequence[str], uniques: Sequence[UniquePlan]
) -> tuple[IndexPlan, ...]:
    """Index foreign keys, `indexed` fields and lookups, each column once; a unique's first column has one."""
    by_name = {f.name: f for f in stored}
    looked_up = [*keys, *(naming.column(f) for f in stored if f.indexed)]
    looked_up += [_queried_column(by_name, lookup.field) for lookup in added.indexes() if not lookup.ordered]
    sorted_by = [_queried_column(by_name, lookup.field) for lookup in added.indexes() if lookup.ordered]
    has_one = {unique.columns[0] for unique in uniques} | {""}
    long = {naming.column(f) for f in stored if _is_long(f)}
    plans = []
    for column in dict.fromkeys((*looked_up, *sorted_by)):
        if column in has_one or (column in long and column not in looked_up):
            continue  # a long text does not fit a btree, and only a btree can sort
        name = database_name("ix", added.subject.entity.table, column)
        plans.append(IndexPlan(name=name, columns=(column,), method="hash" if column in long else "btree"))
    return tuple(plans)


def _queried_column(by_name: dict[str, FeatureField], name: str) -> str:
    """Return the column behind a name, or an empty string where a join table answers it."""
    if name == "owner":
        return "owner_id"
    return naming.column(by_name[name]) if name in by_name else name if name in MOMENTS else ""


def _is_long(f: FeatureField) -> bool:
    """Say whether a value may be too long for a btree entry. A URL is ASCII: its bytes are its characters."""
    if f.type.kind not in {"string", "text"}:
        return False
    limit = f.max_length or spelling.characters(f)
    return limit is None or limit > _BTREE_CHARACTERS
