"""The folder a model works in: a copy of the staged tree, and what changed in it.

Ownership is judged by the difference between before and after, whatever wrote it. What the agent may not touch is put
back and reported; nothing outside this folder is ever written.

Not here: the tools that write (`skills.model.conversation`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from skills.core.contribution import ContributedFile
from skills.core.paths import path_problems
from skills.core.skill_context import SkillContext

# What tools leave in a staged tree: large, not text, and nobody's work.
SKIPPED = frozenset(
    {"node_modules", ".venv", "__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What was written, and what was undone or cannot be taken."""

    files: tuple[ContributedFile, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelWorkspace:
    """A copy to work on.

    `before` are the files that may not change, by path; `places` the only paths that may, unless it is None.
    """

    folder: Path
    bench: SkillContext
    before: Mapping[str, bytes] = field(repr=False)
    places: Collection[str] | None = None

    def writable(self, path: str) -> bool:
        """Return whether `path`, relative to the project, may be written."""
        return path not in self.before and self.bench.owned(path) and (self.places is None or path in self.places)

    @property
    def shown(self) -> tuple[str, ...]:
        """Return what may be written as patterns."""
        return self.bench.owns if self.places is None else tuple(self.places)

    def changes(self) -> Changes:
        """Return what was made, and undo what may not be: files of others changed, removed or added."""
        files, problems = [], []
        for path, place in _files(self.folder):
            content = place.read_bytes()
            if self.writable(path):
                files.append((path, content))
            elif self.before.get(path) != content:
                place.unlink()
                problems.append(self._undone(path))
        changed = {path for path in self.before if not _is_file(self.folder / path)}
        _write(self.folder, {path: self.before[path] for path in changed})
        problems += [text for text in (self._undone(path) for path in sorted(changed)) if text not in problems]
        texts = [(path, _text(content)) for path, content in files]
        problems += [f"`/{path}` is not UTF-8 text; write text files only" for path, text in texts if text is None]
        taken = tuple(ContributedFile(path=path, content=text) for path, text in texts if text is not None)
        return Changes(files=taken, problems=(*problems, *path_problems(taken)))

    def _undone(self, path: str) -> str:
        if path in self.before:
            return f"`/{path}` was changed or removed, and is not yours; it was put back"
        if self.bench.owned(path):
            return f"`/{path}` was written, and is none of the files that you may write; it was removed"
        return f"`/{path}` was written, and `{self.bench.agent}` does not own that path; it was removed"


@contextmanager
def open_workspace(
    bench: SkillContext,
    fixed: Sequence[ContributedFile],
    attachments: Mapping[str, str],
    *,
    begun: Sequence[ContributedFile] = (),
    places: Collection[str] | None = None,
) -> Iterator[ModelWorkspace]:
    """Lay out a copy of the staged tree, remove it at the end.

    The agent's own files in the tree are left of an earlier attempt and not laid out: the skill makes them anew, or
    goes on from `begun`.

    Args:
        bench: Where the work is done.
        fixed: What the step has made already; to be read, not changed.
        attachments: Further files to be read, by path.
        begun: What there is of the work, to be changed.
        places: The paths that may be written; None: all that the agent owns.
    """
    with tempfile.TemporaryDirectory(prefix="baton-desk-") as name:
        folder = Path(name).resolve()
        before = {path: place.read_bytes() for path, place in _files(bench.tree) if not bench.owned(path)}
        before |= {file.path: file.content.encode() for file in fixed}
        before |= {path: text.encode() for path, text in attachments.items()}
        _write(folder, before)
        _write(folder, {file.path: file.content.encode() for file in begun})
        yield ModelWorkspace(folder=folder, bench=bench, before=before, places=places)


def laid_out(bench: SkillContext) -> list[str]:
    """Return the paths of the staged tree that a desk will hold, and of the work to be put right, sorted."""
    again = bench.rework.contribution.files if bench.rework is not None else ()
    return sorted({file.path for file in again}.union(path for path, _ in _files(bench.tree) if not bench.owned(path)))


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return the files below `folder` with their paths, sorted. A link is nobody's work and leads nowhere."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        places = [Path(root, name) for name in names]
        found += [(place.relative_to(folder).as_posix(), place) for place in places if _is_file(place)]
    return sorted(found)


def _is_file(place: Path) -> bool:
    return place.is_file() and not place.is_symlink()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        for step in (*reversed(place.relative_to(folder).parents), place.relative_to(folder)):
            _make_way(folder / step, last=folder / step == place)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _make_way(place: Path, *, last: bool) -> None:
    """Remove what stands where a file or a folder on its way must be."""
    if place.is_symlink() or (place.is_file() and not last):
        place.unlink()
    elif place.is_dir() and last:
        shutil.rmtree(place)


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
