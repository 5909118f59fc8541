"""Contributes accounts and sessions: register, sign in, refresh, sign out, and who is calling.

The files hardly depend on the feature: what a PRD adds to `User` reaches them through `app.schemas.user`.
"""

from __future__ import annotations

from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Dependency
from skills.core.templates import Templates
from skills.python_app.parts import AppParts, Route, Setting

_DEPENDENCIES = "app/dependencies/auth.py"
_FILES = (
    "app/core/rate_limit.py",
    "app/core/tokens.py",
    "app/manage.py",
    "app/routers/auth.py",
    "app/schemas/auth.py",
    "app/services/auth_service.py",
    "tests/unit/test_sessions.py",
    "tests/unit/test_tokens.py",
)
_SETTINGS = (
    Setting(
        name="JWT_SECRET",
        type="SecretStr",
        default=None,
        description="Signs the tokens; at least 32 characters. Changing it signs everyone out.",
    ),
    Setting(
        name="ACCESS_TOKEN_MINUTES",
        type="int",
        default="15",
        description="How long an access token is valid, in minutes.",
    ),
    Setting(
        name="REFRESH_TOKEN_DAYS",
        type="int",
        default="14",
        description="How long a session lasts without being used, in days.",
    ),
    Setting(
        name="AUTH_RATE_LIMIT",
        type="str",
        default="10/minute",
        description="Attempts to register, sign in or guess a refresh token, by client address; off: any number.",
    ),
)


class Input(Document):
    feature: Feature


class Output(AppParts):
    """`algorithm` signs the tokens; `cookie` carries the refresh token, and only to `cookie_path`."""

    algorithm: str = "HS256"
    cookie: str = "refresh_token"
    cookie_path: str = "/api/v1/auth"


def contribute(request: Input, templates: Templates) -> Output:
    """Return the modules of tokens, sessions and accounts, and their unit tests."""
    admins = any(entity.access.write == "admin" for entity in request.feature.entities)
    return Output(
        files=(
            ContributedFile(path=_DEPENDENCIES, content=templates.render(f"{_DEPENDENCIES}.j2", admins=admins)),
            *(ContributedFile(path=path, content=templates.read(path)) for path in _FILES),
        ),
        settings=_SETTINGS,
        routes=(Route(module="app.routers.auth"),),
        dependencies=(
            Dependency(ecosystem="python", name="limits", version=">=5.6", group="runtime"),
            Dependency(ecosystem="python", name="pyjwt", version=">=2.10", group="runtime"),
        ),
    )
