"""A home whose PostgreSQL a test may kill."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.storage.embedded import Embedded


@contextmanager
def own_home() -> Iterator[Path]:
    """Not pytest's temporary folder: as root, PostgreSQL's user must be able to enter it."""
    with tempfile.TemporaryDirectory(prefix="baton-pg-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def postmaster_id(embedded: Embedded) -> int:
    return int((embedded.data / "postmaster.pid").read_text().split()[0])


def kill_postmaster(embedded: Embedded) -> None:
    """Kill the first process of a server as a machine out of memory would; its children notice by themselves."""
    os.kill(postmaster_id(embedded), signal.SIGKILL)
    while embedded._answers():
        time.sleep(0.01)
