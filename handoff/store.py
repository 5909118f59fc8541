"""The handoff files of a workspace: `.claude/handoff/<contract id>.md`.

A file is replaced as a whole or not at all: written beside its place, flushed to disk, renamed. The version it replaces
is kept in `.claude/handoff/history/<contract id>.<first 12 digits of its hash>.md`, the latest `KEPT` of each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

from pydantic import ValidationError

from handoff.codec import Parsed, parse, render
from handoff.files import open_regular, read_regular
from handoff.problems import HandoffInvalid, HandoffMissing, Problem
from handoff.provenance import Provenance, sha256, with_front_matter
from handoff.source import decoded, limit, refuse_too_large
from schemas.base import JSON, Document
from schemas.contract import Contract, ContractUnknown, contract_of, is_handoff, model_of
from schemas.errors import InputError, RunError

FOLDER = ".claude/handoff"
HISTORY = "history"
KEPT = 20  # earlier versions of one handoff


class UnsafePath(InputError):
    """A path leads out of the workspace: absolute, with `..`, or through a symbolic link."""

    code = "unsafe_path"


class HandoffUnwritable(RunError):
    """A handoff file could not be written: permissions, a full disk, a folder in its place."""

    code = "handoff_unwritable"


class HandoffUnreadable(InputError):
    """A handoff file is there and could not be read: permissions, a folder in its place."""

    code = "handoff_unreadable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Handoff:
    """A handoff as read. `raw` are the file's bytes, `sha256` their hash; `lines` count from 1, by JSON pointer."""

    contract: Contract
    data: Document  # of the contract's model
    lines: Mapping[str, int]
    provenance: Provenance | None
    edited: bool
    sha256: str
    path: Path
    raw: bytes = field(repr=False)


def as_data(document: Document) -> dict[str, JSON]:
    """Return a model's JSON data. Members that are empty by default and still are, are left out."""
    full = document.model_dump(mode="json", by_alias=True)
    changed = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return cast("dict[str, JSON]", _without_empty(full, changed))


def _without_empty(full: JSON, changed: JSON) -> JSON:
    if isinstance(full, dict) and isinstance(changed, dict):
        return {
            name: _without_empty(value, changed[name]) if name in changed else value
            for name, value in full.items()
            if name in changed or value not in (None, "", [], {})
        }
    if isinstance(full, list) and isinstance(changed, list):
        return [_without_empty(value, other) for value, other in zip(full, changed, strict=True)]
    return full


