"""The frame of a generated app, read as text: what a PRD's words become, and what belongs together."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from handoff import prd_entities
from handoff.prd_names import pascal_case, plural
from schemas.feature import Entity
from skills.codegen.naming import class_name
from skills.design.endpoints import endpoints
from skills.design.names import ACCOUNT_OPERATIONS, ACCOUNT_SCHEMAS, BASE_PATH
from tests.support.core_build import build, entity, example, feature, field

HOSTILE = (
    "A\"\"\"b''' {{ 7 * 7 }} {% raw %} \\ $(rm -rf /) `id` </script> <!-- --> | *x* #h\r\n```\n---\u2028"
    "DROP TABLE users;"
)


def test_the_same_feature_gives_the_same_bytes() -> None:
    todo = example("todo-lists")
    assert build(todo).files == build(todo).files


@pytest.mark.parametrize("name", ["todo-lists", "room-bookings", "journal"])
def test_every_python_file_parses_and_every_setting_is_explained(name: str) -> None:
    files = build(example(name)).files
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text)
    declared = set(
        re.findall(r"^    ([a-z_]+): .* = ", files["app/core/config.py"].partition("model_config")[2], re.MULTILINE)
    )
    assert {"environment", "database_url", "jwt_secret", "db_pool_size"} <= declared
    for setting in declared:
        assert re.search(rf"^(# )?{setting.upper()}=", files[".env.example"], re.MULTILINE), setting
        assert f"| `{setting.upper()}` |" in files["README.md"]


def test_every_router_is_mounted_health_at_the_root() -> None:
    main = build(example("todo-lists")).files["app/main.py"]
    assert "app.include_router(health_router)" in main
    for name in ("auth", "todo", "todo_list"):
        assert f"app.include_router({name}_router, prefix=API_PREFIX" in main


def test_no_entity_takes_the_place_of_a_module_of_the_frame() -> None:
    """The modules are read from what the skills write for an app of one entity, so that none can be forgotten."""
    thing = named_after("thing")
    frame = build(feature(thing)).files
    stems = {re.sub("^test_|_service$", "", Path(path).stem.strip("_")) for path in frame if path.endswith(".py")}
    names = sorted(stem for stem in stems - {"user", "thing"} if stem.isidentifier())
    named = feature(thing, *map(named_after, names))
    files = build(named).files
    of_entities = {
        "README.md",
        "alembic/versions/0001_shop.py",
        "app/main.py",
        "app/models/__init__.py",
        "app/services/access.py",
    }
    assert {path for path in frame if files.get(path) != frame[path]} <= of_entities
    routers = re.findall(r"^from (\S+) import router as (\w+)$", files["app/main.py"], re.MULTILINE)
    assert {"auth", "health", "main"} <= stems
    assert len({name for _, name in routers}) == len({module for module, _ in routers}) == len(named.entities) + 2
    for module, name in routers:
        assert f"{module.replace('.', '/')}.py" in files
        assert files["app/main.py"].count(f"app.include_router({name}") == 1


def test_what_the_reader_keeps_for_the_app_is_all_that_entities_could_take_of_its_api() -> None:
    """Paths, operations and schemas are read from the API of an app without entities."""
    own = endpoints(feature())
    collections = {endpoint.path.split("/")[3] for endpoint in own if endpoint.path.startswith(f"{BASE_PATH}/")}
    assert collections == {*prd_entities.OWN_PATHS}
    assert {each.partition("_")[2] for each in ACCOUNT_OPERATIONS if "_" in each} == {*prd_entities.OWN_OPERATIONS}
    assert {path.removeprefix("app/models/") for path in build(feature()).files if path.startswith("app/models/")} == {
        "__init__.py", "base.py", "user.py",
    }  # fmt: skip
    for schema in {*ACCOUNT_SCHEMAS} - {"UserResponse"}:
        for name in (schema, re.sub("(Create|Update|Response|Page)$", "", schema)):
            assert class_name(name) not in (name, schema)


def named_after(singular: str) -> Entity:
    table = plural(singular)
    name = pascal_case(singular)
    return entity(name, field("a")).model_copy(update={"singular": singular, "table": table, "collection": table})


def test_a_prds_words_stay_words() -> None:
    feature = example("todo-lists").model_copy(update={"title": HOSTILE, "description": HOSTILE})
    files = build(feature).files
    assert tomllib.loads(files["pyproject.toml"])["project"]["description"].startswith("A\"\"\"b''' {{ 7 * 7 }}")
    tree = ast.parse(files["app/main.py"])
    given = {
        k.arg: k.value.value for k in ast.walk(tree) if isinstance(k, ast.keyword) and isinstance(k.value, ast.Constant)
    }
    assert given["title"] == given["description"] == HOSTILE
    readme = files["README.md"].splitlines()
    assert readme[0].startswith("# A")
    assert "```" not in readme[2]
    assert "DROP TABLE users" in readme[0]  # on the heading's own line still
    for path in {path for path in files if not path.startswith("alembic/")} - {
        "app/main.py",
        "pyproject.toml",
        "README.md",
    }:
        assert "rm -rf" not in files[path], path


def test_the_app_of_a_long_description_has_a_short_summary() -> None:
    feature = example("todo-lists").model_copy(update={"description": "word " * 2000})
    assert len(tomllib.loads(build(feature).files["pyproject.toml"])["project"]["description"]) <= 200


def test_the_readme_lists_every_endpoint() -> None:
    built = build(example("room-bookings"))
    for endpoint in built.endpoints:
        assert f"| `{endpoint.method} {endpoint.path}` |" in built.files["README.md"]


def test_nothing_needs_a_package_index_by_name() -> None:
    files = build(example("todo-lists")).files
    for path in ("requirements.lock", "requirements-dev.lock", "Dockerfile", "pyproject.toml", "README.md"):
        assert not re.search(r"https?://(?!localhost|127\.0\.0\.1)", files[path]), path
