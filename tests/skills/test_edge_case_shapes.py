"""Shapes of PRDs that the examples do not have: what is made of them can pass the app's own checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from skills.edge_case_tester.values import accepted
from tests.support.app_lint import app_with_tests, lint
from tests.support.entity_prd import feature_from, fields

POST = "### Post\n\n**Owner:** yes\n**Access:** public read, owner write\n\n" + fields(
    "title | string | yes | 1..80 chars"
)
TAG = "### Tag\n\n" + fields("label | string | yes | 1..40 chars")


def like(unique: str, *rows: str) -> str:
    return f"{POST}\n\n### Like\n\n**Owner:** yes\n**Unique:** {unique}\n\n" + fields(*rows)


def alone(*rows: str, labels: str = "") -> str:
    return f"### Thing\n\n{labels}\n\n" + fields(*rows)


SHAPES = {
    "unique of a reference and the owner": like("(post, owner)", "post | Post | yes | on delete cascade"),
    "unique of an optional user and the owner": like("(fan, owner)", "fan | User | no | on delete set null"),
    "unique alone and with the owner": like("(code, owner)", "code | string | yes | unique"),
    "unique of a reference that may be empty": like(
        "(post, fan)", "post | Post | no | on delete set null", "fan | User | yes | on delete cascade"
    ),
    "a required many-to-many": f"{TAG}\n\n" + alone("name | string | yes |", "tags | Tag[] | yes |"),
    "unique of the owner beside a required many-to-many of the owner's": (
        TAG.replace("### Tag\n", "### Tag\n\n**Owner:** yes\n")
        + "\n\n"
        + like("(post, owner)", "post | Post | yes | on delete cascade", "tags | Tag[] | yes |")
    ),
    "a boolean first": alone("done | boolean | yes |", labels="**Access:** signed-in read, signed-in write"),
    "a boolean with a default first": alone(
        "done | boolean | yes | default true", labels="**Access:** public read, signed-in write"
    ),
    "an enum with a default first": alone("status | enum(pending, paid) | yes | default pending", "note | text | no |"),
    "decimals without places": alone("amount | decimal(4,0) | no | min -1; max 9; default 0"),
    "decimals with many places": alone("amount | decimal(18,8) | yes | default 0; min 0", labels="**Filter:** amount"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_made_passes_the_apps_own_linter(shape: str, tmp_path: Path) -> None:
    assert not lint(app_with_tests(feature_from(SHAPES[shape])), tmp_path)


@pytest.mark.parametrize(
    ("first", "made_with", "changed_to"),
    [
        ("status | enum(pending, paid) | yes | default pending", "status='pending'", "status='paid'"),
        ("status | enum(pending, paid) | yes |", "status='pending'", "status='paid'"),
        ("status | enum(pending, paid) | no |", "", "status='pending'"),
        ("done | boolean | yes | default true", "done=False", "done=True"),
        ("share | decimal(5,4) | yes | min 0; max 1", "share='0.0000'", "share='0.0001'"),
        ("stars | integer | yes | min 1; max 5", "stars=1", "stars=2"),
        ("name | string | yes | default a", "name='a'", "name='b'"),
        ("code | string | yes | matches ^[a-z]$", "code='a'", "code='b'"),
        ("name | string | yes | 1..80 chars", "", "name='a'"),
    ],
)
def test_a_change_differs_from_what_the_record_was_made_with(first: str, made_with: str, changed_to: str) -> None:
    test = app_with_tests(feature_from(alone(first, "note | text | no |")))["tests/test_thing.py"]
    moves = test.partition("async def test_update_moves_updated_at")[2].partition("async def")[0].replace('"', "'")
    assert f"create({made_with})" in moves
    assert f"update(before, {changed_to})" in moves


def test_a_field_of_one_value_is_no_change_and_the_next_one_is() -> None:
    test = app_with_tests(feature_from(alone("kind | enum(only) | yes |", "note | text | no |")))["tests/test_thing.py"]
    assert re.search(r'update\(before, note="', test)


def test_what_is_unique_alone_is_not_tried_as_if_another_owner_may_have_it() -> None:
    test = app_with_tests(feature_from(like("(code, owner)", "code | string | yes | unique")))["tests/test_like.py"]
    assert test.count("def test_code_cannot_be_taken_twice") == 1
    assert "may_be_the_same_for_another_owner" not in test


def test_a_decimal_of_many_places_is_answered_and_published_without_an_exponent() -> None:
    files = app_with_tests(
        feature_from(alone("amount | decimal(18,8) | yes | default 0", "cents | decimal(8,2) | yes |"))
    )
    schema = files["app/schemas/thing.py"]
    assert "amount: Plain" in schema
    assert "cents: Decimal" in schema
    assert "E-" not in schema
    assert 'f"{number:f}"' in files["app/schemas/types.py"]


def test_a_required_many_to_many_is_sent_with_every_record_and_never_emptied() -> None:
    post = "### Post\n\n**Owner:** yes\n\n" + fields("title | string | yes |", "tags | Tag[] | yes |")
    tag = TAG.replace("### Tag\n", "### Tag\n\n**Owner:** yes\n")
    files = app_with_tests(feature_from(f"{tag}\n\n{post}"))
    assert "def post_body(*, tags_ids: list[int]" in files["tests/factories.py"]
    assert 'tags_ids=[(await tags.create())["id"]]' in files["tests/conftest.py"]
    test = files["tests/test_post.py"]
    assert 'expect_invalid(await posts.patch(created, tags_ids=[]), "tags_ids")' in test
    assert "test_deleting_what_tags_ids_name_leaves_the_others" in test


@pytest.mark.parametrize(
    ("rules", "matching"),
    [
        ("string | yes | matches ^\\+[1-9][0-9]{6,14}$; unique", r"^\+[1-9][0-9]{6,14}$"),
        ("string | yes | matches ^[A-Z]{2}$; unique", "^[A-Z]{2}$"),
        ("string | yes | 1..1 chars; unique", "^.$"),
        ("string | yes | 2..2 chars; unique", "^..$"),
        ("integer | yes | min 1; max 50; unique", "^([1-9]|[1-4][0-9]|50)$"),
        ("decimal(5,4) | yes | min 0; max 1; unique", r"^(0\.\d{4}|1\.0000)$"),
    ],
)
def test_unique_values_differ_whatever_else_is_counted(rules: str, matching: str) -> None:
    factories = app_with_tests(feature_from(alone(f"code | {rules}", "note | string | yes |")))["tests/factories.py"]
    names: dict[str, Any] = {}
    exec(factories.replace("from tests.api import Record", "Record = dict"), names)  # noqa: S102  # what was just made
    made = [names["thing_body"]()["code"] for _ in range(40)]
    assert len(set(made)) == 40
    assert all(re.search(matching, str(value)) for value in made)


def test_values_that_come_round_again_leave_out_those_of_accounts_that_last() -> None:
    user = "### User\n\n" + fields("badge | string | yes | 1..1 chars; unique")
    factories = app_with_tests(feature_from(f"{user}\n\n{TAG}"))["tests/factories.py"]
    names: dict[str, Any] = {}
    exec(factories.replace("from tests.api import Record", "Record = dict"), names)  # noqa: S102  # what was just made
    badges = [names["account_body"]()["badge"] for _ in range(200)]
    assert not {*badges[:3]} & {*badges[3:]}


@pytest.mark.parametrize(
    "rules", ["string | no | matches ^\\+[1-9][0-9]{6,14}$; unique", "integer | no | min 1; max 50; unique"]
)
def test_accounts_that_last_hold_no_value_that_a_test_registers_with(rules: str) -> None:
    feature = feature_from("### User\n\n" + fields(f"badge | {rules}") + f"\n\n{TAG}")
    names: dict[str, Any] = {}
    factories = app_with_tests(feature)["tests/factories.py"]
    exec(factories.replace("from tests.api import Record", "Record = dict"), names)  # noqa: S102  # what was just made
    held = {repr(names["account_body"]()["badge"]) for _ in range(3)}
    badge = next(field for field in feature.user.fields if field.name == "badge")
    assert not held & {value.sent for value in accepted(badge)}
