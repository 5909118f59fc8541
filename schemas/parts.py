"""The parts of an app that a PRD's `## Stack` has words for, and their choices.

This is the language, not what can be made: a choice is made where a skill or a toolchain provides it. Skills of other
folders may bring choices and parts that are not here.

Source: `docs/prd-format.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.stack import NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part as people write it (`Background tasks`). An app does without an `optional` one if nobody provides it."""

    name: str
    choices: tuple[str, ...]
    default: str
    optional: bool = False

    @property
    def key(self) -> str:
        """How stacks and conditions name the part: `background_tasks`."""
        return plain(self.name).replace(" ", "_")

    def spelled(self, word: str) -> str | None:
        """Return the choice that `word` means, letter case and spacing aside."""
        return next((choice for choice in self.choices if plain(choice) == plain(word)), None)


def plain(text: str) -> str:
    """Return a name as names are compared: without letter case and spacing."""
    return " ".join(text.casefold().split())


def _part(name: str, *choices: str, optional: bool = False) -> Part:
    return Part(name=name, choices=choices, default=choices[0], optional=optional)


# In the order in which they are decided: what a choice brings as a default is of a part further down.
PARTS: Final[tuple[Part, ...]] = (
    _part("Backend", "Python", ".NET", "Node.js", "Go", "Java"),
    _part("Framework", "FastAPI", "Django", "Flask"),
    _part("Database", "PostgreSQL", "MySQL", "SQLite"),
    _part("ORM", "SQLAlchemy", "SQLModel", "Django ORM"),
    _part("Frontend", "React", NONE),
    _part("Authentication", "JWT", "OAuth2", "Token", NONE),
    _part("Providers", "local", "google"),
    _part("Background tasks", NONE, "FastAPI BackgroundTasks", "ARQ", "Celery", optional=True),
    _part("Broker", NONE, "Redis", "RabbitMQ", optional=True),
    _part("Dependency manager", "uv", "pip", "poetry", optional=True),
    _part("Ids", "integer", "uuid"),
    _part("Realtime", NONE, "WebSocket"),
    _part("GraphQL", NONE, "Strawberry"),
    _part("Cache", NONE, "Redis"),
    _part("Tenancy", NONE, "shared", "isolated"),
    _part("Assistant", NONE, "OpenAI Agents SDK"),
    _part("Feature flags", NONE, "yes"),
)


def outside(key: str) -> Part:
    """Return a part that the language does not have, so that an app can do without it."""
    return _part(key.replace("_", " ").capitalize(), NONE)
