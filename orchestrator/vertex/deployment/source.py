"""The source that is deployed: Baton's packages and its requirements as one archive, and nothing else.

The packages are taken from where Python finds them, so a checkout and an installed wheel give the same archive. The
same sources make the same bytes. Baton's metadata go with them: a run records which version made it.

Not here: which versions are required (`orchestrator.vertex.deployment.requirements`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from handoff.provenance import sha256
from orchestrator.vertex.archives import pack
from schemas.base import Document
from schemas.errors import InputError

PACKAGES = ("schemas", "handoff", "skills", "agents", "orchestrator")
DISTRIBUTION = "baton-engine"
REQUIREMENTS = "requirements.txt"
ENTRYPOINT_MODULE, ENTRYPOINT_OBJECT = "orchestrator.vertex.app", "app"
LARGEST = 8_000_000  # bytes: what Agent Engine takes in one request

_LEFT_OUT = frozenset({"__pycache__", "node_modules"})
_SECRET_SUFFIXES = frozenset({".env", ".key", ".pem", ".p12", ".pfx", ".pyc"})
_HIDDEN_THAT_BELONG = frozenset({".gitignore", ".dockerignore"})  # files of the app to be, in templates


class SourceTooLarge(InputError):
    """The archive is larger than Agent Engine takes."""

    code = "source_too_large"


class SourceMissing(InputError):
    """A package of Baton is not where Python looks."""

    code = "source_missing"


class SourceArchive(Document):
    """What is deployed: an archive (gzipped tar) whose SHA-256 is `sha256`, and the paths in it."""

    archive: bytes
    sha256: str
    paths: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return len(self.archive)


def make_source(requirements: str, *, largest: int = LARGEST) -> SourceArchive:
    """Return the archive of Baton as it is installed here.

    Args:
        requirements: The text of the file that says what is to be installed beside it.
        largest: Bytes.

    Raises:
        SourceMissing: A package is not there.
        SourceTooLarge: The archive has more bytes than `largest`.
    """
    files = {REQUIREMENTS: requirements.encode(), **_metadata()}
    for package in PACKAGES:
        files.update(_files(package))
    archive = pack(files)
    if len(archive) > largest:
        big = sorted(files, key=lambda path: len(files[path]), reverse=True)[:5]
        listed = "".join(f"\n  {path}: {len(files[path]):,} bytes" for path in big)
        raise SourceTooLarge(
            f"the source archive has {len(archive):,} bytes; Agent Engine takes {largest:,}. The largest files:{listed}"
            "\nRemove what does not belong to Baton's packages, or deploy a container image (docs/deploying.md)."
        )
    return SourceArchive(archive=archive, sha256=sha256(archive), paths=tuple(sorted(files)))


def version() -> str:
    """Return the version of Baton that is installed here."""
    return importlib.metadata.version(DISTRIBUTION)


def _files(package: str) -> Iterator[tuple[str, bytes]]:
    root = _folder(package)
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and not path.is_symlink() and _belongs(PurePosixPath(inside.as_posix())):
            yield f"{package}/{inside.as_posix()}", path.read_bytes()


def _belongs(path: PurePosixPath) -> bool:
    """Return whether a file is Baton's own: not made by a tool, and nothing that hides or holds keys."""
    hidden = [part for part in path.parts if part.startswith(".") and part not in _HIDDEN_THAT_BELONG]
    return not hidden and _LEFT_OUT.isdisjoint(path.parts) and path.suffix not in _SECRET_SUFFIXES


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissing(
            f"the package `{package}` is not installed. Install Baton again: pip install {DISTRIBUTION}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _metadata() -> dict[str, bytes]:
    """Return the file by which Baton's version is known where it was not installed by a tool."""
    known = version()
    folder = f"{DISTRIBUTION.replace('-', '_')}-{known}.dist-info"
    return {f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {known}\n".encode()}
