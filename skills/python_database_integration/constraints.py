"""Unique constraints, checks and indexes of the database handoff as arguments of a model.

A unique constraint or index on one column is an argument of that column where the naming convention gives its name;
all others stand in `__table_args__`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from schemas.handoffs import Constraint, Index, Table
from skills.codegen.escaping import py
from skills.codegen.imports import Import
from skills.python_database_integration.columns import DatabaseNotMappable, constraint_name

_COLUMN = r'(?:"(?:[^"]|"")+"|[^\s",()]+)'
_UNIQUE = re.compile(rf"UNIQUE (?P<nulls>NULLS NOT DISTINCT )?\((?P<columns>{_COLUMN}(?:, {_COLUMN})*)\)")
_TEXT_WIDTH = 100  # characters of a literal: the line's 120 less its indent
_CHECK = re.compile(r"CHECK \((?P<condition>.*)\)", re.DOTALL)


@dataclass(slots=True)
class TableRules:
    """`on_column` holds arguments by column name, `on_table` those of `__table_args__`."""

    on_column: dict[str, list[str]] = field(default_factory=dict)
    on_table: list[str] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)


def table_rules(table: Table) -> TableRules:
    """Return the rules of `table`, its primary key and foreign keys aside.

    Raises:
        DatabaseNotMappable: A constraint or an index has no counterpart here.
    """
    rules = TableRules()
    for constraint in table.constraints:
        if constraint.kind == "unique":
            _add_unique(rules, table, constraint)
        elif constraint.kind == "check":
            _add_check(rules, table, constraint)
    made_by_constraints = {constraint.name for constraint in table.constraints}
    for index in table.indexes:
        if index.name not in made_by_constraints:
            _add_index(rules, table, index)
    return rules


def unique_columns(table: Table, constraint: Constraint) -> tuple[str, ...]:
    """Return the columns of a unique constraint, in order.

    Raises:
        DatabaseNotMappable: Its definition is not `UNIQUE (column, …)`.
    """
    found = _UNIQUE.fullmatch(constraint.definition)
    if found is None:
        raise _not_mappable(table, constraint, "UNIQUE (column, …)")
    return tuple(_unquoted(name) for name in re.findall(_COLUMN, found["columns"]))


def _add_unique(rules: TableRules, table: Table, constraint: Constraint) -> None:
    columns = unique_columns(table, constraint)
    distinct = "NULLS NOT DISTINCT" not in constraint.definition
    named = constraint_name("uq", table.name, columns, constraint.name)
    if len(columns) == 1 and not named and distinct:
        rules.on_column.setdefault(columns[0], []).append("unique=True")
        return
    options = [*named, *([] if distinct else ["postgresql_nulls_not_distinct=True"])]
    rules.on_table.append(f"UniqueConstraint({', '.join([*map(py, columns), *options])})")
    rules.imports.append(("sqlalchemy", "UniqueConstraint"))


def _add_check(rules: TableRules, table: Table, constraint: Constraint) -> None:
    found = _CHECK.fullmatch(constraint.definition)
    if found is None:
        raise _not_mappable(table, constraint, "CHECK (condition)")
    # SQLAlchemy takes `:name` for a parameter unless the colon is escaped; `::` is a cast, and stays.
    condition = re.sub(r"(?<!:):(?!:)", r"\\:", found["condition"])
    rules.on_table.append(f"CheckConstraint({_lines(condition)}, name={py(constraint.name)})")
    rules.imports.append(("sqlalchemy", "CheckConstraint"))


def _lines(text: str) -> str:
    """Return a long text as string literals side by side, which the formatter puts on lines of their own."""
    lines = [""]
    for word in re.findall(r"\S*\s*", text):
        if len(py(lines[-1] + word)) > _TEXT_WIDTH and lines[-1]:
            lines.append("")
        lines[-1] += word
    return " ".join(map(py, lines))


def _add_index(rules: TableRules, table: Table, index: Index) -> None:
    if not set(index.columns) <= {column.name for column in table.columns}:
        raise DatabaseNotMappable(
            f"index `{index.name}` of table `{table.name}` is on `{', '.join(index.columns)}`; "
            "the models can only say indexes on columns of the table"
        )
    named = constraint_name("ix", table.name, index.columns, index.name)
    if len(index.columns) == 1 and not named and not index.unique:
        rules.on_column.setdefault(index.columns[0], []).append("index=True")
        return
    # `None` asks the naming convention for the name.
    name = py(index.name) if named else "None"
    unique = ["unique=True"] if index.unique else []
    rules.on_table.append(f"Index({', '.join([name, *map(py, index.columns), *unique])})")
    rules.imports.append(("sqlalchemy", "Index"))


def _not_mappable(table: Table, constraint: Constraint, expected: str) -> DatabaseNotMappable:
    return DatabaseNotMappable(
        f"constraint `{constraint.name}` of table `{table.name}` is `{constraint.definition}`; expected `{expected}`"
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
