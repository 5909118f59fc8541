"""Every parameter and every return is annotated: this is typed Python."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from agents.contracts import Proposal, Violation
from agents.guards.source import Function, functions, sources


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a function should annotate (`all`), and what it does not (`missing`), as words for people."""

    all: tuple[str, ...]
    missing: tuple[str, ...]


class MissingTypeHints:
    """Functions below the folders annotate all parameters and their return."""

    name = "type-hints"

    def __init__(self, *folders: str) -> None:
        """Look at Python files below `folders` (`app/`)."""
        self._folders = folders

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        return [
            Violation(
                guard=self.name,
                path=source.path,
                line=function.lineno,
                message=f"`{function.name}` lacks type hints: {', '.join(missing)}",
                hint="Annotate every parameter and the return: `async def get(db: AsyncSession, id_: int) -> User:`",
            )
            for source in sources(proposal, *self._folders)
            for function in sorted(functions(source.tree), key=lambda function: function.lineno)
            if (missing := unannotated(function).missing)
        ]


def unannotated(function: Function) -> Annotations:
    """Say what of a function is to be annotated; `self` and `cls` of a method are not."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    named = [*positional, *arguments.kwonlyargs]
    named += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    if positional and positional[0].arg in {"self", "cls"} and positional[0].annotation is None:
        named.remove(positional[0])
    wanted: list[tuple[str, ast.expr | None]] = [(f"parameter `{a.arg}`", a.annotation) for a in named]
    wanted.append(("return", function.returns))
    return Annotations(
        all=tuple(name for name, _ in wanted),
        missing=tuple(name for name, annotation in wanted if annotation is None),
    )
