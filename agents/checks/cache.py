"""Folders that are expensive to make and depend on a key alone: made once, whole or not at all, shared by every run.

An entry is built beside its place under a file lock and renamed into it, so a half-built one is never seen, and two
processes that want the same entry build it once. Each builds in a folder of its own: the installer of a process that
was killed, and lost the lock with it, may still be writing.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

_HASH_CHARACTERS = 24
_POLL = 0.05  # seconds between looks at a lock that another process holds


def cache_key(*parts: str | bytes) -> str:
    """Return a folder name that stands for all of `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:_HASH_CHARACTERS]


async def cached_folder(place: Path, build: Callable[[Path], Awaitable[None]]) -> Path:
    """Return `place`, building it first if it is not there.

    Args:
        place: The entry's folder.
        build: Fills the empty folder it is given; if it raises, nothing remains and the error goes on.
    """
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    async with locked(place.with_name(f".{place.name}.lock")):
        if place.is_dir():  # another process made it meanwhile
            return place
        for left in place.parent.glob(f".{place.name}.*building"):  # by a process that was killed
            await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)
        building = place.with_name(f".{place.name}.{secrets.token_hex(4)}.building")
        building.mkdir()
        try:
            await build(building)
            building.rename(place)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
            raise
    return place


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock file `path` alone; the kernel lets go if this process dies."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(descriptor):  # noqa: ASYNC110  # another process holds it: there is no event
            await asyncio.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
