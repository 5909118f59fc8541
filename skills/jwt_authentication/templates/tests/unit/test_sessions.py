"""What protects sign-in and the session cookie, as far as no database is needed."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from app.core.config import Settings
from app.core.exceptions import RateLimited
from app.core.rate_limit import ACCOUNTS_PER_ADDRESS, RateLimiter
from app.main import create_app

FRIEND = "https://frontend.example"


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[FastAPI]:
    """Return an app that has no database."""
    app = create_app(
        Settings(
            environment="test",
            database_url=SecretStr("postgresql://localhost:1/nowhere"),
            cors_origins=(FRIEND,),
        )
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Return a client of an app that allows two attempts a minute."""
    app.state.rate_limiter = RateLimiter("2/minute")
    async with AsyncClient(transport=ASGITransport(app), base_url="http://app.example") as client:
        yield client


@pytest.mark.parametrize("path", ["register", "login", "refresh"])
async def test_the_third_of_two_allowed_attempts_has_to_wait(client: AsyncClient, path: str) -> None:
    body = {"email": "ada@example.com", "password": "a wrong one"}
    guess = {"Cookie": "refresh_token=a-guess"}
    answers = [await client.post(f"/api/v1/auth/{path}", json=body, headers=guess) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[2].json()["error"]["code"] == "RATE_LIMITED"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60


async def test_attempts_at_one_account_do_not_count_for_another() -> None:
    limiter = RateLimiter("1/minute")
    await limiter.check("login", "192.0.2.1", "ada@example.com")
    await limiter.check("login", "192.0.2.1", "bob@example.com")
    with pytest.raises(RateLimited):
        await limiter.check("login", "192.0.2.1", "ada@example.com")


async def test_one_address_cannot_try_a_long_list_of_accounts() -> None:
    limiter = RateLimiter("1/minute")
    for number in range(ACCOUNTS_PER_ADDRESS):
        await limiter.check("login", "192.0.2.1", f"{number}@example.com")
    with pytest.raises(RateLimited):
        await limiter.check("login", "192.0.2.1", "one-more@example.com")
    await limiter.check("login", "192.0.2.2", "one-more@example.com")


@pytest.mark.parametrize("limit", ["off", "OFF", ""])
async def test_a_limit_can_be_switched_off(limit: str) -> None:
    limiter = RateLimiter(limit)
    for _ in range(100):
        await limiter.check("register", "192.0.2.1")


def test_a_limit_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="AUTH_RATE_LIMIT"):
        RateLimiter("a few")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 401),
        (FRIEND, 401),
        ("http://app.example", 401),
        ("https://stranger.example", 403),
        ("https://app.example.stranger.example", 403),
        ("null", 403),
    ],
)
async def test_a_page_of_another_origin_cannot_refresh(client: AsyncClient, origin: str | None, status: int) -> None:
    """Allowed callers get as far as the missing cookie."""
    response = await client.post("/api/v1/auth/refresh", headers={"Origin": origin} if origin else {})
    assert response.status_code == status


@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer", "Bearer not-a-token", "bearer a.b.c"])
async def test_a_request_without_a_valid_token_is_told_how_to_sign_in(client: AsyncClient, header: str | None) -> None:
    response = await client.get("/api/v1/auth/me", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "UNAUTHORIZED"
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("password", ["", "short", "x" * 129, "with\0nul character", 12345678, None])
async def test_a_password_that_breaks_a_rule_is_refused(client: AsyncClient, password: object) -> None:
    body = {"email": "ada@example.com", "name": "Ada", "password": password}
    response = await client.post("/api/v1/auth/register", json=body)
    assert response.status_code == 400
    assert "password" in [detail["field"] for detail in response.json()["error"]["details"]]


async def test_nobody_chooses_their_own_role(client: AsyncClient) -> None:
    body = {"email": "ada@example.com", "name": "Ada", "password": "long enough", "role": "admin"}
    response = await client.post("/api/v1/auth/register", json=body)
    assert response.status_code == 400
    assert "role" in [detail["field"] for detail in response.json()["error"]["details"]]


async def test_loading_a_page_without_a_session_is_no_attempt(client: AsyncClient) -> None:
    answers = [await client.post("/api/v1/auth/refresh") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
