"""See from outside whether a tool makes progress: it prints, or the processes that it started use processor time.

Processes are found by their parents, so those in other process groups, sessions and sandboxes are seen, too; one that
lost its parent is known by its session, or because it was seen before.

Not here: how long a tool may be idle (`agents.checks.time_limit`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import psutil

from agents.checks.time_limit import Overdue, TimeLimit

_LONGEST_PAUSE = 5.0  # seconds between looks
_LOOKS = 10  # within a limit, at least
# Of a processor's time. A hung program that only wakes up to look at something uses less; one that works, on a machine
# with hundreds of others that do, still gets more.
_NEGLIGIBLE = 1 / 1000
# Waiting for a processor or a disk is not idleness: that is what a busy machine looks like from within.
_AT_WORK = frozenset({psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP})


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What processes did since the last look: seconds of processor time, and whether one is at work right now."""

    cpu: float
    at_work: bool


class Processes:
    """A process and all that it started."""

    def __init__(self, pid: int) -> None:
        """Begin with the living process `pid`, the first of its session."""
        self._root = pid
        self._cpu: dict[psutil.Process, float] = {}

    def look(self) -> Seen:
        """Return what they did since the last look, or the beginning."""
        used, at_work = 0.0, False
        found: dict[psutil.Process, float] = {}
        for process in set(self._living()):
            with suppress(psutil.Error), process.oneshot():
                # With the time of children that ended, for those that come and go between two looks.
                found[process] = sum(process.cpu_times()[:4])
                used += max(0.0, found[process] - self._cpu.get(process, 0.0))
                at_work |= process.status() in _AT_WORK
        self._cpu = found
        return Seen(cpu=used, at_work=at_work)

    def _living(self) -> Iterator[psutil.Process]:
        yield from (process for process in self._cpu if process.is_running())
        with suppress(psutil.Error):
            root = psutil.Process(self._root)
            yield from (root, *root.children(recursive=True))
        for pid in psutil.pids():
            with suppress(psutil.Error, OSError):
                if os.getsid(pid) == self._root:
                    yield psutil.Process(pid)


class Supervision:
    """Decides when a tool has taken too long. To be asked again after each `pause`, in seconds."""

    def __init__(
        self,
        limit: TimeLimit,
        look: Callable[[], Seen],
        printed: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin now.

        Args:
            limit: The tool's.
            look: Returns what its processes did since the last look.
            printed: Returns how many bytes it has printed so far.
            clock: Returns the time in seconds, from any beginning.
        """
        self._limit, self._look, self._printed, self._clock = limit, look, printed, clock
        self.pause = min(_LONGEST_PAUSE, limit.idle / _LOOKS, (limit.total or limit.idle) / _LOOKS)
        self._last = clock()
        self._bytes = printed()
        self._seconds = self._idle = self._silent = 0.0
        self._cpu = self._unnoticed = 0.0

    def overdue(self) -> Overdue | None:
        """Return why the tool has to be ended; None if it may go on."""
        now = self._clock()
        # When Baton itself was stopped or starved, nothing was seen, and nobody knows what the tool did meanwhile.
        passed, self._last = min(now - self._last, 2 * self.pause), now
        self._seconds += passed
        printed, seen = self._printed(), self._look()
        self._silent = 0.0 if printed != self._bytes else self._silent + passed
        self._cpu += seen.cpu
        self._unnoticed += seen.cpu
        if printed != self._bytes or seen.at_work or self._unnoticed > self._limit.idle * _NEGLIGIBLE:
            self._idle = self._unnoticed = 0.0
        else:
            self._idle += passed
        self._bytes = printed
        if self._limit.total is not None and self._seconds >= self._limit.total:
            return self._ended("total")
        return self._ended("idle") if self._idle >= self._limit.idle else None

    def _ended(self, reached: Literal["idle", "total"]) -> Overdue:
        return Overdue(
            reached=reached,
            limit=self._limit,
            seconds=self._seconds,
            silent=self._silent,
            cpu=self._cpu,
        )
