"""Write the archive of a run into a folder of this machine: all of it, or nothing.

A file that is there and says something else is not overwritten unasked: it may be somebody's work. Archives come from a
service, so a path that leads out of the folder, and anything but plain files, is refused.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from handoff.store import safe_path
from orchestrator.steps.workspace import Workspace
from schemas.errors import InputError, RunError


class ArchiveUnusable(RunError):
    """What came is no archive of plain files."""

    code = "archive_unusable"


class WouldOverwrite(InputError):
    """Files in the workspace differ from those of the run. Nothing was written."""

    code = "would_overwrite"


def unpack(packed: bytes, workspace: Path, *, overwrite: bool) -> list[str]:
    """Write what is packed into a workspace, made if missing; return the paths that changed.

    Raises:
        ArchiveUnusable: It is no gzipped tar of plain files.
        UnsafePath: A path leads out of the workspace.
        WouldOverwrite: Files that are there differ, and `overwrite` is not given.
        WorkspaceBusy: A run works there.
    """
    files = _files(packed)
    with Workspace(workspace).lock():
        changed = {path: content for path, content in files.items() if _differs(safe_path(workspace, path), content)}
        there = [path for path in changed if safe_path(workspace, path).exists()]
        if there and not overwrite:
            listed = "".join(f"\n  {path}" for path in there[:10])
            more = f"\n  and {len(there) - 10} more" if len(there) > 10 else ""  # noqa: PLR2004 - as above
            raise WouldOverwrite(
                f"{len(there)} files in `{workspace}` differ from those of the run:{listed}{more}\n"
                "Nothing was written. Choose another --workspace, or give --overwrite."
            )
        for path, content in changed.items():
            place = safe_path(workspace, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    return sorted(changed)


def _files(packed: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for each in archive:
                content = archive.extractfile(each) if each.isfile() else None
                if content is None:
                    raise ArchiveUnusable(
                        f"the archive holds `{each.name}`, which is no plain file. Nothing was written."
                    )
                files[each.name] = content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveUnusable(f"what came is no archive: {error}. Nothing was written; try again.") from error
    return files


def _differs(place: Path, content: bytes) -> bool:
    return not place.is_file() or place.read_bytes() != content
