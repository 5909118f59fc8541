"""The entity side of a generated app at work: typed, equal to its database, and calm under odd requests."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.checks.environments.environments import Environments
from orchestrator.storage.embedded import Embedded
from orchestrator.storage.home import home
from schemas.feature import Feature
from skills.core.registry import Registry
from tests.support.core_build import build, example, write
from tests.support.entity_prd import feature_from, fields
from tests.support.outside_labels import ARCHIVE, labelled, suite
from tests.support.postgres_server import execute, temporary_server

pytestmark = pytest.mark.slow

THING = "### Thing\n\n**Owner:** yes\n\n" + fields(
    "title | string | yes | 1..80 chars",
    "slug | string | yes | slug of title; unique",
    "note | string | no | ",
    "price | decimal(8,2) | no | default 9.90",
    "ratio | float | no | ",
    "count | integer | no | ",
    "day | date | no | ",
    "clock | time | no | ",
    "moment | datetime | no | ",
    "link | url | no | ",
    'extra | json | no | default {"a": [null]}',
    "kind | enum(a, it's {{ lost }}) | yes | default it's {{ lost }}",
    "seen_at | datetime | no | read-only",
    "peers | Thing[] | no | ",
    "parent | Thing | no | on delete set null",
)


@pytest.fixture(scope="module")
def python() -> Path:
    lock = Path(__file__).parents[2] / "skills/python_api_patterns/templates/requirements-dev.lock"
    return asyncio.run(Environments(home() / "cache").python(lock)).python


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    with temporary_server() as server:
        yield server


@pytest.mark.parametrize("name", ["todo-lists", "kitchen-sink", "thing"])
def test_models_are_typed_and_say_exactly_what_the_migrations_made(
    name: str, tmp_path: Path, python: Path, server: Embedded
) -> None:
    environment = _app(_feature(name), tmp_path, server, name)
    for arguments in (("ruff", "check"), ("mypy", "app")):
        _run(python, ("-m", *arguments), tmp_path, environment)
    _run(python, ("-m", "alembic", "upgrade", "head"), tmp_path, environment)
    assert "No new upgrade operations" in _run(python, ("-m", "alembic", "check"), tmp_path, environment)


def test_what_a_label_from_outside_adds_is_typed_stored_and_tested(
    tmp_path: Path, python: Path, server: Embedded
) -> None:
    registry = Registry([ARCHIVE])
    environment = _app(labelled(registry, "**Archive:** yes"), tmp_path, server, "archive", registry)
    for arguments in (("ruff", "check"), ("mypy", "app"), ("alembic", "upgrade", "head")):
        _run(python, ("-m", *arguments), tmp_path, environment)
    assert "No new upgrade operations" in _run(python, ("-m", "alembic", "check"), tmp_path, environment)
    write(suite(labelled(registry, "**Archive:** yes"), registry), tmp_path)
    _run(python, ("-m", "pytest", "-q", "tests/test_todo.py"), tmp_path, environment)


def test_odd_requests_are_answered_and_never_break_the_app(tmp_path: Path, python: Path, server: Embedded) -> None:
    environment = _app(_feature("thing"), tmp_path, server, "driven")
    _run(python, ("-m", "alembic", "upgrade", "head"), tmp_path, environment)
    _run(python, (str(Path(__file__).parents[1] / "support/entity_drive.py"),), tmp_path, environment)


def _feature(name: str) -> Feature:
    return feature_from(THING) if name == "thing" else example(name)


def _app(
    feature: Feature, folder: Path, server: Embedded, name: str, registry: Registry | None = None
) -> dict[str, str]:
    """Write the app and make its database; return the environment it runs in."""
    write(build(feature, registry).files, folder)
    database = name.replace("-", "_")
    asyncio.run(execute(server.url("postgres"), f'CREATE DATABASE "{database}"'))
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": server.url(database),
        "ENVIRONMENT": "test",
        "JWT_SECRET": "a secret for tests that is long enough",
        "PYTHONPATH": ".",
    }


def _run(python: Path, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> str:
    ran = subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr
