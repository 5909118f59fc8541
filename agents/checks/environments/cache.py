"""Folders that are expensive to make and depend on a key alone: made once, whole or not at all, shared by every run.

An entry is built beside its place under a file lock and renamed into it, so a half-built one is never seen, and two
processes that want the same entry build it once. Each builds in a folder of its own: the installer of a process that
was killed, and lost the lock with it, may still be writing.

A process that asked for an entry holds a shared lock beside it until it ends, and so nobody removes what it uses. The
age of that lock file is how long ago the entry was asked for last.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

_HASH_CHARACTERS = 24
_POLL = 0.05  # seconds between looks at a lock that another process holds
_BUILDING, _REMOVING = ".building", ".removing"
_held: dict[Path, int] = {}  # descriptors of the shared locks of this process, by entry


def cache_key(*parts: str | bytes) -> str:
    """Return a folder name that stands for all of `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:_HASH_CHARACTERS]


async def cached_folder(place: Path, build: Callable[[Path], Awaitable[None]]) -> Path:
    """Return `place`, building it first if it is not there. It is not removed while this process lives.

    Args:
        place: The entry's folder.
        build: Fills the empty folder it is given; if it raises, nothing remains and the error goes on.
    """
    await _hold(place)
    if place.is_dir():
        return place
    async with locked(_lock_of(place)):
        if place.is_dir():  # another process made it meanwhile
            return place
        for left in _unfinished(place):  # by a process that was killed
            await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)
        building = _beside(place, _BUILDING)
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
    descriptor = _open(path)
    try:
        await _lock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_unused(cache: Path, seconds: float, *, dry_run: bool = False) -> Iterator[Path]:
    """Yield each entry that nobody asked for in the last `seconds` and no process uses; then remove it.

    Args:
        cache: Holds folders of entries.
        seconds: By the machine's clock.
        dry_run: Remove nothing.
    """
    before = time.time() - seconds
    for place in sorted(cache.glob("*/*")) if cache.is_dir() else ():
        if place.suffix not in {_BUILDING, _REMOVING} and place.name.startswith("."):
            continue  # a lock
        entry = place.with_name(place.name.split(".")[1]) if place.name.startswith(".") else place
        if not place.is_dir() or (place.suffix != _REMOVING and _last_use(place) >= before):
            continue
        with _alone(entry) as alone:
            if alone:
                yield place
            if alone and not dry_run:
                with suppress(OSError):  # taken away at once: one half removed must not be found
                    shutil.rmtree(place.rename(_beside(entry, _REMOVING)), ignore_errors=True)


async def _hold(place: Path) -> None:
    """Keep an entry from being removed, and note that it was asked for."""
    if place in _held:
        with suppress(OSError):  # removed by hand
            os.utime(_held[place])
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open(_use_of(place))
    except OSError:
        if place.is_dir():  # a cache that is only read is not removed from, either
            return
        raise
    try:
        await _lock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    os.utime(descriptor)
    if _held.setdefault(place, descriptor) != descriptor:  # a task of this process was faster
        os.close(descriptor)


@contextmanager
def _alone(entry: Path) -> Iterator[bool]:
    """Yield whether nobody builds or uses an entry, and keep it so."""
    with ExitStack() as opened:
        yield all(_is_taken(path, opened) for path in (_lock_of(entry), _use_of(entry)))


def _is_taken(path: Path, opened: ExitStack) -> bool:
    """Lock a file alone until `opened` is left, and return True; False if somebody else has it, or it is theirs."""
    try:
        descriptor = _open(path)
    except OSError:
        return False
    opened.callback(os.close, descriptor)
    return _try_lock(descriptor, fcntl.LOCK_EX)


def _last_use(place: Path) -> float:
    """Return when an entry was last asked for, or made; seconds since the epoch."""
    use = _use_of(place)
    return max(each.stat().st_mtime for each in (use, place) if each.exists())


def _lock_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def _use_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.use")


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}{suffix}")


def _unfinished(place: Path) -> Iterator[Path]:
    return place.parent.glob(f".{place.name}.*{_BUILDING.removeprefix('.')}")


def _open(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


async def _lock(descriptor: int, kind: int) -> None:
    while not _try_lock(descriptor, kind):  # noqa: ASYNC110  # another process holds it: there is no event
        await asyncio.sleep(_POLL)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
