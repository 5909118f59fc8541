"""The folder that the app is written to.

Baton never overwrites what it did not write: before a run begins, every file where its agents will write must be one
that Baton wrote and nobody changed since. What an agent publishes arrives whole: all of it is first written beside its
place, then moved. A full disk or a kill leaves either the old file or the new one.

Not here: what a step publishes (`orchestrator.steps.step`), handoff files (`handoff.store`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from agents.contracts import Agent
from agents.ownership import owns, owns_within
from handoff.files import open_regular
from schemas.errors import InputError, RunError

# Made by tools in a working copy, never written by Baton.
IGNORED = frozenset(
    {
        "node_modules", "dist", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
        ".vite", ".env", ".coverage", "coverage", "htmlcov", ".git", ".DS_Store",
    }
)  # fmt: skip
_ARRIVING = ".claude/.arriving"
_ASKED = frozenset({".claude/handoff/questions", ".claude/handoff/outside"})  # nobody's work: copies, and drafts
_FOLDERS = (".claude", ".claude/handoff")
_SHOWN = 20


class WorkspaceUnusable(InputError):
    """The workspace cannot be written to."""

    code = "workspace_unusable"


class WorkspaceBusy(InputError):
    """Another run works in the workspace."""

    code = "workspace_busy"


class WorkspaceConflict(InputError):
    """Files stand where Baton would write, and Baton did not write them so. `files` are relative paths."""

    code = "workspace_conflict"

    def __init__(self, root: str, files: tuple[str, ...]) -> None:
        super().__init__(root, files)
        self.root, self.files = root, files

    def __str__(self) -> str:
        listed = "".join(f"\n  {file}" for file in self.files[:_SHOWN])
        more = f"\n  … and {len(self.files) - _SHOWN} more" if len(self.files) > _SHOWN else ""
        return (
            f"the workspace `{self.root}` has {len(self.files)} file(s) where Baton would write, which Baton did not"
            f" write or which changed since:{listed}{more}\n"
            "Nothing was changed. Move them away, undo the change, or choose another --workspace."
        )


class PublishFailed(RunError):
    """Files could not be written to the workspace."""

    code = "publish_failed"


class Workspace:
    """One workspace. `root` is absolute, symbolic links resolved; it need not exist."""

    def __init__(self, root: Path) -> None:
        """Name the workspace; nothing is made.

        Raises:
            WorkspaceUnusable: It is not a folder, or cannot be written to or made.
        """
        self.root = root.expanduser().resolve()
        nearest = next(part for part in (self.root, *self.root.parents) if part.exists())
        if not nearest.is_dir():
            raise WorkspaceUnusable(
                f"the workspace `{self.root}` is not a folder: `{nearest}` is a file. Choose another --workspace."
            )
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise WorkspaceUnusable(
                f"the workspace `{self.root}` cannot be written to (`{nearest}` is read-only)."
                " Make it writable, or choose another --workspace."
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Make the workspace and keep every other run out of it, whichever database that one uses.

        Raises:
            WorkspaceBusy: Another run is in it.
            WorkspaceUnusable: It cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise WorkspaceUnusable(
                f"the workspace `{self.root}` cannot be made: {error.strerror}. Choose another --workspace."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise WorkspaceBusy(
                f"another run works in the workspace `{self.root}`. Wait for it, or choose another --workspace."
            ) from error
        finally:
            os.close(descriptor)

    def refuse_conflicts(self, agents: Sequence[Agent], recorded: Mapping[str, Collection[str]]) -> None:
        """Refuse files that stand where `agents` write and are not exactly as Baton wrote them.

        Refused, too, is what stands in the way: a link or a file where a folder has to be, a folder for a file.

        Args:
            agents: Who is going to write.
            recorded: By path, the SHA-256 of each version that Baton wrote.

        Raises:
            WorkspaceConflict: With every such file.
        """
        foreign = [path for path in self.paths() if self._is_foreign(path, agents, recorded)]
        files = (path for agent in agents for path in agent.owns if "*" not in path)
        foreign += [path for path in files if (self.root / path).is_dir()]
        foreign += [path for path in _FOLDERS if (self.root / path).exists() and not (self.root / path).is_dir()]
        if foreign:
            raise WorkspaceConflict(str(self.root), tuple(sorted(set(foreign))))

    def _is_foreign(self, path: str, agents: Sequence[Agent], recorded: Mapping[str, Collection[str]]) -> bool:
        if any(owns(agent, path) for agent in agents):
            return self.sha256(path) not in recorded.get(path, ())
        return any(owns_within(agent, path) for agent in agents)

    def sha256(self, path: str) -> str | None:
        """Return the hash of a file, or None if there is no regular file (a symbolic link is none)."""
        place = self.root / path
        if place.is_symlink() or not place.is_file():
            return None
        with open_regular(place, follow=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def publish(
        self,
        files: Mapping[str, bytes],
        recorded: Callable[[], Mapping[str, Collection[str]]],
        removed: Iterable[str] = (),
    ) -> None:
        """Bring the workspace to hold `files`, and to lack `removed`.

        What is already there is left alone, so a publication that was interrupted can simply be repeated.

        Args:
            files: Content by path.
            recorded: Returns, by path, the SHA-256 of each version that Baton wrote earlier and may replace or remove;
                asked only if something is there.
            removed: Paths; one that has another content than recorded is kept.

        Raises:
            WorkspaceConflict: A file changed, or came, since the run began. Nothing was changed.
            PublishFailed: A file cannot be written; if the text says so, nothing was changed.
        """
        self._drop_arriving()
        found = {path: self.sha256(path) for path in files}
        new = {path: content for path, content in files.items() if found[path] != _digest(content)}
        replaced = {path: found[path] for path in new if found[path] is not None}
        going = {path: sha256 for path in removed if path not in files and (sha256 := self.sha256(path)) is not None}
        known = recorded() if replaced or going else {}
        changed = [path for path, sha256 in replaced.items() if sha256 not in known.get(path, ())]
        if changed:
            raise WorkspaceConflict(str(self.root), tuple(sorted(changed)))
        places = [self._place(path) for path in new]
        try:
            arrived = self._write_beside(new.values())
            for place in places:
                place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._drop_arriving()
            for path in new:
                self._drop_empty_parents(path)
            why = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else error.strerror
            raise PublishFailed(
                f"cannot write to the workspace `{self.root}`: {why}. Nothing was changed.\n"
                "Put that right, then `baton retry`."
            ) from error
        for each, place in zip(arrived, places, strict=True):
            each.replace(place)
        for path, sha256 in going.items():
            if sha256 in known.get(path, ()):
                (self.root / path).unlink()
                self._drop_empty_parents(path)
        for folder in {place.parent for place in places}:
            _sync_folder(folder)
        self._drop_arriving()

    def _write_beside(self, contents: Iterable[bytes]) -> list[Path]:
        """Write each of `contents` to a file of its own, on the disk of the workspace; return the files."""
        arrived = []
        for number, content in enumerate(contents):
            path = self.root / _ARRIVING / str(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            arrived.append(path)
        return arrived

    def _place(self, path: str) -> Path:
        """Return where `path` is, refusing to leave the workspace through a symbolic link."""
        place = self.root
        for name in PurePosixPath(path).parts:
            place = place / name
            if name == ".." or place.is_symlink():
                raise PublishFailed(f"`{path}` leaves the workspace `{self.root}`: `{place}` is a symbolic link.")
        if place.is_dir():
            raise PublishFailed(f"`{path}` cannot be written to the workspace `{self.root}`: a folder is there.")
        return place

    def paths(self) -> Iterator[str]:
        """Yield the relative paths of all files and symbolic links, tools' own folders aside."""
        for folder, names, files in os.walk(self.root):
            at = Path(folder).relative_to(self.root)
            links = [name for name in names if (Path(folder) / name).is_symlink()]
            names[:] = [
                name for name in names if name not in {*IGNORED, *links} and (at / name).as_posix() not in _ASKED
            ]
            for name in [*files, *links]:
                if name not in IGNORED:
                    yield (at / name).as_posix()

    def _drop_empty_parents(self, path: str) -> None:
        for parent in PurePosixPath(path).parents:
            if parent != PurePosixPath():
                with suppress(OSError):
                    (self.root / parent).rmdir()

    def _drop_arriving(self) -> None:
        shutil.rmtree(self.root / _ARRIVING, ignore_errors=True)
        self._drop_empty_parents(_ARRIVING)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
