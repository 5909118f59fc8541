"""A proposed path stays in the workspace and means one file on every file system.

Links are on disk, not in a proposal: whoever writes the files asks `link_on_the_way` just before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from agents.contracts import Proposal, Violation

RESERVED = frozenset({".claude", ".git", ".baton"})  # the handoffs and the histories are not an agent's to write
_LONGEST_SEGMENT = 255  # bytes, on every common file system
_LONGEST_PATH = 1000  # bytes; PATH_MAX is 4096 with the workspace in front
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")


class PathEscape:
    """Every path is relative, plain, not reserved, and distinct from the others whatever the letter case."""

    name = "path-escape"

    def violations(self, proposal: Proposal, /) -> list[Violation]:
        faults = {path: fault for path in proposal.files if (fault := path_fault(path))}
        for path, other in _look_alikes(proposal.files):
            faults.setdefault(path, f"is the same file as `{other}` where letter case does not count")
        for path in proposal.files:
            if any(other.startswith(f"{path}/") for other in proposal.files):
                faults.setdefault(path, "is a file and a folder at once")
        return [
            Violation(
                guard=self.name,
                path=_shown(path),
                line=0,
                message=f"the path {fault}",
                hint="Use a plain relative path such as `app/models/todo.py`.",
            )
            for path, fault in sorted(faults.items())
        ]


def path_fault(path: str) -> str | None:
    """Return what is wrong with a path as the end of a sentence, or None if it is plain."""
    segments = path.split("/")
    reserved = [s for s in segments if _folded(s).rstrip(". ").split(":")[0] in RESERVED]
    rules = (
        (not path, "is empty"),
        (path.startswith("/") or _DRIVE.match(path) is not None, "is absolute"),
        (path.startswith("~"), "begins in a home folder"),
        ("\\" in path, "has a backslash"),
        (not path.isprintable(), "holds a NUL, control or invisible character"),
        (".." in segments, "leaves the workspace with `..`"),
        ("" in segments or "." in segments, "has an empty or `.` segment"),
        (path != unicodedata.normalize("NFC", path), "is not in Unicode's composed form (NFC)"),
        (bool(reserved), f"uses the reserved name `{reserved[0] if reserved else ''}`"),
        (
            any(s.endswith((".", " ")) or s.startswith(" ") for s in segments),
            "has a segment with an outer dot or space",
        ),
        (any(_DEVICE.fullmatch(s) for s in segments), "uses a device name of Windows"),
        (any(len(s.encode(errors="replace")) > _LONGEST_SEGMENT for s in segments), "has a segment over 255 bytes"),
        (len(path.encode(errors="replace")) > _LONGEST_PATH, "is over 1000 bytes"),
    )
    return next((fault for wrong, fault in rules if wrong), None)


def link_on_the_way(root: Path, path: str) -> Path | None:
    """Return the first symbolic link between `root` and `path` (the file itself included), or None."""
    place = root
    for segment in PurePosixPath(path).parts:
        place /= segment
        if place.is_symlink():
            return place
    return None


def _look_alikes(paths: Iterable[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    pairs = []
    for path in sorted(paths):
        other = first.setdefault(_folded(path), path)
        if other != path:
            pairs.append((path, other))
    return pairs


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _shown(path: str) -> str:
    return path if path.isprintable() else ascii(path)
