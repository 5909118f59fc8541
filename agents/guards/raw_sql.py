"""The application speaks to the database through the ORM: no SQL as text.

SQL that is part of a schema (`server_default=text("now()")`, `CheckConstraint("…")`) is not a query and stays; so do
migrations, which are not application code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.contracts import Proposal, Violation
from agents.guards.source import PythonSource, sources

_TEXTUAL = {"text", "literal_column", "TextClause"}
_SCHEMA = {"CheckConstraint", "Index", "Computed", "DDL", "ExcludeConstraint", "Identity", "FetchedValue"}
_SCHEMA_KEYWORDS = {"server_default", "server_onupdate", "postgresql_where", "sqltext"}
_EXECUTING = {
    "execute",
    "executemany",
    "scalar",
    "scalars",
    "stream",
    "stream_scalars",
    "fetch",
    "fetchrow",
    "fetchval",
}
_DRIVER_CALLS = {"asyncpg.connect", "asyncpg.create_pool", "psycopg.connect", "psycopg.AsyncConnection.connect"}
_HINT = "Build the statement with the ORM: `select(Todo).where(Todo.title == title)`."


class RawSql:
    """No query in the application is written as text."""

    name = "raw-sql"

    def __init__(self, *folders: str) -> None:
        """Look at Python files below `folders` (`app/`)."""
        self._folders = folders

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(guard=self.name, path=source.path, line=line, message=message, hint=_HINT)
            for source in sources(proposal, *self._folders)
            for line, message in sorted(set(_faults(source, source.tree)))
        ]


def _faults(source: PythonSource, node: ast.AST) -> Iterator[tuple[int, str]]:
    """Walk the tree, but not into the parts of a call that are schema."""
    if isinstance(node, ast.Call):
        yield from _call_faults(source, node)
        if source.full_name(node.func).rpartition(".")[2] in _SCHEMA:
            return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.keyword) and child.arg in _SCHEMA_KEYWORDS):
            yield from _faults(source, child)


def _call_faults(source: PythonSource, call: ast.Call) -> Iterator[tuple[int, str]]:
    name = source.full_name(call.func)
    origin, _, last = name.rpartition(".")
    if last in _TEXTUAL and origin.partition(".")[0] in {"sqlalchemy", "sqlmodel"}:
        yield call.lineno, f"`{last}(...)` is SQL as text"
    if name in _DRIVER_CALLS:
        yield call.lineno, f"`{name}` goes around the ORM"
    if not isinstance(call.func, ast.Attribute):
        return
    method = call.func.attr
    if method == "exec_driver_sql":
        yield call.lineno, "`exec_driver_sql` is SQL as text"
    elif method in _EXECUTING and call.args and _is_text(call.args[0]):
        yield call.lineno, f"a string is passed to `{method}`"


def _is_text(node: ast.expr) -> bool:
    """Say whether an expression is a string put together here: a literal, an f-string, `+`, `%`, `.format`, `.join`."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join", "format_map"} and _is_text(node.func.value)
    return isinstance(node, ast.JoinedStr)
