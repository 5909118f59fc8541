"""Read what a tool has left, without being led elsewhere: the tool may have run code that nobody here wrote.

A report may have been replaced by a link to somebody's keys, a pipe that never ends, or terabytes of zeros.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

LIMIT = 64 * 1024**2  # bytes
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_derived(path: Path, root: Path, *, limit: int = LIMIT) -> str | None:
    """Return the text of a file that a tool left.

    Args:
        path: Below `root`.
        root: A folder that no tool could replace; from there on no link is followed.
        limit: Bytes; a larger file is refused.

    Returns:
        What is not UTF-8 replaced; None if there is no such file, or it is not a plain one within the limit.
    """
    *folders, name = path.relative_to(root).parts
    with ExitStack() as opened:
        try:
            place = _opened(opened, root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for folder in folders:
                place = _opened(opened, folder, _FOLDER, place)
            file = _opened(opened, name, _FILE, place)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(file).st_mode) or os.fstat(file).st_size > limit:
            return None
        with os.fdopen(os.dup(file), "rb") as content:
            return content.read(limit).decode("utf-8", "replace")


def _opened(stack: ExitStack, path: str | Path, flags: int, folder: int | None = None) -> int:
    descriptor = os.open(path, flags, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor
