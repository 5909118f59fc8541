"""Look at what people left in the workspace: the files of an agent, and whether anything of others was touched.

Everything is compared with what Baton knows: the hash of each file that it ever wrote there. A file is read once, and
what was read is what is guarded, checked and published.

Not here: the handoff (`orchestrator.steps.external.folder`); guards and checks, which look at the result like at any
other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.ownership import matches, owns, owns_within
from handoff.files import open_regular
from handoff.provenance import sha256
from orchestrator.planning.pipeline import BoundStep
from orchestrator.steps.context import RunContext
from orchestrator.steps.publish import listed_files

MAX_FILE, MAX_ALL = 2_000_000, 50_000_000  # bytes
MAX_FILES = 10_000


@dataclass(kw_only=True, slots=True)
class WorkspaceScan:
    """What stands in an agent's paths: text and SHA-256 by path. `problems`: why it cannot be taken, by path."""

    files: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    size: int = 0  # bytes


def scan(run: RunContext, step: BoundStep, elsewhere: Collection[str]) -> WorkspaceScan:
    """Return what stands in the paths of `agent`, and every problem with it and with the files of others.

    Args:
        run: Whose workspace it is.
        step: Whose work was done outside.
        elsewhere: Other steps that are being done outside, too; their agents' paths are not looked at.
    """
    found = WorkspaceScan()
    others = [each for each in run.plan.bound.values() if each is not step and each.name not in elsewhere]
    known, taken = run.recorded(run.plan), _published(run, step, others)
    for path in run.workspace.paths():
        if path in taken:
            continue
        if owns(step.agent, path) or owns_within(step.agent, path):
            _take(run.workspace.root, path, found)
        else:
            found.problems += _foreign(run, path, others, known)
        if len(found.files) > MAX_FILES or found.size > MAX_ALL:
            limits = f"{MAX_FILES:,} files, {MAX_ALL // 1_000_000} MB"
            found.problems.append(
                f"{step.name}: its paths hold more than can be taken ({limits}); move out what is not"
            )
            break
    found.problems += [text for other in others for text in _deleted(run, other)]
    found.problems += _fixed(run, step, found.hashes)
    return found


def _published(run: RunContext, step: BoundStep, others: Collection[BoundStep]) -> set[str]:
    """Return what other steps of the same agent published, and is as it was then: it is no part of this one's work."""
    own = [each for each in others if each.agent.name == step.agent.name]
    listed = ((path, sha) for each in own for path, sha in listed_files(run, each).items())
    return {path for path, sha in listed if run.workspace.sha256(path) == sha}


def _take(root: Path, path: str, found: WorkspaceScan) -> None:
    try:
        content = _content(root / path)
    except OSError as error:
        found.problems.append(f"{path}: cannot be read: {error.strerror or error}")
        return
    if isinstance(content, str):
        found.problems.append(f"{path}: {content}")
        return
    found.size += len(content)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found.problems.append(f"{path}:{line}: is not UTF-8 text; what agents hand on is text")
        return
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        found.problems.append(f"{path}:{line}: holds a NUL byte; what agents hand on is text")
        return
    found.files[path], found.hashes[path] = text, sha256(content)


def _content(place: Path) -> bytes | str:
    """Return a file's bytes, or why it is not one to take."""
    if place.is_symlink():
        return "is a symbolic link; put the file itself here"
    with open_regular(place, follow=False) as file:
        content = file.read(MAX_FILE + 1)
    return content if len(content) <= MAX_FILE else f"has more than {MAX_FILE:,} bytes; what agents hand on is source"


def _foreign(
    run: RunContext, path: str, others: Collection[BoundStep], known: Mapping[str, Collection[str]]
) -> Iterator[str]:
    for other in others:
        if owns(other.agent, path):
            found = run.workspace.sha256(path)
            if found is None or found not in known.get(path, ()):
                what = "was changed" if path in known else "is new"
                yield f"{path}: {what}, and belongs to {other.agent.name}; undo that, or move the file away"
            return


def _deleted(run: RunContext, other: BoundStep) -> Iterator[str]:
    for path in sorted(listed_files(run, other)):
        if owns(other.agent, path) and run.workspace.sha256(path) is None:
            yield f"{path}: is gone, and belongs to {other.agent.name}; put it back"


def _fixed(run: RunContext, step: BoundStep, hashes: Mapping[str, str]) -> Iterator[str]:
    """Yield what was published, may not change any more, and did."""
    for path, before in sorted(listed_files(run, step).items()):
        if matches(step.agent.fixed, path) and hashes.get(path) != before:
            yield f"{path}: is published and may not change: a database may have applied it; undo that"
