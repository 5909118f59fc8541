"""What surrounds every request: its id, log line and metrics, security headers, limits, and the last resort.

Plain ASGI throughout: Starlette's `BaseHTTPMiddleware` runs the app in a second task, which hides context variables
and cancellation from it.
"""

import asyncio
import re
import time
from uuid import uuid4

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.config import Settings
from app.core.exceptions import error_response
from app.core.metrics import Metrics

API_PREFIX = "/api/v1"
REQUEST_ID_HEADER = "X-Request-ID"
DOCS_PATHS = ("/docs", "/redoc")

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_API_ONLY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

log = structlog.get_logger("app.request")


def install_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    """Surround `app`. The last one added is the outermost: it sees the request first and the response last."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(FailureMiddleware, timeout_seconds=settings.request_timeout_seconds)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", REQUEST_ID_HEADER],
        expose_headers=["Location", "Retry-After", REQUEST_ID_HEADER],
        max_age=600,
    )
    app.add_middleware(SecurityHeadersMiddleware, strict_transport=settings.environment == "production")
    app.add_middleware(RequestContextMiddleware, metrics=metrics)


class RequestContextMiddleware:
    """Give each request an id, and account for it once it is answered: one log line, one observation."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500  # unless a response starts
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            self.metrics.in_progress.track_inprogress(),
        ):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                path = path_template(scope)
                self.metrics.observe(scope["method"], path, status, seconds)
                log.info(
                    "request", method=scope["method"], path=path, status=status, milliseconds=round(seconds * 1000, 1)
                )


class SecurityHeadersMiddleware:
    """Tell browsers what not to do with our answers."""

    def __init__(self, app: ASGIApp, *, strict_transport: bool) -> None:
        self.app = app
        self.headers = dict(_SECURITY_HEADERS)
        if strict_transport:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # The documentation pages load scripts and styles, which the API's own policy forbids.
        headers = self.headers if scope["path"] in DOCS_PATHS else self.headers | _API_ONLY_HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                response = MutableHeaders(scope=message)
                for name, value in headers.items():
                    response.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class FailureMiddleware:
    """Answer for a route that raised what nobody foresaw, or took too long.

    It sits inside CORS, so that a browser may read the answer, and outside everything that can fail.
    """

    def __init__(self, app: ASGIApp, *, timeout_seconds: float) -> None:
        self.app = app
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        request_id = scope["state"]["request_id"]
        deadline = asyncio.timeout(self.timeout_seconds)
        try:
            async with deadline:
                await self.app(scope, receive, send_and_note)
        except Exception as error:
            if deadline.expired() and isinstance(error, TimeoutError):
                log.warning("request_timed_out", seconds=self.timeout_seconds)
                response = error_response(request_id, 504, "The request took too long.")
            else:
                log.exception("unhandled_error")
                response = error_response(request_id, 500, "Something went wrong on our side.")
            if started:
                raise  # half an answer is out: the server must break the connection, not pretend it is whole
            await response(scope, receive, send)


class BodyLimitMiddleware:
    """Refuse a request body longer than `max_bytes`, whether announced or streamed."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self.max_bytes:
            response = error_response(scope["state"]["request_id"], 413, self._message())
            await response(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise HTTPException(413, self._message())
            return message

        await self.app(scope, receive_counted, send)

    def _message(self) -> str:
        return f"The body is longer than {self.max_bytes} bytes."


def path_template(scope: Scope) -> str:
    """Return the matched route's path with its parameters unfilled, or `unmatched`. Never the path itself."""
    template: str | None = getattr(scope.get("route"), "path_format", None)
    if template is None:
        return "unmatched"
    # A route knows its path within its router; all routers but the root one are mounted under the prefix.
    if scope["path"].startswith(f"{API_PREFIX}/") and not template.startswith(f"{API_PREFIX}/"):
        return API_PREFIX + template
    return template


def _request_id(scope: Scope) -> str:
    """Return the id the caller sent if it is safe to log and to send back, else a new one."""
    sent = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return sent if _SANE_REQUEST_ID.fullmatch(sent) else uuid4().hex
