"""A stack: what is chosen for each part of an app, and conditions on what is chosen.

Parts are named by their keys (`background_tasks`), choices as people spell them (`Django ORM`).

Not here: which parts and choices the PRD's language has (`schemas.parts`), which of them somebody provides
(`handoff.catalogue`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import ConfigDict, RootModel

NONE: Final = "none"


class Stack(RootModel[Mapping[str, str]]):
    """The choices of the PRD's `## Stack` by part, defaults filled in. A part that is not there is `none`."""

    model_config = ConfigDict(frozen=True)

    def __getitem__(self, part: str) -> str:
        return self.root.get(part, NONE)


class Choice(NamedTuple):
    """What is chosen for a part, or can be."""

    part: str
    choice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """The stack has one of `choices` for `part`, or none of them if `negated`."""

    part: str
    choices: tuple[str, ...]
    negated: bool = False

    def holds(self, stack: Stack) -> bool:
        return (stack[self.part] in self.choices) is not self.negated

    def reason(self, stack: Stack) -> str:
        """Return why the condition holds (`frontend is React`), or why not."""
        if self.holds(stack):
            return f"{self.part} is {stack[self.part]}"
        return f"needs {self.need}, the stack has {stack[self.part]}"

    @property
    def need(self) -> str:
        """What the condition asks for: `authentication JWT or Token`, `frontend other than none`."""
        return f"{self.part} {'other than ' if self.negated else ''}{' or '.join(self.choices)}"

    def __str__(self) -> str:
        return f"{self.part} is {'not ' if self.negated else ''}{' or '.join(self.choices)}"


def all_hold(conditions: Iterable[Condition], stack: Stack) -> bool:
    """Return whether every condition holds."""
    return all(condition.holds(stack) for condition in conditions)
