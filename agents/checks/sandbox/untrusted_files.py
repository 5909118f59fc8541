"""Read and write where tools have been, without being led elsewhere: they may have run code that nobody here wrote.

A report may have been replaced by a link to somebody's keys, a pipe that never ends, or terabytes of zeros; a file that
is to be written, by a link to somebody's settings. And tools may still be at work.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

LIMIT = 64 * 1024**2  # bytes
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_plain(path: Path, *, limit: int = LIMIT) -> str | None:
    """Return the text of a plain file; None if it is none, or larger than `limit` bytes.

    A link in the place of the file is not followed; links on the way to it are.
    """
    with ExitStack() as opened:
        try:
            return _text(_opened(opened, path, _FILE), limit)
        except OSError:
            return None


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
            return _text(file, limit)
        except OSError:
            return None


def write_derived(path: Path, root: Path, content: bytes) -> None:
    """Put a file in the place of whatever is there, folders on the way made.

    Args:
        path: Below `root`.
        root: A folder that no tool could replace.
        content: All of the file.

    Raises:
        OSError: Something else than folders is on the way, or there is no room.
    """
    *folders, name = path.relative_to(root).parts
    with ExitStack() as opened:
        place = _opened(opened, root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for folder in folders:
            with suppress(FileExistsError):
                os.mkdir(folder, dir_fd=place)
            place = _opened(opened, folder, _FOLDER, place)
        fresh = f".{name}.{secrets.token_hex(8)}"
        file = os.open(fresh, _FRESH, 0o666, dir_fd=place)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
            os.rename(fresh, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            os.unlink(fresh, dir_fd=place)
            raise


def _text(file: int, limit: int) -> str | None:
    if not stat.S_ISREG(os.fstat(file).st_mode) or os.fstat(file).st_size > limit:
        return None
    with os.fdopen(os.dup(file), "rb") as content:
        return content.read(limit).decode("utf-8", "replace")


def _opened(stack: ExitStack, path: str | Path, flags: int, folder: int | None = None) -> int:
    descriptor = os.open(path, flags, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor
