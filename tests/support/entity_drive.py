"""Requests that a plain suite does not make, sent to a generated app. `test_entity_app` runs it in the app's folder."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from app.main import create_app
from asgi_lifespan import LifespanManager

ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
BROKEN = {
    "note": ["\0", "\ud800", 5, "x" * 300],
    "price": ["1.234", "NaN", "1e3", True, "1_0", [], "10000000"],
    "ratio": [float("nan"), 1e400, "1", True],
    "count": [2**53, 1.5, "3", True, 10**40],
    "day": ["2024-02-30", "2024-1-1", 0, "2024-01-01T00:00:00"],
    "clock": ["25:00", "10:00Z", "10:00+02:00", 36000],
    "moment": ["2024-01-01T00:00:00", "2024-01-01", 1700000000, "1700000000", "0001-01-01T00:00:00+05:00"],
    "link": ["javascript:alert(1)", "ftp://x.org", "http:// x.org", "https://" + "x" * 2050 + ".org"],
    "extra": ["\0", {"a\0": 1}, {"a": ["\ud800"]}, float("inf"), "x" * 70_000],
    "peers_ids": [[0], ["1"], [True], None, [2**62]],
    "parent_id": [0, "1", 2**64],
}


async def main() -> None:
    app = create_app()
    async with LifespanManager(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app/api/v1") as client:
            await _sign_in(client)
            await _refuses_what_the_database_could_not_store(client)
            await _keeps_a_null_that_was_meant(client)
            await _answers_what_it_stored(client)
            await _makes_slugs_free_at_the_same_time(client)
            await _survives_changes_and_deletes_at_the_same_time(client)


async def _sign_in(client: httpx.AsyncClient) -> None:
    await client.post("/auth/register", json=ACCOUNT)
    signed_in = await client.post("/auth/login", json={key: ACCOUNT[key] for key in ("email", "password")})
    client.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"


async def _refuses_what_the_database_could_not_store(client: httpx.AsyncClient) -> None:
    for field, values in BROKEN.items():
        for value in values:
            response = await _send(client, {"title": "x", field: value})
            assert response.status_code == 400, (field, value, response.text)
            named = {detail["field"].partition(".")[0] for detail in response.json()["error"]["details"]}
            assert named == {field}, (field, value, response.text)


async def _keeps_a_null_that_was_meant(client: httpx.AsyncClient) -> None:
    silent = (await _send(client, {"title": "x"})).json()
    assert (silent["price"], silent["extra"]) == ("9.90", {"a": [None]})
    meant = (await _send(client, {"title": "x", "price": None, "extra": None})).json()
    assert (meant["price"], meant["extra"]) == (None, None)


async def _answers_what_it_stored(client: httpx.AsyncClient) -> None:
    first = (await _send(client, {"title": "first"})).json()
    sent = {
        "title": "x", "price": 1.5, "ratio": 1, "moment": "2024-06-01T12:00:00.5+05:30", "clock": "23:59",
        "extra": {"b": 1, "a": [1e3, {}]}, "peers_ids": [first["id"], first["id"]], "kind": "it's {{ lost }}",
    }  # fmt: skip
    made = (await _send(client, sent)).json()
    assert made["price"] == "1.50"
    assert made["moment"] == "2024-06-01T06:30:00.500000Z"
    assert made["peers_ids"] == [first["id"]]
    assert (await client.get(f"/things/{made['id']}")).json() == made
    changed = (await client.patch(f"/things/{made['id']}", json={"peers_ids": []})).json()
    assert changed["peers_ids"] == []
    assert changed["updated_at"] > made["updated_at"]
    assert (await client.get(f"/things/{made['id']}")).json() == changed


async def _makes_slugs_free_at_the_same_time(client: httpx.AsyncClient) -> None:
    made = await asyncio.gather(*(_send(client, {"title": "Ça va?"}) for _ in range(8)))
    assert {response.json()["slug"] for response in made} == {"ca-va", *(f"ca-va-{number}" for number in range(2, 9))}


async def _survives_changes_and_deletes_at_the_same_time(client: httpx.AsyncClient) -> None:
    path = f"/things/{(await _send(client, {'title': 'x'})).json()['id']}"
    changes = [client.patch(path, json={"title": str(number)}) for number in range(4)]
    statuses = [r.status_code for r in await asyncio.gather(*(client.delete(path) for _ in range(4)), *changes)]
    assert statuses.count(204) == 1
    assert set(statuses) <= {200, 204, 404}


async def _send(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    # Python's own JSON may say NaN and half a surrogate pair, as a client could.
    return await client.post("/things", content=json.dumps(body), headers={"Content-Type": "application/json"})


asyncio.run(main())
