"""Write the files of an export, and only over those that an export wrote.

Not here: what they say (`orchestrator.interop.claude_code`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handoff.files import read_regular
from handoff.store import UnsafePath, safe_path, write_atomically
from orchestrator.interop.claude_code import AGENTS, COMMANDS, SKILLS
from orchestrator.interop.signature import marked, whose
from schemas.errors import InputError

# What an export finds; `--check` is content with the first two.
State = Literal["up to date", "not Baton's", "missing", "old", "edited", "no longer exported"]
_FINE = ("up to date", "not Baton's")


class ExportRefused(InputError):
    """A file cannot be read or written."""

    code = "export_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """One file: how it was found, and what was done about it: written, removed, left alone, or nothing."""

    path: str
    found: State
    done: Literal["written", "removed", "left alone", ""] = ""

    @property
    def is_fine(self) -> bool:
        return self.found in _FINE


def export(root: Path, files: Mapping[str, str], *, check: bool) -> list[Exported]:
    """Bring the folder `root` to hold `files`; with `check`, only say how it is.

    A file of somebody else's stays as it is, and so does one that was edited. What an earlier export wrote and this one
    does not, goes.

    Raises:
        ExportRefused: A file cannot be read or written, or a symbolic link leads out of the folder.
    """
    results = []
    for path, text in [*sorted(files.items()), *((path, "") for path in sorted(_stale(root, files)))]:
        try:
            results.append(_one(root, path, marked(text) if text else None, check=check))
        except (OSError, UnsafePath) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ExportRefused(
                f"`{root / path}` cannot be exported: {reason}. What came before it is written."
            ) from error
    return results


def _one(root: Path, path: str, wanted: str | None, *, check: bool) -> Exported:
    place = safe_path(root, path)
    found = _state(place, wanted)
    if found == "up to date" or check:
        return Exported(path=path, found=found)
    if found in {"not Baton's", "edited"}:
        return Exported(path=path, found=found, done="left alone")
    if wanted is None:
        place.unlink()
        if place.parent.parent == root / SKILLS and not any(place.parent.iterdir()):
            place.parent.rmdir()
        return Exported(path=path, found=found, done="removed")
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, wanted.encode())
    return Exported(path=path, found=found, done="written")


def _state(place: Path, wanted: str | None) -> State:
    if not place.exists():
        return "missing"
    if place.is_dir():
        return "not Baton's"
    content = read_regular(place)
    if wanted is not None and content.decode("utf-8", errors="replace").replace("\r\n", "\n") == wanted:
        return "up to date"
    match whose(content):
        case "another's":
            return "not Baton's"
        case "edited":
            return "edited"
        case "ours":
            return "old" if wanted is not None else "no longer exported"


def _stale(root: Path, files: Mapping[str, str]) -> Iterator[str]:
    for pattern in (f"{AGENTS}/*.md", f"{COMMANDS}/*.md", f"{SKILLS}/*/SKILL.md"):
        for place in root.glob(pattern):
            path = place.relative_to(root).as_posix()
            if (
                path not in files
                and not place.is_symlink()
                and place.is_file()
                and whose(read_regular(place)) == "ours"
            ):
                yield path
