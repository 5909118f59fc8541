"""Nothing blocks the event loop: no synchronous database session, driver, HTTP client or sleep in async code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.contracts import Proposal, Violation
from agents.guards.source import PythonSource, annotation_names, functions, own_nodes, sources

_SYNC_DATABASE = {
    "sqlalchemy.create_engine",
    "sqlalchemy.engine.create_engine",
    "sqlalchemy.orm.Session",
    "sqlalchemy.orm.session.Session",
    "sqlalchemy.orm.scoped_session",
    "sqlalchemy.orm.sessionmaker",
    "sqlmodel.Session",
    "sqlmodel.create_engine",
}
_SYNC_DRIVERS = {"psycopg2", "pg8000", "pymysql", "MySQLdb", "sqlite3", "mysql", "pymssql", "cx_Oracle"}
_SESSION_TYPES = {name for name in _SYNC_DATABASE if name.endswith("ession")}
_BLOCKING_CALLS = {"time.sleep", "urllib.request.urlopen", "psycopg.connect", "os.system"}
_BLOCKING_MODULES = {"requests", "urllib3", "subprocess"}
_HTTPX_CALLS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "Client"}
_HINT = "Use the async API: `AsyncSession`, `await db.execute(select(...))`, `asyncio.sleep`, `httpx.AsyncClient`."


class BlockingCalls:
    """Async application code makes no blocking call, and the application no synchronous database connection."""

    name = "sync-in-async"

    def __init__(self, *folders: str) -> None:
        """Look at Python files below `folders` (`app/`)."""
        self._folders = folders
        self._packages = tuple(folder.replace("/", ".") for folder in folders)

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(guard=self.name, path=source.path, line=line, message=message, hint=_HINT)
            for source in sources(proposal, *self._folders)
            for line, message in sorted(set(_faults(source, self._packages)))
        ]


def _faults(source: PythonSource, own: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _driver_import(node)
        elif isinstance(node, ast.Call):
            yield from _sync_database_call(source, node, own)
    for function in functions(source.tree):
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if annotation_names(source, argument.annotation) & _SESSION_TYPES:
                yield function.lineno, f"`{function.name}` takes a synchronous `Session` (`{argument.arg}`)"
        if isinstance(function, ast.AsyncFunctionDef):
            for node in own_nodes(function):
                if isinstance(node, ast.Call):
                    yield from _blocking_call(source, function.name, node)


def _driver_import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.partition(".")[0] in _SYNC_DRIVERS:
            yield node.lineno, f"`{module}` is a synchronous database driver"


def _sync_database_call(source: PythonSource, call: ast.Call, own: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    name = source.full_name(call.func)
    if name in _SYNC_DATABASE and not _is_async_factory(source, call):
        yield call.lineno, f"`{name}` makes a synchronous connection or session"
    # `Session.query` exists on synchronous sessions only; a `query` that is called with a class is that one.
    if (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "query"
        and call.args
        and not source.full_name(call.func).startswith(own)  # `app.services.search.query` is the app's
    ):
        yield call.lineno, f"`{ast.unparse(call.func)}(...)` is a query on a synchronous session"


def _is_async_factory(source: PythonSource, call: ast.Call) -> bool:
    """`sessionmaker(engine, class_=AsyncSession)` is the async factory in its older spelling."""
    classes = [source.full_name(keyword.value) for keyword in call.keywords if keyword.arg == "class_"]
    return any(name.endswith("AsyncSession") for name in classes)


def _blocking_call(source: PythonSource, function: str, call: ast.Call) -> Iterator[tuple[int, str]]:
    name = source.full_name(call.func)
    module, _, attribute = name.partition(".")
    imported = name.partition(".")[0] in {full.partition(".")[0] for full in source.imported.values()}
    blocking = name in _BLOCKING_CALLS or (attribute and module in _BLOCKING_MODULES)
    if imported and (blocking or (module == "httpx" and attribute in _HTTPX_CALLS)):
        yield call.lineno, f"`{name}` blocks the event loop in async `{function}`"
