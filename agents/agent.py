"""What an agent is: the paths it owns, what it reads, what it writes, how its work is guarded and checked.

One folder an agent (`agents/database/agent.py` …), each exposing `AGENT`. Its prose, for people and for model-backed
skills, is `agent.md` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.checks.check import Check
from agents.guards.guard import Guard
from schemas.base import JSON, Document
from schemas.feature import Feature
from schemas.handoffs import Verdict
from skills.contribution import Contribution


@dataclass(frozen=True, kw_only=True, slots=True)
class Reads:
    """A handoff the agent reads. `name` is the name skills know it by; `question` is asked if it is missing."""

    contract: str
    name: str
    question: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One agent's work in one run: what it was given, what its skills made, what its checks measured."""

    task: str
    timestamp: str  # ISO 8601, UTC
    feature: Feature
    handoffs: Mapping[str, Document]  # by `Reads.name`
    outputs: Mapping[str, Contribution]  # by skill name
    files: tuple[str, ...]  # produced paths, sorted
    measured: Mapping[str, JSON] = field(default_factory=dict)  # by check name
    verification: tuple[Verdict, ...] = ()


def nothing(handoff: Document) -> Contribution:  # noqa: ARG001  # every agent's `claims` takes one
    """Return the claims of an agent whose handoff holds nothing but what is measured."""
    return Contribution()


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """An agent. `owns` and `never` are glob patterns (`**` crosses folders) relative to the workspace."""

    name: str  # database-agent
    title: str  # Database
    reads: tuple[Reads, ...]
    writes: str  # contract id of its handoff
    owns: tuple[str, ...]
    excludes: tuple[str, ...] = ()  # patterns inside `owns` that belong to another agent
    fixed: tuple[str, ...] = ()  # patterns that, once published, may not change content (migrations)
    guards: tuple[Guard, ...]
    checks: tuple[Check, ...]
    compose: Callable[[Work], Document]  # the handoff, from measured facts only
    claims: Callable[[Document], Contribution] = nothing  # what a handoff written outside states, as skills state it
