"""Errors a request can end in, and the one body they all share.

    {"error": {"code": "NOT_FOUND", "message": "…", "details": [{"field": "…", "message": "…"}], "request_id": "…"}}

Services raise an `AppError`; no route builds an error response itself.

Not here: translating the errors of libraries (`app.core.error_handlers`).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

from fastapi.responses import JSONResponse
from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import IntegrityError

from app.models.base import Base

RESTRICT_VIOLATION = "23001"
FOREIGN_KEY_VIOLATION = "23503"
UNIQUE_VIOLATION = "23505"
CHECK_VIOLATION = "23514"

_CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}


class AppError(Exception):
    """A request that ends in an error response.

    Args:
        message: For the person using the client; the class's own if left out.
        details: What is wrong with which field, as `(field, message)`; nested names joined by dots.
        headers: Added to the response.
    """

    status: ClassVar[int] = 500
    default_message: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = tuple(details)
        self.headers = dict(headers or {})
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The stable, machine-readable name of what happened."""
        return code_of(self.status)


class ValidationFailed(AppError):
    status = 400
    default_message = "The request is not valid."


class Unauthorized(AppError):
    status = 401
    default_message = "Sign in to do this."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(AppError):
    status = 403
    default_message = "You are not allowed to do this."


class NotFound(AppError):
    status = 404
    default_message = "Not found."


class Conflict(AppError):
    status = 409
    default_message = "This conflicts with what is already stored."


class RateLimited(AppError):
    status = 429
    default_message = "Too many attempts. Try again later."

    def __init__(self, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})


class ServiceUnavailable(AppError):
    status = 503
    default_message = "The service is temporarily unavailable. Try again shortly."


def code_of(status: int) -> str:
    """Return the error code that goes with an HTTP status."""
    return _CODES.get(status) or HTTPStatus(status).name


def error_response(
    request_id: str,
    status: int,
    message: str,
    *,
    details: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error in the body that every error of this API has."""
    error = {
        "code": code_of(status),
        "message": message,
        "details": [{"field": field, "message": text} for field, text in details],
        "request_id": request_id,
    }
    return JSONResponse({"error": error}, status_code=status, headers=dict(headers or {}))


def conflict_from(error: IntegrityError) -> AppError | None:
    """Return what a broken constraint means to the client, or None if the fault is the app's own.

    A unique constraint and a restricted delete are a `Conflict`; a reference to a record that vanished in the meantime
    and a check constraint are `ValidationFailed`. Fields are found by the constraint's name in the models, so the
    database's language and the offending values play no part.
    """
    cause = error.orig.__cause__ if error.orig else None
    state = getattr(cause, "sqlstate", None)
    fields = _columns(getattr(cause, "table_name", None), getattr(cause, "constraint_name", None))
    if state == UNIQUE_VIOLATION:
        return Conflict("A record with this value exists already.", details=[(f, "is already taken") for f in fields])
    if state == RESTRICT_VIOLATION or (state == FOREIGN_KEY_VIOLATION and _is_delete(error)):
        return Conflict("Other records still refer to this one.")
    if state == FOREIGN_KEY_VIOLATION:
        return ValidationFailed(details=[(f, "does not exist") for f in fields])
    if state == CHECK_VIOLATION:
        return ValidationFailed(details=[(f, "is not allowed") for f in fields])
    return None


def _columns(table_name: str | None, constraint_name: str | None) -> list[str]:
    table = Base.metadata.tables.get(table_name or "")
    if table is None:
        return []
    for constraint in table.constraints:
        if constraint.name == constraint_name:
            columns = [column.name for column in getattr(constraint, "columns", ())]
            # The owner is the caller: in "unique per owner" it is the other column that the client can change.
            return [c for c in columns if c != "owner_id" or not isinstance(constraint, UniqueConstraint)]
    return []


def _is_delete(error: IntegrityError) -> bool:
    return (error.statement or "").lstrip().upper().startswith("DELETE")
