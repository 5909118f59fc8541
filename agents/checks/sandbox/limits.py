"""What a check's tool may use: memory, processes, disk, processor time, open files; and who ends it when it uses more.

The kernel limits each process (`agents.checks.sandbox.launcher`); all processes of a tool together are looked at a
few times a second, for control groups that could count them can seldom be had.

Not here: how long a tool may take (`agents.checks.process`), what it may see (`agents.checks.sandbox.sandbox`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from agents.checks.machine import size
from schemas.errors import InputError

VARIABLE = "BATON_CHECK_LIMITS"
THREADS = "RLIMIT_NPROC"  # counted per user, so only to be limited where the tool's user is one of its own
_THREADS_EACH = 16  # of a process, on average; Node and Go begin with about a dozen
_LOOK = 0.2  # seconds between looks
_KIB = 1024
_BLOCK = 512  # bytes; what `st_blocks` counts
_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_TRIES = 50  # at ending processes that start others meanwhile


class LimitsInvalid(InputError):
    """`BATON_CHECK_LIMITS` is not a list of limits."""

    code = "limits_invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckLimits:
    """Of one tool with all it starts; `cpu`, `file` and `open` of each process.

    `memory`, `disk` and `file` in bytes, `cpu` in seconds of processor time; `files` are those in the tree and in the
    temporary folder. Threads count neither as processes nor as files.
    """

    memory: int = 4 * 10**9
    processes: int = 512
    disk: int = 2 * 10**9
    files: int = 100_000
    file: int = 10**9
    cpu: int = 900
    open: int = 4096

    def of_each_process(self) -> dict[str, int]:
        """Return what the kernel is to enforce, by the name of `resource.RLIMIT_…`."""
        return {
            # Twice: it counts what is reserved, too, and is only there to stop what is faster than a look.
            "RLIMIT_DATA": 2 * self.memory,
            "RLIMIT_FSIZE": self.file,
            "RLIMIT_CPU": self.cpu,
            "RLIMIT_NOFILE": self.open,
            THREADS: _THREADS_EACH * self.processes,
            "RLIMIT_CORE": 0,
        }

    def exceeded(self, used: Usage) -> str | None:
        """Say what was used too much of, in the words of an error; None if nothing was."""
        if used.memory > self.memory:
            return f"used more than {size(self.memory)} memory"
        if used.processes > self.processes:
            return f"ran more than {self.processes} processes at once"
        if used.disk > self.disk:
            return f"used more than {size(self.disk)} of disk"
        if used.files > self.files:
            return f"left more than {self.files} files"
        return None


@dataclass(kw_only=True, slots=True)
class Usage:
    """What the processes of a tool use at a moment. Bytes, and counts."""

    memory: int = 0
    processes: int = 0
    disk: int = 0
    files: int = 0


def limits_from_environment() -> CheckLimits:
    """Return the limits, as `BATON_CHECK_LIMITS` changes them: `memory=8GB,processes=1000`.

    Raises:
        LimitsInvalid: It names another limit, or has no number.
    """
    given: dict[str, int] = {}
    for part in filter(None, os.environ.get(VARIABLE, "").replace(" ", "").split(",")):
        name, _, value = part.partition("=")
        number = value.rstrip("kKmMgGtTbB")
        unit = _UNITS.get(value[len(number) :].lower())
        if name not in CheckLimits.__slots__ or not number.isdigit() or unit is None or not int(number):
            raise LimitsInvalid(
                f"`{part}` in {VARIABLE} is not a limit. Write them as `memory=8GB,processes=1000`;"
                f" there are: {', '.join(CheckLimits.__slots__)}"
            )
        given[name] = int(number) * unit
    return replace(CheckLimits(), **given)


class Watch:
    """Looks at a process and all below it until they use too much; then ends them. `exceeded` says what they used."""

    def __init__(self, limits: CheckLimits, folders: Sequence[Path]) -> None:
        """Count the contents of `folders`, but what is in them now, as used disk."""
        self.exceeded: str | None = None
        self._limits, self._folders = limits, folders

    async def __call__(self, pid: int) -> None:
        """Watch the process `pid`, which what is below it cannot get away from."""
        before = await asyncio.to_thread(_usage, self._limits, None, self._folders)
        while self.exceeded is None:
            await asyncio.sleep(_LOOK)
            used = await asyncio.to_thread(_usage, self._limits, pid, self._folders)
            used.disk, used.files = used.disk - before.disk, used.files - before.files
            self.exceeded = self._limits.exceeded(used)
        await asyncio.to_thread(_end, pid)


def _usage(limits: CheckLimits, pid: int | None, folders: Sequence[Path]) -> Usage:
    used = Usage()
    for process in _below(pid) if pid is not None else ():
        used.processes += 1
        used.memory += _memory(process)
        used.disk += sum(_unlinked(process))
    for folder in folders:
        for each in _files(folder):
            used.files += 1
            used.disk += each.st_blocks * _BLOCK
            if used.files > 2 * limits.files:  # enough is known
                return used
    return used


def _below(pid: int) -> list[int]:
    with suppress(psutil.Error):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    return []


def _memory(pid: int) -> int:
    """Return the bytes that a process holds and no file could give back: its own, and shared memory."""
    found = 0
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:")):
                found += int(line.split()[1]) * _KIB
    return found


def _unlinked(pid: int) -> Iterator[int]:
    """Yield the bytes of files that a process holds open, but no folder has: removed ones, and files in memory."""
    with suppress(OSError):
        for each in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = each.stat()
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    yield found.st_blocks * _BLOCK


def _files(folder: Path) -> Iterator[os.stat_result]:
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _end(pid: int) -> None:
    """Kill what is below a process, which reaps it, until there is nothing; then the process."""
    for _ in range(_TRIES):
        found = _below(pid)
        for each in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)
        if not found:
            break
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
