"""The folders that a client may use: what it names is looked for in them, and nothing outside is touched or shown.

Symbolic links are followed before anything is compared, so that none leads out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.errors import InputError


class OutsideWorkspace(InputError):
    """A path leads out of the folders that the server was started with."""

    code = "outside_workspace"


class Roots:
    """The folders that the server was started with. The first one is meant where none is named."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Take at least one folder; it need not exist."""
        self._folders = tuple(folder.expanduser().resolve() for folder in folders)

    @property
    def default(self) -> Path:
        """Return the folder that is meant where none is named."""
        return self._folders[0]

    def holds(self, path: Path) -> bool:
        """Return whether `path` is one of the folders or lies in one."""
        place = path.resolve()
        return any(place.is_relative_to(folder) for folder in self._folders)

    def path(self, named: str) -> Path:
        """Return the path that a client names, absolute; a relative one counts from the first folder.

        Raises:
            OutsideWorkspace: It leads out of the folders.
        """
        # A `~` is no shorthand here: a client has no home, and `expanduser` would lead out of the folders.
        try:
            place = (self.default / named).resolve()
        except (ValueError, OSError) as error:  # a NUL character; links in a circle
            raise OutsideWorkspace(f"`{named}` is no path: {error}.") from error
        if not self.holds(place):
            raise OutsideWorkspace(
                f"`{named}` is `{place}`, outside of what this server may use: {self}.\n"
                "Name a path inside, or have the server started with another `--workspace`."
            )
        return place

    def __str__(self) -> str:
        return ", ".join(f"`{folder}`" for folder in self._folders)
