"""A generated app at work: in its own environment, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from agents.checks.environments.environments import Environments
from agents.checks.openapi.check import compare
from agents.checks.openapi.contract import differences
from orchestrator.storage.home import home
from schemas.feature import Feature
from skills.design.contract import api_contract
from tests.support.core_build import build, everything, example, write
from tests.support.postgres_server import empty_database, temporary_server

pytestmark = pytest.mark.slow

SECRET = "a secret for tests that is long enough"
ADA = {"email": "Ada@Example.com", "name": "Ada", "password": "correct horse battery"}


class App(NamedTuple):
    folder: Path
    python: Path
    environment: dict[str, str]

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment with the packages of the development lock."""
    lock = Path(__file__).parents[2] / "skills/python_api_patterns/templates/requirements-dev.lock"
    return asyncio.run(Environments(home() / "cache").python(lock)).python


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of an empty database."""
    with temporary_server() as server, empty_database(server) as url:
        yield url


@pytest.fixture(scope="module")
def todo(tmp_path_factory: pytest.TempPathFactory, python: Path, database: str) -> App:
    """The todo app, migrated."""
    folder = tmp_path_factory.mktemp("todo")
    write(build(example("todo-lists")).files, folder)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    app = App(folder, python, {**kept, "DATABASE_URL": database, "ENVIRONMENT": "test", "JWT_SECRET": SECRET})
    migrated = app.run("-m", "alembic", "upgrade", "head")
    assert migrated.returncode == 0, migrated.stderr
    return app


class Server(NamedTuple):
    process: subprocess.Popen[str]
    url: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)


@pytest.fixture(scope="module")
def served(todo: App) -> Iterator[Server]:
    server = _serve(todo)
    yield server
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=600)


def _serve(app: App, **changes: str) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [str(app.python), "-m", "uvicorn", "app.main:app", "--port", str(port), "--timeout-graceful-shutdown", "10"]
    with (app.folder / "server.log").open("w") as log:
        environment = {**app.environment, **changes}
        process = subprocess.Popen(argv, cwd=app.folder, env=environment, stdout=log, stderr=log, text=True)
    server = Server(process, f"http://127.0.0.1:{port}")
    for _ in range(200):
        try:
            httpx.get(f"{server.url}/health")
        except httpx.TransportError:
            assert process.poll() is None, (app.folder / "server.log").read_text()
            time.sleep(0.05)
        else:
            return server
    pytest.fail("the app does not answer")


@pytest.mark.parametrize(
    "feature",
    [pytest.param(example(name), id=name) for name in ("todo-lists", "room-bookings", "journal", "kitchen-sink")]
    + [pytest.param(everything(), id="everything")],
)
def test_the_app_answers_what_was_planned(feature: Feature, tmp_path: Path, python: Path) -> None:
    built = build(feature)
    write(built.files, tmp_path)
    app = App(tmp_path, python, {"ENVIRONMENT": "test"})
    describe = "import json; from app.main import app; print(json.dumps(app.openapi()))"
    described = app.run("-W", "error", "-c", describe)
    assert described.returncode == 0, described.stderr
    document = json.loads(described.stdout)
    assert compare(built.endpoints, document) == []
    assert list(differences(api_contract(feature), document)) == []


def test_the_app_is_clean_and_typed(tmp_path: Path, python: Path) -> None:
    write(build(everything()).files, tmp_path)
    app = App(tmp_path, python, {"PATH": os.environ["PATH"]})
    for tool in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy", "app", "tests")):
        ran = app.run("-m", *tool)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_apps_own_unit_tests_pass(todo: App) -> None:
    ran = todo.run("-m", "pytest", "-q", "tests/unit")
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL must be set in production"),
        ({"JWT_SECRET": ""}, "JWT_SECRET must be set in production"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET: needs at least 32 characters"),
    ],
)
def test_production_does_not_start_incomplete_and_says_why(todo: App, changes: dict[str, str], said: str) -> None:
    ran = todo.run("-c", "import app.main", ENVIRONMENT="production", **changes)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_session_from_registering_to_signing_out(served: Server) -> None:
    with served.client() as client:
        account = client.post("/api/v1/auth/register", json=ADA)
        assert account.status_code == 201
        assert account.json()["email"] == "ada@example.com"
        assert client.post("/api/v1/auth/register", json=ADA).json()["error"]["details"] == [
            {"field": "email", "message": "is already taken"}
        ]
        signed_in = client.post("/api/v1/auth/login", json={"email": "ADA@example.com", "password": ADA["password"]})
        cookie = signed_in.headers["set-cookie"].lower()
        assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/api/v1/auth", "max-age=1209600"))
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        assert client.get("/api/v1/auth/me", headers=bearer).json() == account.json()

        refreshed = client.post("/api/v1/auth/refresh")
        assert refreshed.status_code == 200
        assert refreshed.json()["access_token"] != signed_in.json()["access_token"]
        refresh_token = client.cookies["refresh_token"]
        misused = {"Authorization": f"Bearer {refresh_token}"}
        assert client.get("/api/v1/auth/me", headers=misused).status_code == 401

        assert client.post("/api/v1/auth/logout", headers=bearer).status_code == 204
        assert "refresh_token" not in client.cookies
        assert client.get("/api/v1/auth/me", headers=bearer).status_code == 401
        client.cookies.set("refresh_token", refresh_token)
        assert client.post("/api/v1/auth/refresh").status_code == 401


def test_a_wrong_password_and_an_unknown_account_are_answered_alike(served: Server) -> None:
    with served.client() as client:
        answers = [
            client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"}).json()["error"]
            for email in (ADA["email"], "nobody@example.com")
        ]
    assert answers[0]["message"] == answers[1]["message"]


def test_an_operator_makes_an_account_an_administrator(todo: App, served: Server) -> None:
    grace = ADA | {"email": "grace@example.com"}
    with served.client() as client:
        client.post("/api/v1/auth/register", json=grace)
        assert todo.run("-m", "app.manage", "promote", "Grace@example.com").returncode == 0
        token = client.post("/api/v1/auth/login", json={k: grace[k] for k in ("email", "password")}).json()[
            "access_token"
        ]
        assert client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).json()["role"] == "admin"
    refused = todo.run("-m", "app.manage", "promote", "nobody@example.com")
    assert refused.returncode == 1
    assert "nobody@example.com" in refused.stderr


def test_no_secret_reaches_the_log(todo: App, served: Server) -> None:
    with served.client() as client:
        answer = client.post("/api/v1/auth/login", json={k: ADA[k] for k in ("email", "password")})
    log = (todo.folder / "server.log").read_text()
    assert '"path": "/api/v1/auth/login"' in log
    for secret in (ADA["password"], SECRET, answer.json()["access_token"], answer.cookies["refresh_token"]):
        assert secret not in log


def test_what_is_stored_and_what_is_refused_by_the_database(served: Server) -> None:
    with served.client() as client:
        token = client.post("/api/v1/auth/login", json={k: ADA[k] for k in ("email", "password")}).json()[
            "access_token"
        ]
        client.headers["Authorization"] = f"Bearer {token}"
        made = client.post("/api/v1/todo-lists", json={"name": "Groceries"})
        assert made.status_code == 201
        assert client.get(made.headers["location"]).json() == made.json()
        twice = client.post("/api/v1/todo-lists", json={"name": "Groceries"})
        assert twice.status_code == 409
        assert [detail["field"] for detail in twice.json()["error"]["details"]] == ["name"]
        stray = client.post("/api/v1/todos", json={"todo_list_id": 999_999, "title": "Milk"})
        assert stray.status_code == 400
        assert [detail["field"] for detail in stray.json()["error"]["details"]] == ["todo_list_id"]


def test_a_request_under_way_is_finished_before_the_app_stops(todo: App) -> None:
    server = _serve(todo)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        body = json.dumps({"email": "late@example.com", "password": "wrong"}).encode()
        lines = ("POST /api/v1/auth/login HTTP/1.1", "Host: app", "Content-Type: application/json")
        connection.sendall("\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode())
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 401")
    server.process.wait(timeout=600)
    assert '"event": "stopped"' in (todo.folder / "server.log").read_text()
