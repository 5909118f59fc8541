"""Where an app goes if nobody says: the current folder, as long as nothing of anybody else's is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import InputError

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator


class WorkspaceUnnamed(InputError):
    """The current folder holds something, and nobody said that the app goes there."""

    code = "workspace_unnamed"


async def refuse_unnamed(engine: Orchestrator, title: str | None) -> None:
    """Refuse the current folder, which nobody named, unless it is empty or a run of the app called `title` was in it.

    Raises:
        WorkspaceUnnamed: It is neither. Nothing was written.
    """
    here = Path.cwd()
    if not any(here.iterdir()):
        return
    if title is not None and any(each.title == title for each in await engine.runs(workspace=here)):
        return
    raise WorkspaceUnnamed(
        f"the current folder `{here}` is not empty, and an app has many files. Nothing was written.\n"
        "Say where it goes with `--workspace DIR` (made if missing), or `--workspace .` if you mean this folder."
    )
