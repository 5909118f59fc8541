"""Who is calling? Dependencies for routes that need to know.

CurrentUser     a signed-in user, else 401
OptionalUser    a signed-in user or None; a token that is sent must be valid all the same
AdminUser       a signed-in administrator, else 401 or 403
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.core.config import Settings
from app.core.database import DbSession
from app.core.exceptions import Forbidden, Unauthorized
from app.core.openapi import OPTIONAL_SCHEME, REQUIRED_SCHEME
from app.core.tokens import Claims, InvalidToken, Kind, read_token
from app.models.user import User

_required = HTTPBearer(scheme_name=REQUIRED_SCHEME, bearerFormat="JWT", auto_error=False)
_optional = HTTPBearer(scheme_name=OPTIONAL_SCHEME, bearerFormat="JWT", auto_error=False)


def app_settings(request: Request) -> Settings:
    """Return the settings that the running app was created with."""
    settings: Settings = request.app.state.settings
    return settings


AppSettings = Annotated[Settings, Depends(app_settings)]


async def user_of_token(kind: Kind, token: str, db: DbSession, settings: Settings) -> User:
    """Return the user a token speaks for.

    Raises:
        Unauthorized: The token is not valid, its user is gone, or the session was ended by signing out.
    """
    try:
        claims: Claims = read_token(kind, token, settings)
    except InvalidToken:
        raise Unauthorized("The session is not valid or has expired. Sign in again.") from None
    user = await db.get(User, claims.user_id)
    if user is None or user.token_version != claims.version:
        raise Unauthorized("The session has ended. Sign in again.")
    return user


async def optional_user(
    db: DbSession,
    settings: AppSettings,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_optional)],
) -> User | None:
    """Return the caller, or None if the request carries no `Authorization` header."""
    if "authorization" not in request.headers:
        return None
    if credentials is None:
        raise Unauthorized
    return await user_of_token("access", credentials.credentials, db, settings)


async def current_user(
    db: DbSession,
    settings: AppSettings,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_required)],
) -> User:
    """Return the caller."""
    if credentials is None:
        raise Unauthorized
    return await user_of_token("access", credentials.credentials, db, settings)


CurrentUser = Annotated[User, Depends(current_user)]
OptionalUser = Annotated[User | None, Depends(optional_user)]


async def admin_user(user: CurrentUser) -> User:
    """Return the caller, who is an administrator."""
    if user.role != "admin":
        raise Forbidden("Only an administrator may do this.")
    return user


AdminUser = Annotated[User, Depends(admin_user)]
