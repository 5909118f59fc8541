"""The API as a test uses it: a collection seen by one account, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from httpx import AsyncClient, Response

Record = dict[str, Any]

NO_SUCH_ID = 2**62
BAD_IDS = ["0", "-1", "1.5", "abc", str(2**63)]
INERT_TEXTS = [
    pytest.param("'; DROP TABLE users; --", id="SQL"),
    pytest.param("<script>alert('hello')</script> &amp;", id="HTML"),
    pytest.param("{{ 7 * 7 }} ${HOME} %s {0} \\n", id="template"),
    pytest.param("naïve Ωmega 日本語 🧑‍🚀 \u202eright to left", id="Unicode"),
    pytest.param("two\nlines\tand a tab", id="line break"),
]


@dataclass(frozen=True)
class Collection:
    """What is at `path`, as the account of `client` sees it.

    `body` makes what a POST accepts, different each time. `own` names references that need a record of their own each
    time, because a unique rule rests on them, and where that record is made.
    """

    client: AsyncClient
    path: str
    body: Callable[..., Record]
    own: Mapping[str, Collection] = field(default_factory=dict)

    def seen_by(self, client: AsyncClient) -> Collection:
        return replace(self, client=client)

    async def new_body(self, /, **changes: Any) -> Record:
        missing = self.own.keys() - changes.keys()
        own = {name: (await self.own[name].create())["id"] for name in missing}
        return self.body(**own, **changes)

    async def post(self, /, **changes: Any) -> Response:
        return await self.client.post(self.path, json=await self.new_body(**changes))

    async def create(self, /, **changes: Any) -> Record:
        return expect(await self.post(**changes), 201)

    async def get(self, record: Record) -> Response:
        return await self.client.get(f"{self.path}/{record['id']}")

    async def read(self, record: Record) -> Record:
        return expect(await self.get(record), 200)

    async def patch(self, record: Record, /, **changes: Any) -> Response:
        return await self.client.patch(f"{self.path}/{record['id']}", json=changes)

    async def update(self, record: Record, /, **changes: Any) -> Record:
        return expect(await self.patch(record, **changes), 200)

    async def delete(self, record: Record) -> Response:
        return await self.client.delete(f"{self.path}/{record['id']}")

    async def search(self, /, **parameters: Any) -> Response:
        return await self.client.get(self.path, params=parameters)

    async def page(self, /, **parameters: Any) -> Record:
        return expect(await self.search(**parameters), 200)

    async def ids(self, /, **parameters: Any) -> list[int]:
        """Return the ids of the listed records, in order."""
        return [record["id"] for record in (await self.page(**parameters))["items"]]


def without(body: Record, field: str) -> Record:
    return {name: value for name, value in body.items() if name != field}


def expect(response: Response, status: int) -> Record:
    """Return the JSON object of a response that has this status."""
    assert response.status_code == status, f"{response.status_code} instead of {status}: {response.text}"
    body = response.json()
    assert isinstance(body, dict)
    return body


def expect_error(response: Response, status: int, code: str) -> Record:
    """Return the error of a response that was refused in the one shape all errors have."""
    body = expect(response, status)
    assert body.keys() == {"error"}
    error: Record = body["error"]
    assert error.keys() == {"code", "message", "details", "request_id"}
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"]
    return error


def expect_invalid(response: Response, field: str) -> None:
    """The request was refused because of this field, and says so."""
    fields = [detail["field"] for detail in expect_error(response, 400, "VALIDATION_ERROR")["details"]]
    assert any(name == field or name.startswith(f"{field}.") for name in fields), fields
