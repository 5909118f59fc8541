"""Run one tool: its own process group, a minimal environment, its output in a log that cannot grow without end.

Not here: which tools run (`agents.checks`), where (`agents.checks.scratch`), when one has taken too long
(`agents.checks.activity`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agents.checks.activity import Processes, Supervision
from agents.checks.machine import oom_kills
from agents.checks.time_limit import Overdue, TimeLimit
from skills.core.redaction import redact

RUN_MARKER = "BATON_RUN"  # names the run in the environment of its tools, and of whatever they start
LOG_LIMIT = 2_000_000  # bytes kept: the first half and the last half of what a tool prints
ENDED = 124  # the exit code `timeout(1)` uses
_CUT = 4_096  # characters on each side of what is left out; no secret is longer
_CHUNK = 65_536
_GRACE = 2.0  # seconds between asking a group to end and killing it

# What a client needs to reach its registry; only installers get it, for a URL in it may hold a password.
_INSTALLER = {
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
}
_INSTALLER_PREFIXES = ("UV_", "PIP_", "NPM_CONFIG_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How a process ended.

    `exit_code` is minus the signal's number if a signal ended it. `output` is stdout and stderr together, secrets and
    NUL characters replaced. `overdue`: why it was ended for taking too long, if it was. `oom_kills`: how many processes
    the kernel killed for memory meanwhile, this one's or others beside it. `exceeded`: what it used too much of, if it
    was ended for that. `isolated`: whether it ran isolated and under limits of ours.
    """

    exit_code: int
    seconds: float
    output: str
    overdue: Overdue | None = None
    oom_kills: int = 0
    exceeded: str | None = None
    isolated: bool = False

    @property
    def was_ended(self) -> bool:
        """Whether it did not end by itself."""
        return self.overdue is not None or self.exceeded is not None or self.exit_code < 0


def minimal_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a checked tool: nothing inherited but PATH; `home` is a folder it may fill."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "NO_COLOR": "1",
        "CI": "1",
        **(extra or {}),
    }


def installer_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of `uv` and `npm`: minimal, plus the user's proxy, certificate and registry settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INSTALLER or name.upper() in _PROXIES or name.upper().startswith(_INSTALLER_PREFIXES)
    }
    # An interpreter that is not there is an error, not a download.
    return {**minimal_environment(home), "UV_PYTHON_DOWNLOADS": "never", **inherited, **(extra or {})}


async def run_process(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limit: TimeLimit,
    watch: Callable[[int], Awaitable[None]] | None = None,
) -> Finished:
    """Run `argv` and wait; whatever it started is gone when this returns, when it is overdue and on cancellation, too.

    Args:
        argv: Program and arguments; no shell.
        cwd: An existing folder.
        env: The whole environment.
        limit: A tool that is overdue is ended and its exit code is 124.
        watch: Begun with the process's id, cancelled when it has ended; may end it.

    Raises:
        OSError: There is no such program, or the machine has no process, memory or file left for it.
    """
    started, killed_before = time.monotonic(), oom_kills()
    # A pipe of our own: with asyncio's, waiting for the process also waits for whatever it left running.
    read_end, write_end = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write_end,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    kept = _Kept()
    reader = asyncio.create_task(_drain(read_end, kept))
    watching = asyncio.ensure_future(watch(process.pid)) if watch else None
    try:
        overdue = await _wait(process, Supervision(limit, Processes(process.pid).look, kept.size))
    finally:
        try:
            await _end_group(process)
            # A process that left the group may still hold the pipe: what it prints is not waited for.
            await asyncio.wait([reader], timeout=_GRACE)
        finally:
            reader.cancel()
            if watching and not watching.cancel():
                watching.result()  # whoever watched may have failed
    note = f"\n[stopped: {overdue}]\n" if overdue else ""
    return Finished(
        exit_code=ENDED if overdue else await process.wait(),
        seconds=round(time.monotonic() - started, 3),
        output=await asyncio.to_thread(kept.text) + note,
        overdue=overdue,
        oom_kills=oom_kills() - killed_before,
    )


async def _wait(process: asyncio.subprocess.Process, supervision: Supervision) -> Overdue | None:
    """Wait for the process to end, or to be overdue; then return why."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(supervision.pause):
                await process.wait()
                return None
        overdue = await asyncio.to_thread(supervision.overdue)
        if overdue and process.returncode is None:
            return overdue


class _Kept:
    """The first and the last bytes of a stream."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, chunk: bytes) -> None:
        room = LOG_LIMIT // 2 - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        excess = len(self._tail) - LOG_LIMIT // 2
        if excess > 0:
            self._dropped += excess
            del self._tail[:excess]

    def size(self) -> int:
        """Return how many bytes the stream had so far."""
        return len(self._head) + len(self._tail) + self._dropped

    def text(self) -> str:
        """Return what is kept, secrets replaced; what stands at the cut may be half a secret, and goes, too."""
        if not self._dropped:
            return _redacted(self._head + self._tail)
        head, tail = _redacted(self._head)[:-_CUT], _redacted(self._tail)[_CUT:]
        return f"{head}\n[… {self._dropped + 2 * _CUT} bytes left out …]\n{tail}"


def _redacted(output: bytearray) -> str:
    return redact(output.decode("utf-8", "replace").replace("\0", "\ufffd"))


async def _drain(read_end: int, kept: _Kept) -> None:
    """Read the pipe until everyone who could write to it is gone."""
    stream = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), pipe
    )
    try:
        while chunk := await stream.read(_CHUNK):
            kept.add(chunk)
    finally:
        transport.close()


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """End the process and everything it left running: ask, wait a little, kill; at once if cancelled meanwhile."""
    if not _signal_group(process.pid, signal.SIGTERM):
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()  # it is gone, and the loop may have to learn it yet
        return
    try:
        if process.returncode is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await process.wait()
    finally:
        _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(group: int, number: signal.Signals) -> bool:
    """Signal a process group; False if nobody is left in it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
