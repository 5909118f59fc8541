"""A workspace as one file: the same contents make the same bytes, whoever packs them and whenever."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping

SUFFIX = ".tar.gz"
_MODE = 0o644
_LEVEL = 6


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of `files`, content by path: sorted, without times, owners or permissions of their own."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0, filename="") as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path]), _MODE
            archive.addfile(entry, io.BytesIO(files[path]))
    return packed.getvalue()
