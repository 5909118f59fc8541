"""Say why a tool ended badly where the machine is the reason, not the work: memory, disk, limits, time, a signal.

Tools say it in many words, deep in a traceback or not at all. Here it becomes what · where · next step.

Not here: the facts about the machine (`agents.checks.machine`), what a registry's failures look like
(`agents.checks.environments.installer`).
"""

from __future__ import annotations

import re
import resource
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from agents.checks import machine
from agents.checks.errors import MachineBusy, ScratchError
from agents.checks.process import Finished

Shortage = Literal["memory", "disk", "quota", "read-only", "files", "file size", "processes", "permission"]

_LOOKED_AT = 20_000  # characters at the end of an output, where tools say why they ended
_SHOWN = 300  # characters of the line that says it
_BY_SHELL = 128  # a shell, npm and others pass a signal on as an exit code above this
# As the C library, Python, Node and Rust print them; a message of the app's own rarely has the number or the code.
_SIGNS: dict[Shortage, str] = {
    "memory": r"^(?:E +)?MemoryError\b|\[Errno 12\]|Cannot allocate memory|\bENOMEM\b|std::bad_alloc"
    r"|JavaScript heap out of memory|memory allocation of \d+ bytes failed",
    "disk": r"\[Errno 28\]|No space left on device|\bENOSPC\b",
    "quota": r"\[Errno 122\]|Disk quota exceeded|\bEDQUOT\b",
    "read-only": r"\[Errno 30\]|Read-only file system|\bEROFS\b",
    "files": r"\[Errno 2[34]\]|Too many open files|\bE[MN]FILE\b",
    "file size": r"\[Errno 27\]|File too large|\bEFBIG\b",
    "processes": r"\[Errno 11\]|Resource temporarily unavailable|\bEAGAIN\b|can't start new thread",
    "permission": r"\[Errno 13\]|\[Errno 1\] Operation not permitted|\bEACCES\b|os error 13",
}
_NAMED = re.compile("|".join(f"(?P<s{place}>{sign})" for place, sign in enumerate(_SIGNS.values())), re.MULTILINE)


def why(finished: Finished, tool: str, folders: Sequence[Path]) -> str | None:
    """Return the reason on the machine's side that `tool` ended badly; None if it ended well, or by its own doing.

    The first line says it in short, without numbers that another run would not repeat.

    Args:
        finished: How it ended.
        tool: Its name, for the text.
        folders: Where it writes.
    """
    if finished.exit_code == 0:
        return None
    if finished.overdue:
        return (
            f"`{tool}` {finished.overdue.short}\nIt was ended, with all it had started: {finished.overdue}.\n{_OVERDUE}"
        )
    if finished.exceeded:
        return f"`{tool}` {finished.exceeded}\nIt was ended, with all it had started. {_OURS}"
    shortage, line = _said(finished.output)
    if shortage and finished.isolated:
        return f"`{tool}` ran into a limit of isolated checks: {_TITLES[shortage]}\nIt says: {line}\n{_OURS}"
    if shortage:
        title = f"`{tool}` ran into a limit of the machine: {_TITLES[shortage]}"
        return f"{title}\nIt says: {line}\n{_facts(shortage, folders)}"
    return _signalled(finished, tool)


@contextmanager
def machine_trouble(doing: str, folders: Sequence[Path]) -> Iterator[None]:
    """Turn the system's refusal of something to Baton itself into an error that says where and what to do.

    Raises:
        MachineBusy: No process or thread could be started.
        ScratchError: The disk is full or read-only, or another limit is reached. Other errors go through.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        shortage, line = _said(str(error))
        if not shortage:
            raise
        kind = MachineBusy if shortage == "processes" else ScratchError
        raise kind(f"{doing} cannot go on: {_TITLES[shortage]}: {line}\n{_facts(shortage, folders)}") from error


def _said(output: str) -> tuple[Shortage | None, str]:
    """Return the last shortage that an output names, and the line that does."""
    end = output[-_LOOKED_AT:]
    found = list(_NAMED.finditer(end))
    if not found:
        return None, ""
    line = end[end.rfind("\n", 0, found[-1].end()) + 1 :].partition("\n")[0]
    return list(_SIGNS)[int((found[-1].lastgroup or "")[1:])], line.strip()[:_SHOWN]


def _signalled(finished: Finished, tool: str) -> str | None:
    """Return what is known of a tool that a signal ended; Baton's own are for what is overdue, and told so."""
    code = finished.exit_code
    number = -code if code < 0 else code - _BY_SHELL
    memory = _facts("memory", ())
    if number == signal.SIGKILL:
        doubt = "" if finished.oom_kills else "?"
        return f"`{tool}` was killed by the system (out of memory{doubt})\n{memory}"
    if finished.oom_kills:
        return f"`{tool}` failed while the system killed processes for want of memory\n{memory}"
    if code > 0:
        return None  # a tool may well end with 130 of its own
    with suppress(ValueError):
        name = signal.Signals(number).name
        return f"`{tool}` was ended by {name}\n{_SIGNALS.get(name, _CRASHED)} Then retry the run."
    return None


_OVERDUE = (
    "The end of its log shows how far it got: see what it waits for, then retry the run. If it needs longer, give it"
    " that: `baton retry RUN --check-timeout SECONDS`."
)
_OURS = (
    "Code that nobody here wrote may change only the tree and its temporary folder, reach only its databases, and use"
    " only so much of the machine. If the app needs more, set BATON_CHECK_LIMITS (docs/security.md) and retry the run."
)
_CRASHED = "It crashed, or somebody ended it; the end of its log may say more."
_SIGNALS = {
    "SIGXCPU": "It used more processor time than the limit (ulimit -t) admits: raise the limit.",
    "SIGXFSZ": "It wrote a larger file than the limit (ulimit -f) admits: raise the limit.",
}
_TITLES: dict[Shortage, str] = {
    "memory": "out of memory",
    "disk": "the disk is full",
    "quota": "the disk quota is used up",
    "read-only": "the file system is read-only",
    "files": "too many open files",
    "file size": "a file would be too large",
    "processes": "no further process or thread can be started",
    "permission": "permission denied",
}
_NEXT: dict[Shortage, str] = {
    "memory": "Free memory, raise the limit, or run less at once",
    "disk": "Make room, or set BATON_HOME and TMPDIR to folders on another disk",
    "quota": "Make room, or set BATON_HOME and TMPDIR to folders on another disk",
    "read-only": "Mount it writable (`dmesg` tells of a disk with errors), or set BATON_HOME and TMPDIR to folders on"
    " another disk",
    "files": "Raise the limit (`ulimit -n`), or run less at once",
    "file size": "Raise the limit (`ulimit -f`)",
    "processes": "Raise the limit (`ulimit -u`), or run less at once",
    "permission": "Give whoever runs Baton the right to write there",
}
_LIMITS: dict[Shortage, int] = {
    "files": resource.RLIMIT_NOFILE,
    "file size": resource.RLIMIT_FSIZE,
    "processes": resource.RLIMIT_NPROC,
}


def _facts(shortage: Shortage, folders: Sequence[Path]) -> str:
    """Return what the machine has of what is short, and the next step."""
    if shortage == "memory":
        facts = machine.memory()
    elif shortage in _LIMITS:
        limit = machine.soft_limit(_LIMITS[shortage])
        facts = f"the limit is {limit}" if limit is not None else "there is no limit on Baton itself"
    else:
        facts = machine.disks(folders)
    return f"Now: {facts}.\n{_NEXT[shortage]}, then retry the run."
