"""What the machine has left: memory, disk, limits. Facts for the errors of tools that ran out of them.

Not here: telling that a tool ran out of something (`agents.checks.diagnostics`).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_UNLIMITED = 1 << 60  # bytes; version 1 of control groups writes "no limit" as a number near 2**63
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


def oom_kills() -> int:
    """Return how many processes of Baton's control group the kernel has killed for memory; 0 if it does not tell."""
    folder = _memory_group(_MEMBERSHIP, _CGROUPS)
    return kills_in(folder) if folder else 0


def kills_in(folder: Path) -> int:
    """Return the `oom_kill` count of a control group, of version 2 (`memory.events`) or 1 (`memory.oom_control`)."""
    for name in ("memory.events", "memory.oom_control"):
        for line in _read(folder / name).splitlines():
            word, _, count = line.partition(" ")
            if word == "oom_kill":
                return int(count)
    return 0


def memory() -> str:
    """Say how much memory is available, and which limits there are."""
    found = psutil.virtual_memory()
    facts = [f"{size(found.available)} of {size(found.total)} memory available"]
    folder = _memory_group(_MEMBERSHIP, _CGROUPS)
    limit = (_read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")).strip() if folder else ""
    if limit.isdigit() and int(limit) < _UNLIMITED:
        facts.append(f"control group limit {size(int(limit))}")
    space = soft_limit(resource.RLIMIT_AS)
    if space is not None:
        facts.append(f"address space limit (ulimit -v) {size(space)}")
    return ", ".join(facts)


def disks(folders: Iterable[Path]) -> str:
    """Say what is left on each disk that holds one of `folders`, which may not exist yet; the fullest first."""
    found: dict[int, tuple[int, str]] = {}
    for folder in folders:
        place = _existing(folder)
        device, left = place.stat().st_dev, os.statvfs(place)
        free = left.f_bavail * left.f_frsize
        facts = f"`{place}`: {size(free)} of {size(left.f_blocks * left.f_frsize)} free"
        facts += ", no file entries (inodes) free" if left.f_files and not left.f_favail else ""
        facts += ", read-only" if left.f_flag & os.ST_RDONLY else ""
        found.setdefault(device, (free, facts))
    return "; ".join(facts for _, facts in sorted(found.values()))


def soft_limit(kind: int) -> int | None:
    """Return the limit of Baton and its tools in force for a `resource.RLIMIT_…`; None if there is none."""
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft


def size(count: float) -> str:
    """Return a number of bytes for people: `1.5 GB`."""
    for unit in _UNITS:
        if count < _STEP or unit == _UNITS[-1]:
            break
        count /= _STEP
    return f"{count:.0f} {unit}" if unit == _UNITS[0] else f"{count:.1f} {unit}"


@cache
def _memory_group(membership: Path, root: Path) -> Path | None:
    """Return the folder of the control group that counts this process's memory."""
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _nearest(root / "memory", path, "memory.oom_control")
    for line in _read(membership).splitlines():
        if line.startswith("0::"):
            return _nearest(root, line.removeprefix("0::"), "memory.events")
    return None


def _nearest(root: Path, path: str, file: str) -> Path | None:
    """Return the group's folder, or `root` where a container sees only its own part of the tree."""
    return next((place for place in (root / path.strip("/"), root) if (place / file).is_file()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _existing(folder: Path) -> Path:
    while not os.access(folder, os.F_OK):  # unlike `exists`, it does not mind a folder that may not be looked into
        folder = folder.parent
    return folder