def read_file(path: Path, contract_id: str, *, file: str = "") -> Handoff:
    """Read one handoff file, wherever it is.

    Args:
        path: The file.
        contract_id: Of a built-in handoff contract.
        file: How problems name the file; its path if not given.

    Raises:
        ContractUnknown: No handoff contract has that id.
        HandoffMissing: There is no such file.
        HandoffInvalid: With every problem found.
        HandoffUnreadable: The file cannot be read.
    """
    _contract(contract_id)
    found = find(path, contract_id, file=file)
    return read_found(found, path, contract_id, file=file)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The bytes of a file as far as they are wanted, and the size of the whole."""

    raw: bytes
    size: int


def find(path: Path, contract_id: str, *, file: str = "") -> Found:
    """Return what is in a handoff file, whatever it is. Raises as `read_file` does of the file itself."""
    file = file or str(path)
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            raw = stream.read(limit(contract_id) + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise HandoffMissing(contract_id, file) from error
    except OSError as error:
        hint = ". Correct its permissions." if isinstance(error, PermissionError) else "."
        raise HandoffUnreadable(f"`{file}` cannot be read: {error.strerror}{hint}") from error
    return Found(raw=raw, size=size)


def read_found(found: Found, path: Path, contract_id: str, *, file: str = "") -> Handoff:
    """Return the handoff that was found at `path`. Raises as `read_file` does of what is in the file."""
    contract, file = _contract(contract_id), file or str(path)
    text = decoded(found.raw, contract=contract_id, file=file, size=found.size)
    parsed = parse(contract, text, file)
    return Handoff(
        contract=contract,
        data=_modelled(contract_id, parsed, file),
        lines=parsed.lines,
        provenance=parsed.provenance,
        edited=parsed.edited,
        sha256=sha256(found.raw),
        path=path,
        raw=found.raw,
    )


def written(contract_id: str, data: Document | Mapping[str, JSON], provenance: Provenance | None = None) -> bytes:
    """Return the bytes of a handoff file.

    Raises:
        ContractUnknown: No handoff contract has that id.
        HandoffInvalid: The data does not satisfy the contract, or the file would be larger than is read.
    """
    text = render(_contract(contract_id), as_data(data) if isinstance(data, Document) else data)
    content = (text if provenance is None else with_front_matter(provenance, text)).encode()
    refuse_too_large(
        len(content),
        contract=contract_id,
        file=f"{FOLDER}/{contract_id}.md",
        hint="It was not written. Divide the PRD into several apps, or make entities of its longest enums.",
    )
    return content


class HandoffStore:
    """Reads and writes the handoffs of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._known: dict[str, Handoff] = {}  # as last read, by contract; good for the same bytes

    def name(self, contract_id: str) -> str:
        """Return a handoff's path relative to the workspace, whether or not it exists.

        Raises:
            ContractUnknown: No handoff contract has that id.
        """
        _contract(contract_id)
        return f"{FOLDER}/{contract_id}.md"

    def path(self, contract_id: str) -> Path:
        """Return a handoff's path, whether or not it exists.

        Raises:
            ContractUnknown: No handoff contract has that id.
            UnsafePath: The folder is a symbolic link.
        """
        return safe_path(self.workspace, self.name(contract_id))

    def read(self, contract_id: str) -> Handoff:
        """Return a handoff of this workspace. Raises as `read_file` does, and `UnsafePath`."""
        path = self.path(contract_id)
        known = self._known.get(contract_id)
        if known is None or not _holds(path, known.raw):
            known = read_file(path, contract_id, file=self.name(contract_id))
            self._known[contract_id] = known
        return known

    def remember(self, handoff: Handoff) -> None:
        """Know a handoff that was read elsewhere: a file with the same bytes need not be parsed again."""
        self._known[handoff.contract.id] = handoff

    def write(self, contract_id: str, data: Document | Mapping[str, JSON], provenance: Provenance | None = None) -> str:
        """Write a handoff and return the SHA-256 of its bytes. What is already there, byte for byte, is left alone.

        Raises:
            ContractUnknown: No handoff contract has that id.
            HandoffInvalid: The data does not satisfy the contract; the file is untouched.
            UnsafePath: The folder or the file is a symbolic link.
            HandoffUnwritable: Permissions, a full disk.
        """
        return self.put(contract_id, written(contract_id, data, provenance))

    def put(self, contract_id: str, content: bytes) -> str:
        """Write a handoff as `written` returned it, and return its SHA-256. What is already there is left alone.

        Raises:
            ContractUnknown: No handoff contract has that id.
            UnsafePath: The folder or the file is a symbolic link.
            HandoffUnwritable: Permissions, a full disk.
        """
        path = self.path(contract_id)
        try:
            self._replace(path, content)
        except OSError as error:
            raise HandoffUnwritable(f"`{self.name(contract_id)}` cannot be written: {error.strerror}") from error
        return sha256(content)

    def keep(self, contract_id: str, content: bytes) -> None:
        """Put what a handoff was made from among its earlier versions.

        Raises:
            ContractUnknown: No handoff contract has that id.
            UnsafePath: The folder or the file is a symbolic link.
            OSError: It cannot be written.
        """
        self._keep(self.path(contract_id), content)

    def history(self, contract_id: str) -> list[Path]:
        """Return the kept earlier versions of a handoff, oldest first."""
        folder = self.path(contract_id).parent / HISTORY
        versions = folder.glob(f"{contract_id}.????????????.md") if folder.is_dir() else ()
        return sorted(versions, key=lambda version: (version.stat().st_mtime_ns, version.name))

    def _replace(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            earlier = read_regular(path)
            if earlier == content:
                return
            self._keep(path, earlier)
        write_atomically(path, content, alone=True)

    def _keep(self, path: Path, earlier: bytes) -> None:
        name = f"{FOLDER}/{HISTORY}/{path.stem}.{sha256(earlier)[:12]}.md"
        kept = safe_path(self.workspace, name)
        kept.parent.mkdir(exist_ok=True)
        write_atomically(kept, earlier, alone=True)
        for old in self.history(path.stem)[:-KEPT]:
            old.unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and read_regular(path) == content
    except OSError:
        return False


def write_atomically(path: Path, content: bytes, *, alone: bool = False) -> None:
    """Replace the file at `path` as a whole. After a crash it holds the old bytes or the new ones.

    Args:
        path: The file.
        content: All of it.
        alone: Nobody else writes it meanwhile. It is then always written under the same name before it is moved, so
            that what a killed process left there goes when it is written again.

    Raises:
        OSError: It cannot be written.
    """
    descriptor, name = _arriving(path) if alone else tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _arriving(path: Path) -> tuple[int, str]:
    place = path.with_name(f".{path.name}.arriving")
    place.unlink(missing_ok=True)
    return os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), str(place)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder's own entry has to reach the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def safe_path(root: Path, relative: str) -> Path:
    """Return the path of `relative` under `root`; neither it nor a folder on the way may be a symbolic link.

    Args:
        root: The workspace. May itself be reached through a link.
        relative: POSIX separators; the file need not exist.

    Raises:
        UnsafePath: Absolute, empty, with `..` or a NUL, or through a symbolic link.
    """
    pure = PurePosixPath(relative)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\0" in relative or "\\" in relative:
        raise UnsafePath(f"`{relative}` is not a path inside the workspace. Use a relative path without `..`.")
    path = root
    for part in pure.parts:
        path = path / part
        if path.is_symlink():
            raise UnsafePath(f"`{path}` is a symbolic link; nothing is read or written through it. Remove the link.")
    return path


def _contract(contract_id: str) -> Contract:
    if not is_handoff(contract_id):
        contract_of(contract_id)  # an unknown id names the nearest one
        raise ContractUnknown(f"`{contract_id}` is not the contract of a handoff file.")
    return contract_of(contract_id)


def _modelled(contract_id: str, parsed: Parsed, file: str) -> Document:
    try:
        return model_of(contract_id).model_validate(parsed.data)
    except ValidationError as error:
        problems = [
            Problem(
                file=file,
                line=_line(parsed, found["loc"]),
                message=f"{'.'.join(map(str, found['loc']))}: {found['msg']}",
            )
            for found in error.errors()
        ]
        raise HandoffInvalid(contract_id, file, sorted(problems, key=lambda problem: problem.line)) from error


def _line(parsed: Parsed, location: tuple[int | str, ...]) -> int:
    pointer = "".join(f"/{step}" for step in location)
    while pointer and pointer not in parsed.lines:
        pointer = pointer.rpartition("/")[0]
    return parsed.lines.get(pointer, 0)
