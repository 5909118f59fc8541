"""The models map the tables of the database handoff: every column they name exists, and every column is named."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.contracts import Proposal, Violation
from agents.guards.source import PythonSource, sources
from schemas.handoffs import DatabaseAgentOutput

_COLUMN_CALLS = {"mapped_column", "Column"}
_NOT_COLUMNS = {"relationship", "association_proxy", "column_property", "synonym", "composite", "hybrid_property"}
_HINT = "Read the columns from the Database agent's handoff; a column that is not there needs a migration first."


class HandoffColumns:
    """Models and database handoff agree on tables and columns, both ways."""

    name = "handoff-columns"

    def __init__(self, *folders: str) -> None:
        """Look for models in Python files below `folders` (`app/models/`)."""
        self._folders = folders

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        handoff = proposal.handoffs.get("database")
        if not isinstance(handoff, DatabaseAgentOutput):
            return []
        files = list(sources(proposal, *self._folders))
        mapped = [*_mapped_classes(files), *_core_tables(files)]
        tables = {table.name: [column.name for column in table.columns] for table in handoff.tables}
        found = [fault for table in mapped for fault in _table_faults(table, tables)]
        if files:
            first = files[0].path.rpartition("/")[0] + "/"
            unmapped = sorted(tables.keys() - {table.name for table in mapped})
            found += [(first, 0, f"the handoff's table `{name}` has no model") for name in unmapped]
        return [
            Violation(guard=self.name, path=path, line=line, message=message, hint=_HINT)
            for path, line, message in sorted(found)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mapped:
    """A mapped table: its columns by name, with the line that names each."""

    path: str
    line: int
    name: str
    columns: Mapping[str, tuple[str, int]]


def _table_faults(table: _Mapped, tables: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int, str]]:
    if table.name not in tables:
        yield table.path, table.line, f"table `{table.name}` is not in the database handoff{_near(table.name, tables)}"
        return
    known = tables[table.name]
    for column, (path, line) in table.columns.items():
        if column not in known:
            yield path, line, f"`{table.name}` has no column `{column}` in the database handoff{_near(column, known)}"
    for column in known:
        if column not in table.columns:
            yield table.path, table.line, f"column `{column}` of `{table.name}` is not mapped"


def _near(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""


def _mapped_classes(files: Sequence[PythonSource]) -> Iterator[_Mapped]:
    classes = {
        node.name: (source, node)
        for source in files
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    for source, node in classes.values():
        table = _table_name(node)
        if table is not None:
            columns = _columns_with_bases(classes, node, set())
            yield _Mapped(path=source.path, line=node.lineno, name=table, columns=columns)


def _columns_with_bases(
    classes: Mapping[str, tuple[PythonSource, ast.ClassDef]], node: ast.ClassDef, seen: set[str]
) -> dict[str, tuple[str, int]]:
    """Collect a class's columns and those of its mixins."""
    seen.add(node.name)
    columns: dict[str, tuple[str, int]] = {}
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
        if name in classes and name not in seen:
            columns |= _columns_with_bases(classes, classes[name][1], seen)
    source = classes[node.name][0]
    return columns | {name: (source.path, line) for name, line in _own_columns(source, node)}


def _own_columns(source: PythonSource, node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if _is_mapped(source, statement.annotation) and not _calls(source, statement.value, _NOT_COLUMNS):
                yield _column_name(statement.target.id, statement.value), statement.lineno
        elif isinstance(statement, ast.Assign) and _calls(source, statement.value, _COLUMN_CALLS):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield _column_name(target.id, statement.value), statement.lineno
        elif isinstance(statement, ast.FunctionDef) and _is_declared_column(source, statement):
            yield statement.name, statement.lineno


def _is_mapped(source: PythonSource, annotation: ast.expr) -> bool:
    holder = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return source.full_name(holder).rpartition(".")[2] == "Mapped"


def _calls(source: PythonSource, value: ast.expr | None, names: set[str]) -> bool:
    return isinstance(value, ast.Call) and source.full_name(value.func).rpartition(".")[2] in names


def _is_declared_column(source: PythonSource, function: ast.FunctionDef) -> bool:
    """Say whether a method is a `declared_attr` that makes a column."""
    declared = any("declared_attr" in source.full_name(decorator) for decorator in function.decorator_list)
    return declared and any(
        _calls(source, n.value, _COLUMN_CALLS) for n in ast.walk(function) if isinstance(n, ast.Return)
    )


def _column_name(attribute: str, value: ast.expr | None) -> str:
    """Return the column an attribute maps: the call's leading string if it has one, else the attribute's name."""
    if isinstance(value, ast.Call):
        stated = [k.value for k in value.keywords if k.arg == "name"] + value.args[:1]
        for node in stated:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                return node.value
    return attribute


def _table_name(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        named = any(isinstance(target, ast.Name) and target.id == "__tablename__" for target in targets)
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _core_tables(files: Sequence[PythonSource]) -> Iterator[_Mapped]:
    """Find `Table("articles_tags", Base.metadata, Column("article_id", …), …)`."""
    for source in files:
        for node in ast.walk(source.tree):
            if _calls(source, node if isinstance(node, ast.expr) else None, {"Table"}) and isinstance(node, ast.Call):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    columns = {
                        _column_name("", call): (source.path, call.lineno)
                        for call in node.args[1:]
                        if _calls(source, call, _COLUMN_CALLS)
                    }
                    yield _Mapped(path=source.path, line=node.lineno, name=first.value, columns=columns)
