"""Read a proposal's Python as syntax trees, and say what a name means where it is used.

A file that does not parse is one violation of its own (`PythonSyntax`); the other guards then pass it over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agents.contracts import Proposal, Violation

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonSource:
    """A Python file: its tree, and the full name of everything it imports (`sa` → `sqlalchemy`)."""

    path: str
    tree: ast.Module
    imported: Mapping[str, str]

    def full_name(self, node: ast.expr) -> str:
        """Return the dotted name an expression refers to, import aliases resolved; empty if it is no plain name."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""


def sources(proposal: Proposal, *folders: str) -> Iterator[PythonSource]:
    """Yield the Python files below `folders` (`app/`) that parse, in path order."""
    for path in sorted(proposal.files):
        if path.endswith(".py") and path.startswith(folders):
            parsed = _parsed(path, proposal.files[path])
            if isinstance(parsed, PythonSource):
                yield parsed


class PythonSyntax:
    """Every Python file parses."""

    name = "python-syntax"

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        found = []
        for path in sorted(proposal.files):
            parsed = _parsed(path, proposal.files[path]) if path.endswith((".py", ".pyi")) else None
            if isinstance(parsed, _Unreadable):
                found.append(
                    Violation(
                        guard=self.name,
                        path=path,
                        line=parsed.line,
                        message=f"not Python: {parsed.reason}",
                        hint="Write a file that Python can parse.",
                    )
                )
        return found


@dataclass(frozen=True, slots=True)
class _Unreadable:
    line: int
    reason: str


@lru_cache(maxsize=512)
def _parsed(path: str, text: str) -> PythonSource | _Unreadable:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return _Unreadable(error.lineno or 0, error.msg)
    except (ValueError, RecursionError, MemoryError) as error:  # NUL characters, absurd nesting
        return _Unreadable(0, str(error) or type(error).__name__)
    return PythonSource(path=path, tree=tree, imported=_imports(path, tree))


def _imports(path: str, tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(path, node)
            names |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
    return names


def _origin(path: str, node: ast.ImportFrom) -> str:
    """Return the absolute module of a `from … import`, relative ones resolved from the file's place."""
    if not node.level:
        return node.module or ""
    package = path.removesuffix(".py").split("/")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes that run when `function` runs: nested functions and lambdas are not entered."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def annotation_names(source: PythonSource, annotation: ast.expr | None) -> set[str]:
    """Return the full names inside an annotation, quoted parts read as well: `list["User"] | None`."""
    names: set[str] = set()
    waiting: list[ast.AST] = [annotation] if annotation else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name | ast.Attribute):
            names.add(source.full_name(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                waiting.append(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                continue
        elif not isinstance(node, ast.Attribute):
            waiting.extend(ast.iter_child_nodes(node))
    return names
