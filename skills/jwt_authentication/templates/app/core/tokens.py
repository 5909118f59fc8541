"""Issue and read the two kinds of JSON Web Token (RFC 7519), signed with HMAC-SHA256.

An access token is short-lived and travels in the `Authorization` header; a refresh token lives for days, travels in a
cookie and only buys new access tokens. Each says its kind and neither is accepted in the other's place. Both carry the
user's token version: raising it in the database ends every session of that user.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

import jwt

from app.core.config import Settings

Kind = Literal["access", "refresh"]

ALGORITHM = "HS256"
LEEWAY = timedelta(seconds=5)  # clocks of two servers differ a little
MAX_USER_ID = 2**63 - 1  # a bigint
REQUIRED_CLAIMS = ["exp", "iat", "sub", "type", "jti", "ver"]


class InvalidToken(Exception):
    """The token is forged, expired, malformed, or of the other kind. Which of these is nobody's business."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token speaks for. `version` must still be the user's `token_version`."""

    user_id: int
    version: int


def lifetime(kind: Kind, settings: Settings) -> timedelta:
    """Return how long a token of `kind` is valid."""
    if kind == "access":
        return timedelta(minutes=settings.access_token_minutes)
    return timedelta(days=settings.refresh_token_days)


def issue_token(kind: Kind, claims: Claims, settings: Settings) -> str:
    """Return a signed token of `kind`, valid from now."""
    now = datetime.now(UTC)
    payload = {
        "sub": str(claims.user_id),
        "ver": claims.version,
        "type": kind,
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + lifetime(kind, settings),
    }
    return jwt.encode(payload, settings.jwt_secret.get_secret_value(), algorithm=ALGORITHM)


def read_token(kind: Kind, token: str, settings: Settings) -> Claims:
    """Return what a token of `kind` says.

    Raises:
        InvalidToken: It must not be trusted.
    """
    try:
        payload = jwt.decode(
            token,
            settings.jwt_secret.get_secret_value(),
            algorithms=[ALGORITHM],  # never the token's own choice
            leeway=LEEWAY,
            options={"require": REQUIRED_CLAIMS},
        )
        claims = Claims(user_id=int(payload["sub"]), version=int(payload["ver"]))
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise InvalidToken from error
    if payload["type"] != kind or not 0 < claims.user_id <= MAX_USER_ID:
        raise InvalidToken
    return claims
