"""What is sent to and from `/auth`."""

from typing import Annotated, Literal

from pydantic import Field

from app.schemas.common import Schema
from app.schemas.types import Email, NoNul
from app.schemas.user import UserCreate


class RegisterRequest(UserCreate):
    """A new account."""

    password: Annotated[str, Field(min_length=8, max_length=128), NoNul]


class LoginRequest(Schema):
    """An account's email and password."""

    email: Email
    # No other rule of new passwords: it must not lock out an old account.
    password: Annotated[str, Field(min_length=1, max_length=128), NoNul]


class TokenResponse(Schema):
    """A new session: send `access_token` as `Authorization: Bearer …` for `expires_in` seconds, then refresh it."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # no secret, the word of RFC 6750
    expires_in: int
