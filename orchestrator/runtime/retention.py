"""Remove what runs left long ago: their rows, their folders, and prepared environments that nobody uses any more.

Workspaces are never touched: an app and its handoffs are the user's. A workspace whose runs are gone can be run in
again; what Baton wrote there is then known from the front matter of its handoffs.

It may be interrupted at any moment, and done again, and done by several at once, while runs are at work.

Not here: rows (`orchestrator.storage.retention`), prepared environments (`agents.checks.environments.cache`).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import computed_field

from agents.checks.environments.cache import remove_unused
from orchestrator.storage.database import Database
from orchestrator.storage.home import cache_folder, run_folder
from orchestrator.storage.retention import Removed, Retention
from schemas.base import Document

# A run's folder is made a moment before the run is known, and several databases may share a home.
_UNKNOWN_AT_LEAST = timedelta(days=1)
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]+")


class Pruned(Document):
    """What was removed, or would be; sizes in bytes.

    `contents` are files, handoffs and PRDs in the database that no other run refers to; `folders` those of runs, with
    their logs; `environments` prepared ones and tools' caches. `unfinished` counts runs that are as old, and kept
    because they are not over.
    """

    dry_run: bool
    runs: int
    contents: int
    folders: int
    environments: int
    unfinished: int
    database_bytes: int
    folder_bytes: int
    environment_bytes: int

    @computed_field  # type: ignore[prop-decorator]  # as Pydantic documents it
    @property
    def bytes(self) -> int:
        """All of it."""
        return self.database_bytes + self.folder_bytes + self.environment_bytes


async def prune(database: Database, home: Path, age: timedelta, *, dry_run: bool = False) -> Pruned:
    """Remove what is older than `age`: runs by when they ended, environments by when they were last used.

    Args:
        database: With the runs.
        home: With their folders and the environments.
        age: Not negative.
        dry_run: Remove nothing, and say what would be.

    Raises:
        ValueError: `age` is negative.
        DatabaseLost: The database went away; what is removed so far stays so.
    """
    if age < timedelta():
        raise ValueError(f"an age cannot be negative, but this is {age}")
    retention = Retention(database, age)
    folders = _Folders(home, dry_run=dry_run)
    if dry_run:
        runs, contents = await retention.measure_runs(folders.remove), await retention.measure_contents()
    else:
        runs, contents = await retention.remove_runs(folders.remove), await retention.remove_contents()
    known = await asyncio.to_thread(folders.older_than, max(age, _UNKNOWN_AT_LEAST))
    await folders.remove(sorted(await retention.unknown(known)))
    environments = await asyncio.to_thread(_prune_environments, cache_folder(home), age, dry_run=dry_run)
    if not dry_run and runs.count + contents.count:
        await retention.make_room()
    return Pruned(
        dry_run=dry_run,
        runs=runs.count,
        contents=contents.count,
        folders=folders.removed.count,
        environments=environments.count,
        unfinished=await retention.unfinished(),
        database_bytes=runs.bytes + contents.bytes,
        folder_bytes=folders.removed.bytes,
        environment_bytes=environments.bytes,
    )


class _Folders:
    """The folders of runs under a home, and how much of them was removed."""

    def __init__(self, home: Path, *, dry_run: bool) -> None:
        self._home = home
        self._dry_run = dry_run
        self.removed = Removed()

    async def remove(self, run_ids: Sequence[str]) -> None:
        """Remove the folders of runs."""
        places = [place for each in run_ids if (place := run_folder(self._home, each)).is_dir()]
        self.removed += await asyncio.to_thread(_remove_all, places, dry_run=self._dry_run)

    def older_than(self, age: timedelta) -> list[str]:
        """Return the names of the folders in which nothing was made or changed for so long."""
        runs = run_folder(self._home, "")
        before = (datetime.now(UTC) - age).timestamp()
        found = [each for each in runs.iterdir() if _RUN_ID.fullmatch(each.name)] if runs.is_dir() else []
        return [place.name for place in found if all(each.st_mtime < before for each in _stats(place))]


def _remove_all(places: Iterable[Path], *, dry_run: bool) -> Removed:
    removed = Removed()
    for place in places:
        removed += Removed(count=1, bytes=_size(place))
        if not dry_run:
            shutil.rmtree(place, ignore_errors=True)
    return removed


def _prune_environments(cache: Path, age: timedelta, *, dry_run: bool) -> Removed:
    removed = Removed()
    for place in remove_unused(cache, age.total_seconds(), dry_run=dry_run):
        removed += Removed(count=1, bytes=_size(place))
    return removed


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder; what another place also links to is not freed with it."""
    return sum(each.st_size for each in _stats(folder) if stat.S_ISREG(each.st_mode) and each.st_nlink == 1)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    """Yield what the system says of a folder and of all below it; links are not followed."""
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            with suppress(FileNotFoundError):  # somebody else removes it, too
                yield (Path(parent) / name).lstat()
