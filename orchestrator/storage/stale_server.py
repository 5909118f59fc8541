"""What a PostgreSQL that was killed leaves: processes that outlive it, and files that say it is there."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

_SECONDS = 10.0  # for what was killed to be gone
_POLL_SECONDS = 0.02


def postmaster(data: Path) -> psutil.Process | None:
    """Return the first process of the server of a data folder, if it is alive. Its number may be another's by now."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    return process if _works_on(data, process) else None


def clear_away(data: Path, socket: Path) -> None:
    """End what is left of a server that does not answer, and remove its files. Its data are safe: they are in the log.

    PostgreSQL would refuse to start beside a process that still has the old shared memory, and minds a stale pid file
    if its number is a zombie's or another's.
    """
    deadline = time.monotonic() + _SECONDS
    while (orphans := _processes(data)) and time.monotonic() < deadline:
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        time.sleep(_POLL_SECONDS)
    for left in (data / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        left.unlink(missing_ok=True)


def _processes(data: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _works_on(data, process)]


def _works_on(data: Path, process: psutil.Process) -> bool:
    try:
        return (
            process.name() == "postgres"
            and process.status() != psutil.STATUS_ZOMBIE
            and process.cwd() == str(data.resolve())
        )
    except psutil.Error:  # gone, or somebody else's
        return False
