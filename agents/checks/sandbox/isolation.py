"""How far a check's tools can be kept from the rest of this machine, found by trying; and when they are to be.

bubblewrap does most where it is installed and allowed. Else the launcher does what the kernel grants without it:
namespaces, Landlock, limits. What is in force is not read from version numbers: a program tries to get out, and tells.

Not here: running a tool that way (`agents.checks.sandbox.sandbox`).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from agents.checks.errors import ScratchError
from agents.checks.process import minimal_environment, run_process
from agents.checks.sandbox.bubblewrap import SETTINGS, SYSTEM, bubblewrap_argv
from agents.checks.sandbox.limits import THREADS
from agents.checks.time_limit import TimeLimit
from schemas.errors import InputError

VARIABLE = "BATON_ISOLATION"
LAUNCHER = Path(__file__).parent / "launcher.py"
_WISHES = ("auto", "required", "off")
_TRIAL_LIMIT = TimeLimit(idle=60.0)  # it says what this machine can do: a busy one can as much
_FEW = 64
_INSTALL = "Install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`) and allow user namespaces"

# Prints what it could do of what it should not. Arguments: a secret file, a foreign folder, a port, a process.
_TRIAL = """
import json, os, socket, sys
secret, folder, port, pid = sys.argv[1:]
def can(what):
    try:
        what()
    except OSError:
        return False
    return True
print(json.dumps({
    "read": can(lambda: open(secret).read()),
    "write": can(lambda: open(folder + "/planted", "w").close()),
    "connect": can(lambda: socket.create_connection(("127.0.0.1", int(port)), 5).close()),
    "signal": can(lambda: os.kill(int(pid), 0)),
    "environment": can(lambda: open(f"/proc/{pid}/environ", "rb").read()),
}))
"""


class IsolationInvalid(InputError):
    """`BATON_ISOLATION` is none of its words."""

    code = "isolation_invalid"


class IsolationMissing(ScratchError):
    """`BATON_ISOLATION=required`, and this machine cannot isolate."""

    code = "isolation_missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One thing that isolation protects. `held`: it does here; `said` how, or what is open instead."""

    name: Literal["files", "network", "processes", "environment", "usage"]
    held: bool
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation:
    """What is in force. `bwrap` is the command that begins bubblewrap; the launcher does the rest of what is true."""

    bwrap: tuple[str, ...] = ()
    namespaces: bool = False
    landlock: bool = False
    escapes: frozenset[str] = frozenset()  # what the trial could do

    @property
    def complete(self) -> bool:
        """Say whether nothing of Baton and its user can be reached."""
        return bool(self.bwrap) and not self.escapes

    @property
    def by(self) -> str:
        """Return what isolates, for people."""
        if self.bwrap:
            return "bubblewrap"
        used = [name for name, does in (("namespaces", self.namespaces), ("Landlock", self.landlock)) if does]
        return " and ".join([*used, "limits"])

    @property
    def more(self) -> str | None:
        """Return what to do for more; None if there is no more."""
        return None if self.complete else f"{_INSTALL}; in a container, see docs/security.md"

    def assets(self) -> tuple[Asset, ...]:
        """Return what is protected and what is not, one of each name."""
        files = not self.escapes & {"read", "write"}
        network, processes = "connect" not in self.escapes, "signal" not in self.escapes
        environment = "environment" not in self.escapes
        return (
            Asset(name="files", held=files, said=self._files() if files else "tools can read and write what Baton can"),
            Asset(name="network", held=network, said=self._network() if network else "tools can reach any network"),
            Asset(
                name="processes",
                held=processes,
                said="tools see only their own" if processes else "tools can end other processes of the same user",
            ),
            Asset(
                name="environment",
                held=environment,
                said="nothing of Baton's" if environment else "tools get nothing of Baton's, but can find it in /proc",
            ),
            Asset(name="usage", held=True, said="memory, processes, processor time, disk and open files are limited"),
        )

    def _files(self) -> str:
        if self.bwrap:
            return "tools see the system and their packages, and change only the staged tree and a temporary folder"
        return "as with bubblewrap, but owner and mode of other files can be changed, and UNIX sockets be reached"

    def _network(self) -> str:
        if self.bwrap or self.namespaces:
            return "a loopback of their own, and the scratch databases"
        return "no TCP connection, of their own neither; other protocols are open"


