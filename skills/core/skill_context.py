"""Where a skill's work is done: what may be looked at, what may be written, and what it may cost.

The agent's step lays it out; an executor works on it. Templates need nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from skills.core.contribution import Contribution
from skills.model.budget import Meter


@dataclass(frozen=True, kw_only=True, slots=True)
class Rework:
    """Earlier work of the same skill, and what the agent's guards and checks found in it."""

    contribution: Contribution
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillContext:
    """One agent's place in one run. Paths are relative to the project, with `/` between names."""

    agent: str  # database-agent
    step: str = ""  # of the workflow; empty if it is called as the agent is
    tree: Path  # the staged tree: the project as the agents before left it; never written
    owned: Callable[[str], bool]  # may the agent write that path?
    owns: tuple[str, ...]  # the same as patterns, to be shown
    excludes: tuple[str, ...] = ()
    meter: Meter = field(default_factory=Meter)
    rework: Rework | None = None

    @property
    def spender(self) -> str:
        """The step for which the meter counts."""
        return self.step or self.agent
