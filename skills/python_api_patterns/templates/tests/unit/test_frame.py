"""What surrounds every route, tried on routes that fail in every way. There is no database here."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import BaseModel, SecretStr
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.database import DbSession
from app.main import create_app
from app.models.user import User

ORIGIN = "https://frontend.example"
UNREACHABLE = SecretStr("postgresql://localhost:1/nowhere")


class Thing(BaseModel):
    """A body with something nested in it."""

    name: str
    sizes: list[int]


def add_routes(app: FastAPI) -> None:
    """Add routes that fail."""

    @app.get("/broken/{thing_id}")
    async def broken(thing_id: int) -> None:
        raise RuntimeError(f"password of {thing_id}")

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    @app.get("/database-error/{sqlstate}")
    async def database_error(sqlstate: str) -> None:
        cause = Exception("nobody's business")
        cause.sqlstate = sqlstate  # type: ignore[attr-defined]  # as the driver's errors have it
        raise DBAPIError("SELECT 1", None, cause)

    @app.get("/stored")
    async def stored(db: DbSession) -> None:
        await db.get(User, 1)

    @app.post("/things")
    async def things(thing: Thing) -> Thing:
        return thing


@asynccontextmanager
async def client_of_an_app(patience: float) -> AsyncIterator[AsyncClient]:
    """Give a client of an app that waits `patience` seconds for an answer and reads 1000 bytes."""
    app = create_app(
        Settings(
            environment="test",
            database_url=UNREACHABLE,
            cors_origins=(ORIGIN,),
            request_timeout_seconds=patience,
            max_body_bytes=1000,
        )
    )
    add_routes(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://app.example") as client,
    ):
        yield client


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[AsyncClient]:
    """Return a client of an app that has time."""
    async with client_of_an_app(patience=60) as client:
        yield client


@pytest.fixture(scope="module")
async def impatient() -> AsyncIterator[AsyncClient]:
    """Return a client of an app that gives up soon."""
    async with client_of_an_app(patience=0.1) as client:
        yield client


def error_of(response: Response, status: int, code: str) -> dict[str, Any]:
    """Return the error of a response that has the one body of all errors."""
    assert response.status_code == status
    body = response.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"code", "message", "details", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == response.headers["x-request-id"]
    return error


@pytest.fixture
def log(client: AsyncClient) -> StringIO:
    """Return what the app of `client` writes to its log, instead of to standard output."""
    [handler] = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    written = StringIO()
    handler.setStream(written)
    return written


def logged(event: str, log: StringIO) -> list[dict[str, Any]]:
    """Return what was logged about an event."""
    records = [json.loads(line) for line in log.getvalue().splitlines()]
    return [record for record in records if record["event"] == event]


async def test_an_unforeseen_error_says_nothing_of_what_went_wrong(client: AsyncClient) -> None:
    response = await client.get("/broken/7", headers={"Origin": ORIGIN})
    error_of(response, 500, "INTERNAL_ERROR")
    assert "password" not in response.text
    assert response.headers["access-control-allow-origin"] == ORIGIN  # or a browser hides the answer from the page


async def test_an_unforeseen_error_is_logged_with_its_place(client: AsyncClient, log: StringIO) -> None:
    await client.get("/broken/7", headers={"X-Request-ID": "abc-1"})
    [record] = logged("unhandled_error", log)
    assert record["request_id"] == "abc-1"
    assert record["exception"][0]["exc_type"] == "RuntimeError"
    assert "locals" not in record["exception"][0]["frames"][0]


async def test_a_request_that_takes_too_long_is_given_up(impatient: AsyncClient) -> None:
    error_of(await impatient.get("/slow"), 504, "TIMEOUT")


async def test_an_unreachable_database_makes_the_app_unavailable_but_not_dead(client: AsyncClient) -> None:
    error_of(await client.get("/stored"), 503, "SERVICE_UNAVAILABLE")
    error_of(await client.get("/ready"), 503, "SERVICE_UNAVAILABLE")
    assert (await client.get("/health")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("sqlstate", "status", "code"),
    [
        ("57014", 503, "SERVICE_UNAVAILABLE"),  # statement timeout
        ("53300", 503, "SERVICE_UNAVAILABLE"),  # too many connections
        ("40P01", 503, "SERVICE_UNAVAILABLE"),  # deadlock
        ("3D000", 503, "SERVICE_UNAVAILABLE"),  # no such database
        ("22021", 400, "VALIDATION_ERROR"),  # no valid text
        ("42P01", 500, "INTERNAL_ERROR"),  # no such table
    ],
)
async def test_what_the_database_says_decides_the_answer(
    client: AsyncClient, sqlstate: str, status: int, code: str
) -> None:
    response = await client.get(f"/database-error/{sqlstate}")
    error_of(response, status, code)
    assert "nobody's business" not in response.text


async def test_an_unknown_path_and_an_unknown_method_are_refused_like_all_else(client: AsyncClient) -> None:
    error_of(await client.get("/nowhere"), 404, "NOT_FOUND")
    error_of(await client.get("/health/"), 404, "NOT_FOUND")
    response = await client.delete("/health")
    error_of(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET"


async def test_invalid_fields_are_named_as_the_client_wrote_them(client: AsyncClient) -> None:
    error = error_of(await client.post("/things", json={"sizes": [1, "x"]}), 400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in error["details"]] == ["name", "sizes.1"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"[" * 900])
async def test_a_body_that_is_no_such_json_is_refused(client: AsyncClient, body: bytes) -> None:
    response = await client.post("/things", content=body, headers={"Content-Type": "application/json"})
    error_of(response, 400, "VALIDATION_ERROR")


async def test_json_is_only_read_if_it_is_announced_as_json(client: AsyncClient) -> None:
    """A page of another site can send a form without asking, and must not pass it off as JSON."""
    response = await client.post(
        "/things", content=b'{"name": "a", "sizes": []}', headers={"Content-Type": "text/plain"}
    )
    error_of(response, 400, "VALIDATION_ERROR")


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"x" * 100


async def test_a_body_that_is_too_long_is_refused_announced_or_not(client: AsyncClient) -> None:
    json_type = {"Content-Type": "application/json"}
    error_of(await client.post("/things", content=b"x" * 1001, headers=json_type), 413, "PAYLOAD_TOO_LARGE")
    error_of(await client.post("/things", content=_pieces(), headers=json_type), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(("sent", "kept"), [("trace-1.a_B", True), ("a b", False), ("x" * 65, False), ("a\tb", False)])
async def test_a_request_id_is_kept_if_it_is_short_and_plain(client: AsyncClient, sent: str, kept: bool) -> None:
    response = await client.get("/health", headers={"X-Request-ID": sent})
    assert (response.headers["x-request-id"] == sent) == kept


async def test_every_answer_has_the_security_headers(client: AsyncClient) -> None:
    for path in ("/health", "/nowhere", "/broken/7"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_documentation_page_may_load_what_it_needs(client: AsyncClient) -> None:
    response = await client.get("/docs")
    assert response.status_code == 200
    assert "content-security-policy" not in response.headers


async def test_only_known_origins_may_read_answers(client: AsyncClient) -> None:
    stranger = await client.get("/health", headers={"Origin": "https://stranger.example"})
    assert "access-control-allow-origin" not in stranger.headers
    friend = await client.get("/health", headers={"Origin": ORIGIN})
    assert friend.headers["access-control-allow-origin"] == ORIGIN
    assert friend.headers["access-control-allow-credentials"] == "true"


async def test_requests_are_counted_by_path_template() -> None:
    async with client_of_an_app(patience=60) as client:
        for path in ("/broken/1", "/broken/2", "/nowhere/1"):
            await client.get(path)
        counts = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",path="/broken/{thing_id}",status="500"} 2.0' in counts
    assert 'http_requests_total{method="GET",path="unmatched",status="404"} 1.0' in counts
    assert "/broken/1" not in counts


async def test_a_request_is_logged_once_without_its_query(client: AsyncClient, log: StringIO) -> None:
    await client.get("/health?token=secret", headers={"Authorization": "Bearer secret"})
    [record] = logged("request", log)
    assert (record["method"], record["path"], record["status"]) == ("GET", "/health", 200)
    assert record["milliseconds"] >= 0
    assert "secret" not in str(record)


async def test_the_openapi_document_knows_no_422(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    answers = {
        status
        for item in document["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert "422" not in answers
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "413" in document["paths"]["/things"]["post"]["responses"]