async def isolation_for(*, untrusted: bool) -> Isolation | None:
    """Return how tools are to be isolated, as `BATON_ISOLATION` has it; None for not at all.

    `auto` (the default) isolates `untrusted` code as far as the machine can. `required` isolates everything, and
    refuses where it cannot be done in full. `off` isolates nothing.

    Raises:
        IsolationInvalid: It is another word.
        IsolationMissing: It is required, and not to be had.
    """
    wish = os.environ.get(VARIABLE) or _WISHES[0]
    if wish not in _WISHES:
        raise IsolationInvalid(f"{VARIABLE} is `{wish}`; it can be {', '.join(f'`{each}`' for each in _WISHES)}")
    if wish == "off" or (wish == "auto" and not untrusted):
        return None
    found = await isolation()
    if wish == "required" and not found.complete:
        open_ = "; ".join(f"{each.name}: {each.said}" for each in found.assets() if not each.held)
        raise IsolationMissing(
            f"checks must run isolated ({VARIABLE}=required), and this machine can do that with {found.by} only"
            f"{f' ({open_})' if open_ else ''}.\n{found.more}; then resume the run."
            " `baton doctor` shows what is in force"
        )
    return found


async def isolation() -> Isolation:
    """Return what this machine can do, tried once in a process's life."""
    return await asyncio.to_thread(_tried)


@cache
def _tried() -> Isolation:
    return asyncio.run(_try_all())


async def _try_all() -> Isolation:
    bwrap = shutil.which("bwrap")
    for options in ((bwrap, "--disable-userns"), (bwrap,)) if bwrap else ():
        escapes = await _trial(Isolation(bwrap=options))
        if escapes is not None:
            return Isolation(bwrap=options, escapes=escapes)
    namespaces = await _trial(Isolation(namespaces=True)) is not None
    landlock = await _trial(Isolation(landlock=True)) is not None
    escapes = await _trial(Isolation(namespaces=namespaces, landlock=landlock))
    every = frozenset({"read", "write", "connect", "signal", "environment"})
    return Isolation(namespaces=namespaces, landlock=landlock, escapes=every if escapes is None else escapes)


async def _trial(how: Isolation) -> frozenset[str] | None:
    """Return what a program that is isolated like that can do and should not; None if it cannot be run so."""
    with (
        tempfile.TemporaryDirectory(prefix="baton-trial-") as folder,
        closing(socket.socket()) as listening,
        _bystander() as pid,
    ):
        own, foreign = Path(folder) / "own", Path(folder) / "foreign"
        own.mkdir()
        foreign.mkdir()
        (foreign / "secret").write_text(secrets.token_hex(), encoding="utf-8")
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = str(listening.getsockname()[1])
        argv = [sys.executable, "-I", "-S", "-c", _TRIAL, str(foreign / "secret"), str(foreign), port, str(pid)]
        words = isolated_argv(how, argv, cwd=own, read=(), write=[own], private=own, limits={})
        try:
            done = await run_process(words, cwd=own, env=minimal_environment(own), limit=_TRIAL_LIMIT)
            can: dict[str, bool] = json.loads(done.output.splitlines()[-1])
        except (OSError, ValueError, IndexError):
            return None
    return frozenset(name for name, could in can.items() if could)


@contextmanager
def _bystander() -> Iterator[int]:
    """Yield the id of a process of ours, one that no process in a PID namespace of a few could have as well."""
    with ExitStack() as started:
        while True:
            process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S607
            started.enter_context(process)  # its end is that of its input
            if process.pid > _FEW:
                yield process.pid
                return


def isolated_argv(
    how: Isolation,
    argv: Sequence[str],
    *,
    cwd: Path,
    read: Sequence[Path],
    write: Sequence[Path],
    private: Path,
    limits: dict[str, int],
) -> list[str]:
    """Return the command that runs `argv` isolated.

    Args:
        how: Found possible here.
        argv: Program and arguments.
        cwd: Within `write`.
        read: What may be read besides the system and Python; what does not exist is left out.
        write: Existing folders.
        private: An existing folder, within `write`, for temporary files.
        limits: By the names of `resource.RLIMIT_…`.
    """
    readable = [*_python(), LAUNCHER, *read]
    alone = bool(how.bwrap) or how.namespaces  # in a user namespace, whose processes are counted by themselves
    settings: dict[str, object] = {"limits": {name: each for name, each in limits.items() if alone or name != THREADS}}
    if not how.bwrap:
        settings["namespaces"] = how.namespaces
        devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
        allowed = [*SYSTEM, *SETTINGS, "/proc", "/sys/devices/system/cpu", *map(str, readable)]
        files = {"read": allowed, "write": [*devices, *map(str, write)], "tcp": how.namespaces}
        settings["landlock"] = files if how.landlock else None
    launched = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(settings), *argv]
    if not how.bwrap:
        return launched
    return bubblewrap_argv(how.bwrap, launched, cwd=cwd, read=readable, write=write, private=private)


def _python() -> list[Path]:
    """Return what the interpreter that runs Baton needs to run the launcher."""
    program = Path(sys.executable)
    settings = program.parent.parent / "pyvenv.cfg"
    found = {Path(sys.base_prefix), Path(sys.base_prefix).resolve(), program.resolve().parent.parent, program.parent}
    return sorted({*found, settings} if settings.is_file() else found)
