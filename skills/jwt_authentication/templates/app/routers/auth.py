"""Register, sign in, stay signed in, sign out.

The refresh token lives in a cookie that scripts cannot read and that other sites cannot make a browser send
(`HttpOnly`, `SameSite=Strict`, only to `/api/v1/auth`). The access token is in the answer's body, for the client to
keep in memory.
"""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Cookie, Depends, Request, Response, status

from app.core.config import Settings
from app.core.database import DbSession
from app.core.exceptions import Forbidden, Unauthorized
from app.core.rate_limit import limit_attempts, limit_attempts_at
from app.core.tokens import Claims, issue_token, lifetime
from app.dependencies.auth import AppSettings, CurrentUser, user_of_token
from app.models.user import User
from app.schemas.auth import LoginRequest, RegisterRequest, TokenResponse
from app.schemas.common import responses
from app.schemas.user import UserResponse
from app.services import auth_service

COOKIE = "refresh_token"
COOKIE_PATH = "/api/v1/auth"

router = APIRouter(prefix="/auth", tags=["auth"])


async def same_site_caller(request: Request, settings: AppSettings) -> None:
    """Refuse a browser's request from a page of another origin.

    `SameSite=Strict` lets in pages of sibling domains; the `Origin` header, which scripts cannot forge, does not.
    """
    origin = request.headers.get("origin")
    own_host = request.headers.get("host")
    if origin and origin not in settings.cors_origins and urlsplit(origin).netloc != own_host:
        raise Forbidden("This origin is not allowed.")


@router.post(
    "/register",
    operation_id="register",
    status_code=status.HTTP_201_CREATED,
    responses=responses(400, 409, 429),
    dependencies=[Depends(limit_attempts)],
)
async def register(data: RegisterRequest, db: DbSession) -> UserResponse:
    """Create an account."""
    return UserResponse.model_validate(await auth_service.register(db, data))


@router.post("/login", operation_id="login", responses=responses(400, 401, 429))
async def login(
    data: LoginRequest, request: Request, response: Response, db: DbSession, settings: AppSettings
) -> TokenResponse:
    """Sign in with email and password."""
    await limit_attempts_at(request, account=data.email)
    user = await auth_service.authenticate(db, data.email, data.password)
    return _start_session(user, response, settings)


@router.post(
    "/refresh",
    operation_id="refresh",
    responses=responses(401, 403, 429),
    dependencies=[Depends(same_site_caller)],
)
async def refresh(
    request: Request,
    response: Response,
    db: DbSession,
    settings: AppSettings,
    refresh_token: Annotated[str | None, Cookie()] = None,
) -> TokenResponse:
    """Exchange the refresh cookie for a new access token and a new cookie."""
    if refresh_token is None:
        raise Unauthorized
    try:
        user = await user_of_token("refresh", refresh_token, db, settings)
    except Unauthorized:
        await limit_attempts(request)  # only guessing is slowed down: a browser refreshes whenever a page is loaded
        raise
    return _start_session(user, response, settings)


@router.post("/logout", operation_id="logout", status_code=status.HTTP_204_NO_CONTENT, responses=responses(401))
async def logout(response: Response, user: CurrentUser, db: DbSession, settings: AppSettings) -> None:
    """Sign out on every device: all tokens issued so far stop working."""
    await auth_service.end_sessions(db, user)
    response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=_secure(settings), httponly=True, samesite="strict")


@router.get("/me", operation_id="read_me", responses=responses(401))
async def read_me(user: CurrentUser) -> UserResponse:
    """Return the account that is signed in."""
    return UserResponse.model_validate(user)


def _start_session(user: User, response: Response, settings: Settings) -> TokenResponse:
    claims = Claims(user_id=user.id, version=user.token_version)
    response.set_cookie(
        COOKIE,
        issue_token("refresh", claims, settings),
        max_age=int(lifetime("refresh", settings).total_seconds()),
        path=COOKIE_PATH,
        secure=_secure(settings),
        httponly=True,
        samesite="strict",
    )
    return TokenResponse(
        access_token=issue_token("access", claims, settings),
        expires_in=int(lifetime("access", settings).total_seconds()),
    )


def _secure(settings: Settings) -> bool:
    return settings.environment == "production"
