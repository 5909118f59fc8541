"""Sort a run's files into the kinds that the Phase-14 output names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from handoff.files import read_regular
from handoff.store import safe_path
from schemas.agents import Artifact, Artifacts

Kind = Literal["main", "routers", "models", "schemas", "services", "database", "migrations", "tests", "config"]

# The first prefix that matches decides. What is Python but none of these frames the application: `main`.
PREFIXES: tuple[tuple[str, Kind], ...] = (
    ("app/routers/", "routers"),
    ("app/models/", "models"),
    ("app/schemas/", "schemas"),
    ("app/services/", "services"),
    ("app/core/database.py", "database"),
    ("alembic/", "migrations"),
    ("alembic.ini", "migrations"),
    ("tests/", "tests"),
    ("app/", "main"),
)


def kind_of(path: str) -> Kind:
    """Return the kind of the backend file at `path` (relative to the workspace)."""
    return next((kind for prefix, kind in PREFIXES if path.startswith(prefix)), "config")


def collect(workspace: Path, paths: Iterable[str]) -> Artifacts:
    """Return the backend's files with their contents, by kind; the frontend is another agent's.

    Raises:
        OSError: A file that the run published is gone or unreadable.
    """
    kinds: dict[Kind, list[Artifact]] = {}
    for path in sorted(paths):
        if not path.startswith("frontend/"):
            content = read_regular(safe_path(workspace, path)).decode()
            kinds.setdefault(kind_of(path), []).append(Artifact(file=path, content=content))
    return Artifacts.model_validate({kind: tuple(artifacts) for kind, artifacts in kinds.items()})
