"""Where a PostgreSQL lives, and as whom it runs, when Baton is root: PostgreSQL itself refuses to be.

It runs as the system user `baton` (made if missing, `nobody` if that fails), and whatever that user could not reach,
the programs or the data, is placed under `/var/lib/baton`.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

_ASKED = 300  # seconds for what may have to ask a directory service that is not there
_SHARED = Path("/var/lib/baton")


def account() -> pwd.struct_passwd:
    """Return the user that the server runs as when Baton runs as root."""
    try:
        return pwd.getpwnam("baton")
    except KeyError:
        command = ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "baton")
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_ASKED)
            return pwd.getpwnam("baton")
        except (OSError, subprocess.SubprocessError, KeyError):
            return pwd.getpwnam("nobody")


def _reachable(folder: Path) -> bool:
    """May a user who owns nothing here enter `folder`?"""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def reachable_place(folder: Path) -> Path:
    """Return `folder`, or one in its place that everyone may enter."""
    return folder if _reachable(folder) else _make_shared(_SHARED / digest(folder))


def reachable_copy(install: Path) -> Path:
    """Return the installation, copied where everyone may enter if it is not already there."""
    if _reachable(install / "bin"):
        return install
    copy = _SHARED / f"postgres-{digest(install)}"
    if not copy.exists():
        _make_shared(_SHARED)
        with tempfile.TemporaryDirectory(dir=_SHARED) as fresh:
            shutil.copytree(install, Path(fresh) / "install", symlinks=True)
            Path(fresh).chmod(0o711)
            try:
                (Path(fresh) / "install").rename(copy)
            except OSError:
                if not copy.exists():  # else another process was faster
                    raise
    return copy


def _make_shared(folder: Path) -> Path:
    for part in (_SHARED, folder):
        part.mkdir(parents=True, exist_ok=True)
        part.chmod(0o711)
    return folder


def digest(path: Path) -> str:
    """Return a short name for what belongs to `path`."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
