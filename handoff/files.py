"""Open what stands in a workspace, where anybody may put anything at any name."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file for reading; what is none is never waited for: a pipe has nobody at its other end.

    Args:
        path: Of the file.
        follow: Also through a symbolic link of that name.

    Raises:
        OSError: There is no such file, it may not be read, or it is none; `strerror` says which.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:  # so a socket answers
            raise _refusal(path, path.stat().st_mode) from error
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _refusal(path, mode)
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """Return what is in a regular file. Raises as `open_regular` does."""
    with open_regular(path) as file:
        return file.read()


def _refusal(path: Path, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = next((name for is_one, name in _KINDS if is_one(mode)), "something else")
    return OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
