"""End what a killed run left running: its tools would go on writing into the tree that the resumed run checks.

A tool runs in a session of its own, so it outlives a Baton that was killed. It carries the run's id in its environment
(`agents.checks.process.RUN_MARKER`), and so does whatever it starts: that is how it is found, not by a pid, which may
be another process's by now. (A signal at the parent's death would reach neither what a tool started, nor be sent for
the right reason: the kernel sends it when the thread that started the tool ends.)

Not here: ending the tools of a living run (`agents.checks.process`), and installers: they write where nobody else does
(`agents.checks.environments.cache`), and end by themselves.
"""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from agents.checks.errors import ScratchError
from agents.checks.process import RUN_MARKER

GRACE = 2.0  # seconds between asking processes to end and killing them
_PATIENCE = 60.0  # seconds until killed processes must be gone; only one stuck in the kernel takes longer


async def end_orphans(run_id: str) -> int:
    """End every process that a run's tools left behind, with their groups, and remove their temporary folders.

    Only for a run that is nobody's, or the caller's and not begun: the tools of a run that goes on would be ended too.

    Returns:
        How many processes were ended.

    Raises:
        ScratchError: A process could not be ended.
    """
    return await asyncio.to_thread(_end_orphans, run_id)


def home_prefix(run_id: str) -> str:
    """Return how the names of the temporary folders of a run's tools begin."""
    return f"baton-scratch-{run_id}-"


def _end_orphans(run_id: str) -> int:
    ended: set[tuple[int, float]] = set()
    deadline = time.monotonic() + GRACE + _PATIENCE
    number = signal.SIGTERM
    # A process may start another between being found and being ended: look until there is none.
    while found := _orphans(run_id):
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in found)
            raise ScratchError(
                f"the tools that run `{run_id}` left running cannot be ended: processes {pids}."
                " End them (`kill -9`), then resume the run"
            )
        ended |= {(process.pid, process.create_time()) for process in found}
        _signal_and_wait(found, number, GRACE)
        number = signal.SIGKILL
    for folder in Path(tempfile.gettempdir()).glob(f"{home_prefix(run_id)}*"):
        shutil.rmtree(folder, ignore_errors=True)
    return len(ended)


def _orphans(run_id: str) -> list[psutil.Process]:
    """Return what lives and carries the run's id, and the rest of its groups; never Baton, or what started it."""
    mine = list(_processes_of_this_user())
    groups = {group for process, group in mine if _carries(process, run_id)} - {os.getpgrp()}
    kept = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process, group in mine if group in groups and process.pid not in kept]


def _processes_of_this_user() -> Iterator[tuple[psutil.Process, int]]:
    """Yield each process with its group; a zombie has ended already."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process, os.getpgid(process.pid)


def _carries(process: psutil.Process, run_id: str) -> bool:
    try:
        return process.environ().get(RUN_MARKER) == run_id
    except psutil.Error:
        return False


def _signal_and_wait(processes: list[psutil.Process], number: signal.Signals, seconds: float) -> None:
    """Signal the processes and wait until all have ended, `seconds` at most."""
    with ExitStack() as opened:
        waiting = select.poll()
        left = 0
        for process in processes:
            with suppress(ProcessLookupError, PermissionError):
                handle = os.pidfd_open(process.pid)
                opened.callback(os.close, handle)
                # The handle cannot come to mean another process; it must not have meant one when it was opened.
                if process.is_running():
                    signal.pidfd_send_signal(handle, number)
                    waiting.register(handle, select.POLLIN)
                    left += 1
        deadline = time.monotonic() + seconds
        while left and (remaining := deadline - time.monotonic()) > 0:
            for handle, _ in waiting.poll(remaining * 1000):
                waiting.unregister(handle)
                left -= 1
