"""Where archives are kept: a bucket of Google Cloud Storage, or a folder. Both have the same two operations.

An archive is named by its content, so storing it twice is storing it once, and a part that is read later is of the
same archive.

Not here: what is in an archive (`orchestrator.vertex.archives`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from handoff.store import write_atomically
from orchestrator.vertex.settings import NotConfigured
from schemas.errors import RunError

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

GCS = "gs://"
PATIENCE = 20.0  # seconds to try again for; a caller waits meanwhile
_KIND = "application/gzip"


class ArtifactsUnavailable(RunError):
    """The archives' place cannot be written to or read."""

    code = "artifacts_unavailable"
    transient = True


class ArtifactStore(Protocol):
    """A place for archives; names are relative paths with `/`."""

    async def put(self, name: str, content: bytes) -> str:
        """Store `content`, unless it is there; return where it is.

        Raises:
            ArtifactsUnavailable: It cannot be stored.
        """
        ...

    async def part(self, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        """Return at most `size` bytes from `offset` on, and how many there are in all; None if there is no such file.

        Raises:
            ArtifactsUnavailable: It cannot be read.
        """
        ...


def open_artifacts(place: str) -> ArtifactStore:
    """Return the artifacts at `place`: a `gs://bucket/prefix` URL or the path of a folder. Nothing is connected yet.

    Raises:
        NotConfigured: The URL names no bucket, or is of another kind.
    """
    if place.startswith(GCS):
        parts = urlsplit(place)
        if not parts.netloc:
            raise NotConfigured(f"BATON_ARTIFACTS=`{place}` names no bucket. Set it to gs://bucket/prefix.")
        return GcsArtifacts(parts.netloc, parts.path.strip("/"))
    if "://" in place:
        raise NotConfigured(f"BATON_ARTIFACTS=`{place}`: set it to gs://bucket/prefix, or to the path of a folder.")
    return FolderArtifacts(Path(place).expanduser())


class FolderArtifacts:
    """Archives in a folder, which is made on demand."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, content: bytes) -> str:
        """Store `content`; see `Artifacts`."""
        place = self._root / name
        try:
            if not place.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                await asyncio.to_thread(write_atomically, place, content)
        except OSError as error:
            raise ArtifactsUnavailable(
                f"the archive `{place}` cannot be written: {error.strerror}. Make room, or set BATON_ARTIFACTS."
            ) from error
        return str(place)

    async def part(self, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        """Return a part; see `Artifacts`."""
        try:
            with (self._root / name).open("rb") as file:
                total = file.seek(0, 2)
                file.seek(offset)
                return file.read(size), total
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArtifactsUnavailable(
                f"the archive `{self._root / name}` cannot be read: {error.strerror}."
            ) from error


class GcsArtifacts:
    """Archives in a bucket. The client is imported, and looks for credentials, when the first one is stored or read."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket_name = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._opened: Bucket | None = None

    async def put(self, name: str, content: bytes) -> str:
        """Store `content`; see `Artifacts`."""
        await asyncio.to_thread(self._put, name, content)
        return f"{GCS}{self._bucket_name}/{self._prefix}{name}"

    async def part(self, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        """Return a part; see `Artifacts`."""
        return await asyncio.to_thread(self._part, name, offset, size)

    def _put(self, name: str, content: bytes) -> None:
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415 - an optional extra

        try:
            blob = self._bucket().blob(f"{self._prefix}{name}")
            blob.upload_from_string(content, content_type=_KIND, if_generation_match=0, retry=self._patience())
        except PreconditionFailed:
            return  # it is there
        except Exception as error:
            raise self._unavailable("stored", name, error) from error

    def _part(self, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        try:
            blob = self._bucket().get_blob(f"{self._prefix}{name}", retry=self._patience())
            if blob is None:
                return None
            total = int(blob.size or 0)
            if offset >= total:
                return b"", total
            last = min(offset + size, total) - 1
            return blob.download_as_bytes(start=offset, end=last, retry=self._patience()), total
        except Exception as error:
            raise self._unavailable("read", name, error) from error

    def _patience(self) -> Any:  # noqa: ANN401 - the package ships no types
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415 - as below

        return DEFAULT_RETRY.with_timeout(PATIENCE)

    def _bucket(self) -> Bucket:
        if self._opened is None:
            try:
                from google.cloud import storage  # noqa: PLC0415 - an optional extra
            except ImportError as error:
                raise NotConfigured(
                    "BATON_ARTIFACTS names a bucket, but `google-cloud-storage` is not installed."
                    " Install it with `pip install 'baton-engine[vertex]'`."
                ) from error
            self._opened = storage.Client().bucket(self._bucket_name)
        return self._opened

    def _unavailable(self, what: str, name: str, error: Exception) -> Exception:
        if isinstance(error, NotConfigured):
            return error
        return ArtifactsUnavailable(
            f"the archive `{GCS}{self._bucket_name}/{self._prefix}{name}` cannot be {what}:"
            f" {type(error).__name__}: {error}. Does the service account have the role"
            " roles/storage.objectUser on the bucket?"
        )
