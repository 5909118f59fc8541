"""The API that is planned from a feature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from schemas.base import JSON
from schemas.feature import Access, Entity, Feature, Kind
from schemas.handoffs import Endpoint
from skills.design.endpoints import endpoints
from skills.design.examples import example, record, request_body
from tests.support.core_build import OWNED, entity, feature, field


def planned(shop: Feature) -> Mapping[str, Endpoint]:
    return {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in endpoints(shop)}


def statuses(endpoint: Endpoint) -> list[int]:
    return [error.status for error in endpoint.errors]


def test_every_endpoint_of_accounts_of_each_entity_and_of_the_root_is_planned() -> None:
    assert list(planned(feature(entity("TodoList", field("name"))))) == [
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/logout",
        "GET /api/v1/auth/me",
        "GET /api/v1/todo-lists",
        "POST /api/v1/todo-lists",
        "GET /api/v1/todo-lists/{todo_list_id}",
        "PATCH /api/v1/todo-lists/{todo_list_id}",
        "DELETE /api/v1/todo-lists/{todo_list_id}",
        "GET /health",
        "GET /ready",
        "GET /metrics",
    ]


def test_an_entity_has_only_the_endpoints_it_asks_for() -> None:
    tag = entity("Tag", field("label")).model_copy(update={"operations": ("list", "read")})
    assert [key for key in planned(feature(tag)) if "tags" in key] == ["GET /api/v1/tags", "GET /api/v1/tags/{tag_id}"]


def test_a_feature_without_accounts_has_no_endpoint_that_needs_one() -> None:
    api = planned(
        feature(entity("Tag", field("label"), access=Access(read="public", write="signed-in")), authentication="none")
    )
    assert not [key for key in api if "/auth/" in key]
    assert not [key for key, endpoint in api.items() if endpoint.auth_required or 401 in statuses(endpoint)]


@pytest.mark.parametrize(
    ("access", "read", "write"),
    [
        (OWNED, [400, 401, 404], [400, 401, 404]),
        (Access(read="signed-in", write="signed-in"), [400, 401, 404], [400, 401, 404]),
        (Access(read="public", write="owner"), [400, 404], [400, 401, 403, 404]),
        (Access(read="public", write="admin"), [400, 404], [400, 401, 403, 404]),
        (Access(read="signed-in", write="owner"), [400, 401, 404], [400, 401, 403, 404]),
    ],
)
def test_who_is_refused_follows_from_the_access(access: Access, read: list[int], write: list[int]) -> None:
    api = planned(feature(entity("Note", field("text"), access=access)))
    assert statuses(api["GET /api/v1/notes/{note_id}"]) == read
    assert statuses(api["PATCH /api/v1/notes/{note_id}"]) == write
    assert statuses(api["DELETE /api/v1/notes/{note_id}"]) == write
    assert api["GET /api/v1/notes"].auth_required == (access.read != "public")


def test_only_an_administrator_creates_where_only_administrators_write() -> None:
    api = planned(feature(entity("Room", field("name"), access=Access(read="public", write="admin"))))
    assert api["POST /api/v1/rooms"].scopes == "admin"
    assert 403 in statuses(api["POST /api/v1/rooms"])


@pytest.mark.parametrize(
    "room",
    [
        entity("Room", field("name", unique=True)),
        entity("Room", field("name", unique_per=("owner",))),
        entity("Room", field("name"), field("floor", "integer"), unique=(("name", "floor"),)),
    ],
)
def test_what_must_be_unique_may_conflict_when_created_and_when_changed(room: Entity) -> None:
    api = planned(feature(room))
    for key in ("POST /api/v1/rooms", "PATCH /api/v1/rooms/{room_id}"):
        conflict = api[key].errors[-1]
        assert (conflict.status, conflict.code) == (409, "CONFLICT")
        assert "`name" in conflict.when
    assert 409 not in statuses(api["DELETE /api/v1/rooms/{room_id}"])


@pytest.mark.parametrize(("on_delete", "refused"), [("restrict", True), ("cascade", False), ("set null", False)])
def test_only_a_record_that_others_hold_on_to_cannot_be_deleted(on_delete: str, refused: bool) -> None:  # noqa: FBT001
    booking = entity("Booking", field("room", "reference", target="Room", on_delete=on_delete))
    api = planned(feature(entity("Room", field("name")), booking))
    assert (409 in statuses(api["DELETE /api/v1/rooms/{room_id}"])) == refused
    assert 409 not in statuses(api["DELETE /api/v1/bookings/{booking_id}"])


def test_every_error_has_the_code_of_its_status() -> None:
    codes = {error.status: error.code for endpoint in endpoints(feature(entity("Note"))) for error in endpoint.errors}
    assert codes == {
        400: "VALIDATION_ERROR",
        401: "UNAUTHORIZED",
        403: "FORBIDDEN",
        404: "NOT_FOUND",
        409: "CONFLICT",
        429: "RATE_LIMITED",
        503: "SERVICE_UNAVAILABLE",
    }


def test_fields_that_clients_may_not_send_or_see_are_left_out_of_the_examples() -> None:
    note = entity(
        "Note",
        field("title"),
        field("slug", slug_of="title"),
        field("seen", "boolean", read_only=True),
        field("pin", write_only=True),
    )
    assert request_body(note) == {"title": "Title", "pin": "Pin"}
    assert list(record(note)) == ["id", "owner_id", "title", "slug", "seen", "created_at", "updated_at"]
    assert record(note)["slug"] == "title"


def test_fields_that_a_prd_adds_to_accounts_are_part_of_registering() -> None:
    api = planned(feature(user=(field("username", min_length=3, max_length=8, pattern="^[a-z0-9_]+$"),)))
    request = api["POST /api/v1/auth/register"].request
    assert isinstance(request, dict)
    assert list(request) == ["email", "name", "password", "username"]
    assert re.search("^[a-z0-9_]{3,8}$", str(request["username"]))
    assert "password" not in str(api["GET /api/v1/auth/me"].response)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, "Name"),
        ({"min_length": 10}, "Name name name"),
        ({"max_length": 2}, "Na"),
        ({"min_length": 5, "max_length": 5}, "Namex"),
        ({"has_default": True, "default": "x"}, "x"),
        ({"pattern": "^[A-Z]{3}-[0-9]{2}$"}, re.compile(r"[A-Z]{3}-[0-9]{2}")),
    ],
)
def test_an_example_text_keeps_the_rules(rules: dict[str, Any], expected: str | re.Pattern[str]) -> None:
    text = example(field("name", **rules), entity("Note"))
    assert isinstance(text, str)
    assert expected.fullmatch(text) if isinstance(expected, re.Pattern) else text == expected


@pytest.mark.parametrize(
    ("kind", "rules", "expected"),
    [
        ("integer", {}, 1),
        ("integer", {"minimum": 5, "maximum": 9}, 5),
        ("integer", {"maximum": -3}, -3),
        ("integer", {"minimum": Decimal("1.5")}, 2),
        ("decimal", {"precision": 8, "scale": 2}, "12.50"),
        ("decimal", {"precision": 2, "scale": 2}, "0.99"),
        ("decimal", {"precision": 5, "scale": 1, "minimum": 100}, "100.0"),
        ("decimal", {"precision": 5, "scale": 1, "has_default": True, "default": "3"}, "3.0"),
        ("float", {"maximum": -1}, -1.0),
        ("boolean", {}, False),
        ("boolean", {"has_default": True, "default": True}, True),
        ("enum", {"values": ("open", "closed")}, "open"),
        ("enum", {"values": ("open", "closed"), "has_default": True, "default": "closed"}, "closed"),
        ("date", {}, "2030-01-15"),
        ("datetime", {}, "2030-01-15T09:30:00Z"),
        ("reference", {"target": "Room"}, 1),
        ("references", {"target": "Room"}, [1]),
    ],
)
def test_an_example_value_keeps_the_rules(kind: Kind, rules: dict[str, Any], expected: JSON) -> None:
    assert example(field("value", kind, **rules), entity("Note")) == expected


def test_the_same_feature_gives_the_same_plan() -> None:
    shop = feature(entity("Note", field("code", pattern="[a-f]+[0-9]{2,}"), field("price", "decimal", precision=4)))
    assert endpoints(shop) == endpoints(shop)
