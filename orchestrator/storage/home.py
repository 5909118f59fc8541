"""Where Baton keeps what outlives a run: its PostgreSQL, the files of its runs, tool caches."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return Baton's home: `BATON_HOME`, or the user's data folder. It need not exist."""
    if configured := os.environ.get("BATON_HOME"):
        return Path(configured).expanduser().absolute()
    return platformdirs.user_data_path("baton")


def run_folder(root: Path, run_id: str) -> Path:
    """Return the folder of one run: its PRD as given, its staged tree, its logs."""
    return root / "runs" / run_id


def cache_folder(root: Path) -> Path:
    """Return the folder of the environments that checks share."""
    return root / "cache"
