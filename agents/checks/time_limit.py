"""How long a tool may take, and the news that one took too long.

No clock judges work that goes on: on a busy machine it would fail a good app. A tool is ended when it makes no progress
for long, or after a limit that grows with what it works on and only stops what would never end.

Not here: seeing whether a tool makes progress (`agents.checks.activity`), ending it (`agents.checks.process`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

IDLE = 300.0  # seconds without progress
_IDLE_SHARE = 20  # whoever may take longer may be idle longer: for this part of the limit
_BASE, _EACH_FILE = 1800.0, 30.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeLimit:
    """When a tool is ended.

    `idle`: seconds without progress. `total`: seconds in all, however busy it is; without it, it may go on as long as
    it makes progress. `source` says where `total` comes from, after "the limit is …".
    """

    idle: float = IDLE
    total: float | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overdue:
    """Why a tool was ended.

    `seconds`: how long it ran; `silent`: since it printed last, or since it began; `cpu`: the processor time seen, in
    seconds.
    """

    reached: Literal["idle", "total"]
    limit: TimeLimit
    seconds: float
    silent: float
    cpu: float

    @property
    def short(self) -> str:
        """Say it without numbers that another run would not repeat: `made no progress`."""
        return "made no progress" if self.reached == "idle" else "did not end in time"

    def __str__(self) -> str:
        since = f"{self.silent:.0f} s after its last output" if self.silent < self.seconds else "it never printed"
        if self.reached == "idle":
            return (
                f"no progress for {self.limit.idle:g} s: it printed nothing and used no processor time"
                f" (ended after {self.seconds:.0f} s, {since}; {self.cpu:.1f} s of processor time in all)"
            )
        return (
            f"still running after {self.limit.total:g} s ({since}; {self.cpu:.1f} s of processor time in all);"
            f" the limit is {self.limit.source or 'set by its caller'}"
        )


def scaled_limit(folder: Path) -> TimeLimit:
    """Return the limit of a tool that works on the files below a folder; caches and installed packages do not count."""
    count = _count(folder)
    total = _BASE + _EACH_FILE * count
    source = f"{_BASE:g} s, and {_EACH_FILE:g} s for each of the {count} files that it may work on"
    return TimeLimit(total=total, idle=max(IDLE, total / _IDLE_SHARE), source=source)


def chosen_limit(seconds: float) -> TimeLimit:
    """Return the limit that a person chose."""
    return TimeLimit(total=seconds, idle=max(IDLE, seconds / _IDLE_SHARE), source="the one chosen for this run")


def _count(folder: Path) -> int:
    count = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in {"node_modules", "__pycache__"} and name[0] != "."]
        count += len(files)
    return count
