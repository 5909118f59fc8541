"""A check runs a real tool on the staged tree and measures what the handoff will claim.

Not here: how tools are run and environments made (`agents.checks.scratch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from schemas.base import JSON

if TYPE_CHECKING:
    from agents.agent import Work
    from agents.checks.scratch import Scratch


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One tool run. `log` is the path of its output (stdout and stderr together), `log_sha256` its hash.

    `reason`: why it ended badly, if the machine is to blame (no memory, no disk, no time): its first line in short.
    """

    argv: tuple[str, ...]
    exit_code: int
    seconds: float
    tool: str  # name and version: "mypy 2.4.1"
    log: str
    log_sha256: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a check found. `summary` is for people and must not depend on time ("41 tests"); `measured` for handoffs.

    `files` are files that only a tool can make (an OpenAPI document, a generated client), path to text:
    they join the staged tree and are published with the step.
    """

    passed: bool
    summary: str
    evidence: tuple[Evidence, ...]
    measured: JSON = None
    files: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # if not passed: what failed, ready to be shown


class Check(Protocol):
    """One check. Checks of a step run side by side, each once those named in `after` have passed."""

    @property
    def name(self) -> str: ...

    @property
    def after(self) -> tuple[str, ...]: ...

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        """Run the tool. A tool that fails is an `Outcome` with `passed=False`, never an exception.

        Raises:
            ScratchError: The tool could not be run at all (missing, not installable, no database).
        """
        ...
