"""Workspaces on an instance: folders that can be made anew from the database at any time.

A run's workspace is `<root>/<token>`, the same path on every instance. What is there may be missing, or behind: another
instance may have worked on the run since. So before a run is taken up, its workspace is brought to hold exactly what
the run has published.

Only folders directly below the root are touched, so a run that somebody began elsewhere in the same database, in a
folder of their own, is never this app's.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from handoff.provenance import sha256
from handoff.store import safe_path
from orchestrator.steps.workspace import Workspace


class Workspaces:
    """The workspaces below one root, absolute and free of links, which is made on demand."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def new(self) -> Path:
        """Return the path of a workspace for a new run."""
        return self.root / secrets.token_hex(8)

    def has(self, workspace: str) -> bool:
        """Return whether the path of a workspace is one of these."""
        return Path(workspace).parent == self.root

    def bring(self, workspace: str, files: Mapping[str, bytes]) -> None:
        """Have a workspace hold `files`, content by path, and nothing else. The caller holds its lock."""
        root = Path(workspace)
        for place in _files(root):
            if str(place.relative_to(root)) not in files:
                place.unlink()
        for path, content in files.items():
            place = safe_path(root, path)
            if not place.is_file() or sha256(place.read_bytes()) != sha256(content):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)

    def drop(self, workspace: str) -> None:
        """Remove a workspace, unless somebody works in it: its disk may be the instance's memory."""
        root = Path(workspace)
        if self.has(workspace) and root.is_dir():
            with Workspace(root).lock():
                shutil.rmtree(root, ignore_errors=True)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files and links below a folder."""
    return (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
