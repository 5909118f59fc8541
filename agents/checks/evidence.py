"""What a tool run leaves behind: enough to show later what was run, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass


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
