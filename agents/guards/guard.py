"""A guard looks at what a step is about to do, by diff and by syntax tree, and names every violation.

Guards run on the result, whoever or whatever produced it; they never trust the tool that wrote a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.base import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a step wants to publish. `files` maps each path to its new text; `handoffs` as in `Work`."""

    agent: str
    files: Mapping[str, str]
    owned: Callable[[str], bool]  # does this agent own that path?
    handoffs: Mapping[str, Document]


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One broken rule. `line` counts from 1; 0 where a whole file is meant."""

    guard: str
    path: str
    line: int
    message: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message} [{self.guard}]\n    {self.hint}"


class Guard(Protocol):
    """One rule."""

    @property
    def name(self) -> str: ...

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        """Return every violation, in path and line order; an empty list if the proposal is fine."""
        ...
