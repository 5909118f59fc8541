"""The staged tree of a run: the app as it would be, where checks run before anything reaches the workspace.

It grows from step to step. What earlier runs published comes in as the handoffs list it, hash by hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from agents.ownership import owns
from handoff.files import read_regular
from handoff.store import Handoff, safe_path
from orchestrator.planning.pipeline import BoundStep
from skills.model.workspace import SKIPPED


def staged(tree: Path, whose: Callable[[str], bool]) -> list[str]:
    """Return the paths of the tree's files that are `whose`, sorted, tools' own folders aside."""
    found = []
    for root, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [Path(root, name).relative_to(tree).as_posix() for name in names]
    return sorted(path for path in found if whose(path))


def clear(tree: Path, whose: Callable[[str], bool]) -> None:
    """Remove the files of the tree whose path is `whose`: what an earlier attempt left is no part of the next one."""
    for path in staged(tree, whose):
        (tree / path).unlink()


def clear_step(tree: Path, step: BoundStep, handoffs: Iterable[Handoff]) -> None:
    """Remove what an attempt at a step left; what the handoffs that it reads list stays, also if its agent made it."""
    listed = {path for handoff in handoffs if handoff.provenance for path in handoff.provenance.files}
    clear(tree, lambda path: owns(step.agent, path) and path not in listed)


def stage(tree: Path, files: Mapping[str, str]) -> None:
    """Write `files` (text by path) to the tree."""
    for path, text in files.items():
        place = safe_path(tree, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")


def stage_published(tree: Path, workspace: Path, handoff: Handoff) -> tuple[str, ...]:
    """Copy the files that a handoff lists from the workspace to the tree.

    Returns:
        Paths of files that are missing from the workspace or are not as the handoff says; nothing was copied then.
    """
    listed = handoff.provenance.files if handoff.provenance else {}
    contents: dict[str, bytes] = {}
    changed = []
    for path, sha256 in listed.items():
        if staged_sha256(tree, path) == sha256:
            continue
        place = safe_path(workspace, path)
        content = read_regular(place) if place.is_file() else b""
        if hashlib.sha256(content).hexdigest() == sha256:
            contents[path] = content
        else:
            changed.append(path)
    if not changed:
        for path, content in contents.items():
            place = safe_path(tree, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    return tuple(changed)


def staged_sha256(tree: Path, path: str) -> str | None:
    """Return the hash of a staged file, or None if it is not there."""
    place = safe_path(tree, path)
    return hashlib.sha256(read_regular(place)).hexdigest() if place.is_file() else None
