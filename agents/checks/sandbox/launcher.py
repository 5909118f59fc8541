"""Run one program with less than its caller may do: resource limits, namespaces of its own, files by Landlock.

    python -I -S launcher.py '{"limits": {…}, "namespaces": true, "landlock": {…}}' PROGRAM ARGUMENT…

A script of its own, in the standard library alone: what it gives up must not be given up by Baton, and between `fork`
and `exec` of a process with threads nothing of this can be done. It stays as the program's parent, adopts whatever the
program leaves running, and ends it.

Not here: what is asked for (`agents.checks.sandbox.sandbox`), bubblewrap, which does most of this better.

Source: landlock(7), user_namespaces(7), pid_namespaces(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

CANNOT = 125  # exit code: the program was not started, because less than was asked for is possible
_GRACE = 1.0  # seconds between asking the program to end and killing it

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
_CAPABILITIES = 64  # more than there are
_NEW_USER, _NEW_NET, _NEW_IPC, _NEW_PID, _NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x20000000, 0x04000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_O_PATH = 0x200000
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14  # the rights that a rule on a file may have
_ALL_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # of the Landlock ABI; newer ones as 3
_TCP_VERSION, _SCOPE_VERSION = 4, 6
_CONNECT_TCP, _SCOPES = 1 << 1, 1 << 0 | 1 << 1

_libc = ctypes.CDLL(None, use_errno=True)


def main(settings: Mapping[str, Any], argv: Sequence[str]) -> NoReturn:
    """Give up what the settings say, run `argv`, and end as it ended."""
    try:
        if settings.get("namespaces"):
            _enter_namespaces()
        _set_limits(settings.get("limits", {}))
        _drop_capabilities()
        _called(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        if settings.get("landlock"):
            _restrict_files(**settings["landlock"])
        _called(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "child_subreaper")
    except (OSError, ValueError) as error:
        print(f"cannot isolate: {error}", file=sys.stderr, flush=True)  # noqa: T201  # the tool's log
        os._exit(CANNOT)
    _supervise(argv, alone=bool(settings.get("namespaces")))


def _supervise(argv: Sequence[str], *, alone: bool) -> NoReturn:
    """Run the program in a group of its own; with `alone`, below the first process of its PID namespace."""
    asked = False

    def ask(number: int, frame: object) -> None:
        del number, frame
        nonlocal asked
        if asked:
            return
        asked = True
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, _GRACE)

    def insist(number: int, frame: object) -> None:
        del number, frame
        _kill_children()

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _called(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0), "pdeathsig")  # when Baton is killed
    child = os.fork()
    if not child:
        _called(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")
        if alone:
            _be_first(argv)
        os.setpgid(0, 0)
        _become(argv)
    with suppress(OSError):  # the child was faster
        os.setpgid(child, child)
    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGALRM, insist)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    status = _await(child)
    _end_rest()
    _end_like(status)


def _be_first(argv: Sequence[str]) -> NoReturn:
    """Be process 1: reap what is left to it; when the program ends, it ends, and the kernel all that is left."""
    os.setpgid(0, 0)
    program = os.fork()
    if not program:
        _become(argv)
    status = _await(program)
    os._exit(status if status >= 0 else 128 - status)


def _await(child: int) -> int:
    """Reap until `child` has ended; return its exit code, minus the number of the signal that ended it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _become(argv: Sequence[str]) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606  # no shell is the point
    except OSError as error:
        print(f"cannot run `{argv[0]}`: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201  # the tool's log
        os._exit(126 if isinstance(error, PermissionError) else 127)


def _end_rest() -> None:
    """Kill what the program left running, which has become ours, until there is none."""
    with suppress(ChildProcessError):
        while True:
            _kill_children()
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)


def _kill_children() -> None:
    for pid in _children(os.getpid()):
        for below in _children(pid):
            _kill(below)
        _kill(pid)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123  # starts sooner
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _end_like(status: int) -> NoReturn:
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        signal.signal(-status, signal.SIG_DFL) if -status not in {signal.SIGKILL, signal.SIGSTOP} else None
        os.kill(os.getpid(), -status)
    os._exit(status if status >= 0 else 128 - status)


def _set_limits(limits: Mapping[str, int]) -> None:
    """Lower limits (`{"RLIMIT_CPU": 900}`); one that is lower already stays."""
    for name, wanted in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        most = value + 1 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else value  # SIGXCPU before SIGKILL
        resource.setrlimit(kind, (value, most))


def _drop_capabilities() -> None:
    """Have the program begin without the rights of root, should it run as root; without any to drop, it has none."""
    for capability in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _enter_namespaces() -> None:
    """Take network, IPC, PID and host name of our own; the user stays who it is, without rights over anything else."""
    user, group = os.getuid(), os.getgid()
    _called(_libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC | _NEW_PID | _NEW_UTS), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123  # starts sooner
            file.write(text)
    with suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("0")  # or it could have rights again, in namespaces below
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _restrict_files(read: Sequence[str], write: Sequence[str], *, tcp: bool) -> None:
    """Let only `read` be read and only `write` be changed; without `tcp`, no connection be made, if Landlock can."""
    version = _called(_libc.syscall(_CREATE_RULESET, None, 0, 1), "Landlock")
    everything = _ALL_BY_VERSION[min(version, max(_ALL_BY_VERSION))]
    connect = 0 if tcp or version < _TCP_VERSION else _CONNECT_TCP
    attributes = struct.pack("QQQ", everything, connect, _SCOPES)
    size = 24 if version >= _SCOPE_VERSION else 16 if version >= _TCP_VERSION else 8
    rules = _called(_libc.syscall(_CREATE_RULESET, attributes, size, 0), "Landlock")
    for paths, rights in ((read, _READ), (write, everything)):
        for path in paths:
            _allow(rules, path, rights & everything)
    _called(_libc.syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _OF_FILES
    _called(_libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0), f"Landlock for {path}")
    os.close(place)


def _called(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
