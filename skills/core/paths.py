"""Check the paths of contributed files before anything looks at their content.

Not here: who owns a path (`agents.guards`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from skills.core.contribution import ContributedFile

MAX_SEGMENT_BYTES = 255  # of one name, on the usual file systems


def path_problems(files: Sequence[ContributedFile]) -> tuple[str, ...]:
    """Return what is wrong with the files' paths: escapes, repetitions, a file where a folder must be."""
    problems = []
    seen: dict[str, str] = {}
    for file in files:
        reason = _unsafe(file.path)
        if reason:
            problems.append(f"output file {file.path!r}: {reason}")
        key = _key(file.path)
        if key in seen:
            problems.append(f"output file {file.path!r}: is there twice (also as {seen[key]!r})")
        seen[key] = file.path
        if not encodable(file.content):
            problems.append(f"output file {file.path!r}: its content cannot be written as UTF-8")
    folders = {str(parent) for key in seen for parent in PurePosixPath(key).parents}
    problems.extend(
        f"output file {path!r}: is a folder of another output file" for key, path in seen.items() if key in folders
    )
    return tuple(problems)


def _unsafe(path: str) -> str | None:
    segments = path.split("/")
    if "\\" in path or path.startswith("/") or path[1:2] == ":":
        return "must be relative to the workspace, with `/` between names"
    if any(segment in ("", ".", "..") for segment in segments):
        return "must not have empty names, `.` or `..`"
    if not path.isprintable():
        return "must not have control or invisible characters"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"must not have a name of more than {MAX_SEGMENT_BYTES} bytes"
    return None


def _key(path: str) -> str:
    """Return one text for all paths that some file systems cannot tell apart."""
    return unicodedata.normalize("NFC", path).casefold()


def encodable(text: str) -> bool:
    """Return whether UTF-8 can hold `text`: half a surrogate pair it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
