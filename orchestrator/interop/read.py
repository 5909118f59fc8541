"""Find the agents and skills that a project has for a coding agent, and read them, whatever they look like.

Read are `.claude/agents/**/*.md` and `.claude/skills/**/SKILL.md`; in a folder without `.claude`, as plugins are,
`agents` and `skills` themselves. Nothing that is found there is run, and no link out of the project is followed.

Not here: what becomes of them (`orchestrator.interop.import_`).
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handoff.files import open_regular
from orchestrator.interop import lenient_front_matter
from orchestrator.interop.formats import skill_problems, subagent_problems, words
from orchestrator.interop.signature import whose
from skills.core.manifest import MAX_DESCRIPTION, MAX_NAME

MAX_BYTES, MAX_FILES = 1_000_000, 5_000
_NOT_AGENTS = frozenset({"readme", "changelog", "claude", "agents", "contributing", "license", "index", "gemini"})
_SKIPPED = frozenset({"node_modules", ".git", ".venv", "__pycache__"})
_HEADING = re.compile(r"#{1,6}[ \t]+(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """An agent or a skill as it was found. `name` fits Baton's rules, `skills` are those an agent says it uses."""

    kind: Literal["agent", "skill"]
    name: str
    description: str
    body: str
    source: str  # path relative to the project
    skills: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A file that is no agent or skill to take, and why."""

    source: str
    reason: str


def read_project(root: Path) -> Iterator[Piece | Skipped]:
    """Yield every agent, then every skill of a project, sorted by path. Whatever the files hold, nothing is raised."""
    base = root / ".claude" if (root / ".claude").is_dir() else root
    yield from _pieces(root, base / "agents", "agent")
    yield from _pieces(root, base / "skills", "skill")


def _pieces(root: Path, folder: Path, kind: Literal["agent", "skill"]) -> Iterator[Piece | Skipped]:
    for count, place in enumerate(_files(folder)):
        source = _shown(place.relative_to(root).as_posix())
        if count == MAX_FILES:
            yield Skipped(source=source, reason=f"it and what follows it: there are more than {MAX_FILES:,} files")
            return
        if place.is_dir():
            yield Skipped(source=source, reason="it is a link to a folder; links to folders are not followed")
        elif not _is_one(place, kind):
            continue
        else:
            content = _content(root, place)
            yield (
                Skipped(source=source, reason=content)
                if isinstance(content, str)
                else _piece(place, source, kind, content)
            )


def _is_one(place: Path, kind: Literal["agent", "skill"]) -> bool:
    return place.name.casefold() == "skill.md" if kind == "skill" else place.suffix.casefold() == ".md"


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, and the links to folders, sorted."""
    for at, names, files in os.walk(folder):
        links = [name for name in names if Path(at, name).is_symlink()]
        names[:] = sorted(name for name in names if name not in _SKIPPED and name not in links)
        yield from (Path(at, name) for name in sorted([*files, *links]))


def _content(root: Path, place: Path) -> bytes | str:
    """Return a file's bytes, or why it is not read."""
    try:
        if place.is_symlink() and not place.resolve(strict=True).is_relative_to(root.resolve()):
            return "it is a link that leads out of the project"
        with open_regular(place) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, RuntimeError) as error:
        return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    return content if len(content) <= MAX_BYTES else f"it has more than {MAX_BYTES:,} bytes"


def _piece(place: Path, source: str, kind: Literal["agent", "skill"], content: bytes) -> Piece | Skipped:
    if whose(content) != "another's":
        return Skipped(source=source, reason="`baton export` wrote it")
    found = lenient_front_matter.read(content)
    if kind == "agent" and not found.front and place.stem.casefold() in _NOT_AGENTS:
        return Skipped(source=source, reason="it has no front matter, and is named like a document about the others")
    if not found.body.strip() and not found.text("description"):
        return Skipped(source=source, reason="it is empty")
    own = place.stem if kind == "agent" else place.parent.name
    warnings = [*found.warnings]
    if found.front:
        problems = subagent_problems(found.front) if kind == "agent" else skill_problems(found.front, own)
        warnings += problems
    said = _printable(found.text("description")) or _printable(_first_words(found.body))
    description = said or f"The {kind} in {_printable(source)}."
    if len(description) > MAX_DESCRIPTION:
        description = f"{description[: MAX_DESCRIPTION - 1]}…"
        warnings.append(f"its description is cut to {MAX_DESCRIPTION:,} characters")
    return Piece(
        kind=kind,
        name=slug(found.text("name")) or slug(own) or f"{kind}-{hashlib.sha256(source.encode()).hexdigest()[:8]}",
        description=description,
        body=found.body,
        source=source,
        skills=tuple(filter(None, map(slug, words(found.front.get("skills"))))),
        warnings=tuple(_printable(each) for each in dict.fromkeys(warnings)),
    )


def slug(text: str) -> str:
    """Return a name of Baton's rules that is as near to `text` as can be; empty if nothing of it is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_NAME].strip("-")


def _first_words(body: str) -> str:
    """Return the first paragraph of a body, or else its first heading, on one line."""
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n[ \t]*\n", body[:20_000])]
    plain = [each for each in paragraphs if each and not each.startswith(("#", "```", "|", "<!--", "---"))]
    heading = _HEADING.match(body.lstrip())
    return plain[0] if plain else heading[1].strip() if heading else ""


def _printable(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _shown(path: str) -> str:
    """Return a path that can be printed and stored, whatever bytes its names are made of."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
