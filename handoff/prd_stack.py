"""Read the PRD's `## Stack`: what is chosen, what Baton cannot make yet, and the defaults of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handoff.prd_report import Cursor, listed
from schemas.agents import SPECIALISTS
from schemas.feature import Stack
from schemas.handoffs import PrdChoice

# Part, attribute of `Stack`, every choice the format knows. The first is the default.
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "Backend": ("Python", ".NET", "Node.js", "Go", "Java"),
    "Framework": ("FastAPI", "Django", "Flask"),
    "Database": ("PostgreSQL", "MySQL", "SQLite"),
    "ORM": ("SQLAlchemy", "Django ORM"),
    "Frontend": ("React", "none"),
    "Authentication": ("JWT", "OAuth2", "Token", "none"),
    "Background tasks": ("none", "FastAPI BackgroundTasks", "ARQ", "Celery"),
    "Dependency manager": ("uv", "pip", "poetry"),
}
_MADE: Final[dict[str, tuple[str, ...]]] = {
    "Backend": ("Python",),
    "Framework": ("FastAPI",),
    "Database": ("PostgreSQL",),
    "ORM": ("SQLAlchemy",),
    "Frontend": ("React", "none"),
    "Authentication": ("JWT",),
}


def read_stack(choices: Sequence[PrdChoice], root: Cursor) -> Stack:
    """Return the stack, reporting unknown parts and choices and those that are not implemented.

    A part that can be left out without harm (background tasks, the dependency manager) becomes a gap.
    """
    parts = {_plain(part): part for part in _PARTS}
    chosen: dict[str, str] = {}
    for index, row in enumerate(choices):
        spot = root.at("stack", index, section="Stack")
        part = parts.get(_plain(row.part))
        if part is None:
            spot.at("part").unknown("part of the stack", row.part, _PARTS)
        elif part in chosen:
            spot.problem(f"`{part}` is chosen twice", hint="keep one of the rows")
        else:
            chosen[part] = _choice(part, row.choice, spot.at("choice")) or _PARTS[part][0]
    return Stack(**{_attribute(part): choice for part, choice in chosen.items()})


def _choice(part: str, written: str, spot: Cursor) -> str | None:
    """Return the choice as the format spells it, if Baton can make it."""
    choice = {_plain(known): known for known in _PARTS[part]}.get(_plain(written))
    if choice is None:
        spot.unknown(f"choice for `{part}`", written, _PARTS[part])
    elif part not in _MADE:
        if choice != _PARTS[part][0]:
            spot.gap(f"{part}: {written}", f"not implemented yet: the app is made with `{_PARTS[part][0]}`")
        return None
    elif choice in _MADE[part]:
        return choice
    elif part == "Backend":
        specialist = next(name for language, name in SPECIALISTS.items() if language == choice)
        spot.problem(
            f"the backend `{choice}` needs the specialist `{specialist}`, which Baton does not have",
            got=written,
            expected="`Python`",
        )
    else:
        spot.problem(f"{part} `{choice}` is not implemented yet", got=written, expected=listed(_MADE[part]))
    return None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _attribute(part: str) -> str:
    return part.casefold().replace(" ", "_")
