"""A route answers with a response schema, never with an ORM model: what leaves the server is chosen, not leaked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.contracts import Proposal, Violation
from agents.guards.source import Function, PythonSource, annotation_names, functions, sources

_METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route"}
_NO_CONTENT = {"204", "HTTP_204_NO_CONTENT", "NO_CONTENT"}
_UNSPECIFIC = {"Any", "typing.Any", "object"}
_ORM_BASES = {"DeclarativeBase", "Base", "SQLModel", "MappedAsDataclass"}
_HINT = "Declare a Pydantic schema: `response_model=UserResponse`, and return `UserResponse.model_validate(user)`."


class OrmResponses:
    """No route returns an ORM model, or something unsaid that could be one."""

    name = "orm-response"

    def __init__(self, *folders: str, models: str) -> None:
        """Look at Python files below `folders` (`app/`); ORM models are the classes of the package `models`."""
        self._folders, self._models = folders, models

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(guard=self.name, path=source.path, line=line, message=message, hint=_HINT)
            for source in sources(proposal, *self._folders)
            for line, message in sorted(set(self._faults(source)))
        ]

    def _faults(self, source: PythonSource) -> Iterator[tuple[int, str]]:
        own = {
            node.name
            for node in ast.walk(source.tree)
            if isinstance(node, ast.ClassDef) and _is_orm_class(source, node)
        }
        for function in functions(source.tree):
            for decorator in function.decorator_list:
                if _is_route(decorator):
                    yield from self._route_faults(source, own, function, decorator)
        for node in ast.walk(source.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "add_api_route"
            ):
                yield from self._model_faults(source, own, _keyword(node, "response_model"), node.lineno)

    def _route_faults(
        self, source: PythonSource, own: set[str], function: Function, decorator: ast.expr
    ) -> Iterator[tuple[int, str]]:
        call = decorator if isinstance(decorator, ast.Call) else None
        stated = _keyword(call, "response_model") if call else None
        if stated is not None and not _is_none(stated):
            yield from self._model_faults(source, own, stated, function.lineno)
            return
        names = annotation_names(source, function.returns)
        leaked = sorted(name for name in names if self._is_orm(name, own))
        if leaked:
            yield function.lineno, f"route `{function.name}` returns the ORM model `{_short(leaked[0])}`"
        unsaid = function.returns is None or names & _UNSPECIFIC
        if unsaid and not (call and _is_no_content(source, call)):
            yield function.lineno, f"route `{function.name}` does not say what it returns"

    def _model_faults(
        self, source: PythonSource, own: set[str], stated: ast.expr | None, line: int
    ) -> Iterator[tuple[int, str]]:
        for name in sorted(annotation_names(source, stated)):
            if self._is_orm(name, own):
                yield line, f"`response_model` is the ORM model `{_short(name)}`"

    def _is_orm(self, name: str, own: set[str]) -> bool:
        return name in own or name.startswith(f"{self._models}.")


def _is_route(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Attribute) and call.attr in _METHODS and isinstance(decorator, ast.Call)


def _is_orm_class(source: PythonSource, node: ast.ClassDef) -> bool:
    """Say whether a class is mapped: it names a table, or derives from a declarative base (SQLModel: `table=True`)."""
    if any(_assigns(statement, "__tablename__") for statement in node.body):
        return True
    bases = {source.full_name(base).rpartition(".")[2] for base in node.bases}
    if "SQLModel" in bases:
        return any(k.arg == "table" and isinstance(k.value, ast.Constant) and k.value.value for k in node.keywords)
    return bool(bases & _ORM_BASES)


def _assigns(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    return (
        isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.target.id == name
    )


def _is_no_content(source: PythonSource, call: ast.Call) -> bool:
    status = _keyword(call, "status_code")
    if isinstance(status, ast.Constant):
        return str(status.value) in _NO_CONTENT
    return status is not None and source.full_name(status).rpartition(".")[2] in _NO_CONTENT


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
