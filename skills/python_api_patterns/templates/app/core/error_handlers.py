"""Translate whatever a route ends in into the error body of this API.

Not here: the last resort for what nobody foresaw, and timeouts (`app.core.middleware`).
"""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.core.exceptions import AppError, ServiceUnavailable, ValidationFailed, conflict_from, error_response

MAX_DETAILS = 50
MAX_FIELD_LENGTH = 200
# Classes of SQLSTATE (PostgreSQL manual, appendix A).
UNSTORABLE_VALUE = "22"
UNAVAILABLE = (
    "08",  # the connection failed
    "28",  # the database does not let the app in
    "3D",  # there is no such database
    "40",  # a deadlock or a conflict between transactions: worth another try
    "53",  # out of connections, memory or disk
    "57",  # cancelled (a statement timeout) or shutting down
)

log = structlog.get_logger(__name__)


def install_exception_handlers(app: FastAPI) -> None:
    """Make every failure of a route of `app` answer with the error body."""
    app.exception_handlers |= {
        AppError: _app_error,
        HTTPException: _http_error,
        RequestValidationError: _validation_error,
        DBAPIError: _database_error,
        PoolTimeout: _database_unreachable,
        OSError: _database_unreachable,
    }


async def _app_error(request: Request, error: AppError) -> Response:
    return error_response(
        request.state.request_id, error.status, error.message, details=error.details, headers=error.headers
    )


async def _http_error(request: Request, error: HTTPException) -> Response:
    return error_response(request.state.request_id, error.status_code, str(error.detail), headers=error.headers)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    problems = error.errors()
    if problems and problems[0]["type"] == "json_invalid":
        return await _app_error(request, ValidationFailed("The body is not valid JSON."))
    details = [(_field(problem["loc"]), _message(problem["msg"])) for problem in problems[:MAX_DETAILS]]
    return await _app_error(request, ValidationFailed(details=details))


async def _database_error(request: Request, error: DBAPIError) -> Response:
    refused = conflict_from(error) if isinstance(error, IntegrityError) else None
    if refused:
        return await _app_error(request, refused)
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(UNSTORABLE_VALUE):
        return await _app_error(request, ValidationFailed("A value cannot be stored."))
    if error.connection_invalidated or state.startswith(UNAVAILABLE):
        return await _database_unreachable(request, error)
    raise error


async def _database_unreachable(request: Request, error: Exception) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return await _app_error(request, ServiceUnavailable())


def _field(location: tuple[str | int, ...]) -> str:
    """Return a field's name as the client wrote it: without `body` or `query`, nested names joined by dots.

    A body that is no object at all is the field `body`.
    """
    name = ".".join(str(part) for part in location[1:] or location)
    # A client may send names that are no valid Unicode (lone surrogates) or very long; both come back in the answer.
    return name[:MAX_FIELD_LENGTH].encode(errors="replace").decode()


def _message(text: str) -> str:
    return text.removeprefix("Value error, ").encode(errors="replace").decode()
