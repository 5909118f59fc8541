"""The app over HTTP, for containers: what Agent Engine wants of a container, and enough for any other platform.

    POST /api/reasoning_engine         {"class_method": "status", "input": {"run": "…"}}  →  {"output": {…}}
    POST /api/stream_reasoning_engine  the same of `events`  →  one JSON object a line, each as soon as it is there
    GET  /health                       200 if runs can be worked on, else 503 with the reason
    GET  /alive                        200 while this process answers at all

SIGTERM stops the runs of this instance, so that another one picks them up, then ends the server. Whoever may send
requests may start runs: the platform in front says who that is.

Source: the routes are those of Agent Engine's custom containers and of its own server.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from orchestrator.telemetry.logs import configure_logging
from orchestrator.vertex.app import BatonApp

HOST, PORT = "0.0.0.0", 8080  # noqa: S104 - in a container; the platform decides who reaches it
_LARGEST_BODY = 8 * 1024 * 1024  # bytes
_GRACE_SECONDS = 5  # for answers under way, once the runs are stopped


def serve(host: str = HOST, port: int = PORT, app: BatonApp | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C. Logs are JSON lines on standard error."""
    configure_logging("json")
    uvicorn.run(
        asgi(app or BatonApp()),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def asgi(app: BatonApp) -> Starlette:
    """Return the ASGI application. It sets `app` up when it starts, and closes it when it ends."""
    methods = {mode: names for mode, names in app.register_operations().items() if mode.startswith("async")}

    @asynccontextmanager
    async def alive(_: Starlette) -> AsyncIterator[None]:
        app.set_up()  # in this thread, the only one that may watch for SIGTERM
        yield
        app.close()

    async def call(request: Request) -> Response:
        name, given = await _asked(request, methods["async"])
        return JSONResponse({"output": await getattr(app, name)(**given)})

    async def stream(request: Request) -> Response:
        name, given = await _asked(request, methods["async_stream"])
        return StreamingResponse(_lines(getattr(app, name)(**given)), media_type="application/json")

    async def health(_: Request) -> Response:
        state = await app.health()
        return JSONResponse(state, HTTPStatus.SERVICE_UNAVAILABLE if "error" in state else HTTPStatus.OK)

    async def answers(_: Request) -> Response:
        return JSONResponse({"alive": True})

    routes = [
        Route("/api/reasoning_engine", call, methods=["POST"]),
        Route("/api/stream_reasoning_engine", stream, methods=["POST"]),
        Route("/health", health),
        Route("/alive", answers),
    ]
    return Starlette(routes=routes, lifespan=alive, exception_handlers={HTTPException: _refused})


async def _asked(request: Request, names: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the awaited form of the method that a request asks for, and its input."""
    try:
        body = json.loads(await _body(request))
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}.") from None
    given = body.get("input", {}) if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, 'the body must be {"class_method": "…", "input": {…}}.')
    name = str(body.get("class_method"))
    awaited = name if name.startswith("async_") else f"async_{name}"
    if awaited not in names:
        known = ", ".join(sorted(each.removeprefix("async_") for each in names))
        raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no method `{name}` here; there are: {known}.")
    return awaited, given


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {_LARGEST_BODY} bytes.")
    return body


async def _lines(replies: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for reply in replies:
        yield json.dumps(reply, ensure_ascii=False).encode() + b"\n"


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it with no other
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return JSONResponse({"error": {"code": code, "message": error.detail}}, error.status_code)


if __name__ == "__main__":
    serve(port=int(os.environ.get("PORT", PORT)))
