"""The parts of a Python app that skills bring, and the skill that assembles the app puts together.

Not here: files and packages, which every skill may bring (`skills.core.contribution`).
"""

from __future__ import annotations

from typing import Literal

from skills.core.contribution import Contribution, KeyedFact


class Setting(KeyedFact):
    """An environment variable the app reads. `type` is a Python type expression of `app.core.config`."""

    name: str  # UPPER_SNAKE
    type: Literal["str", "int", "float", "bool", "SecretStr"]
    default: str | None  # as written in the environment; None: must be set
    description: str

    @property
    def key(self) -> str:
        """Return the variable's name."""
        return self.name


class Route(KeyedFact):
    """A FastAPI router module with a module-level `router`. `versioned`: mounted under `/api/v1`, else at the root."""

    module: str  # app.routers.todo
    versioned: bool = True

    @property
    def key(self) -> str:
        """Return the module's name."""
        return self.module


class AppParts(Contribution):
    """Parts of an app: files, the packages they need, and the settings and routes that the app takes up."""

    settings: tuple[Setting, ...] = ()
    routes: tuple[Route, ...] = ()
