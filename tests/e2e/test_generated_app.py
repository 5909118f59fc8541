"""The generated app, started by its own README on an empty database, used through its API and in a real browser."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from agents.checks.environments.node import find_node
from orchestrator.storage.home import cache_folder
from tests.support.browser import Browser, find_browser
from tests.support.running_app import Built, free_port, serving

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert('hello')</script> & 日本語 🧑‍🚀"
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the API and the frontend answer."""

    api: str
    web: str


@pytest.fixture(scope="module")
def site(todo: Built, app_database: str, baton_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The todo app, both halves of it, run with the commands of its README."""
    app = shutil.copytree(todo.workspace, tmp_path_factory.mktemp("started") / "app")
    api, web = (f"http://localhost:{free_port()}" for _ in range(2))
    node = asyncio.run(find_node(cache_folder(baton_home)))
    path = f"{Path(sys.executable).parent}:{node.bin}:{os.environ['PATH']}"
    env = {"DATABASE_URL": app_database, "JWT_SECRET": "a secret for this test alone, long enough", "PATH": path}
    backend, frontend = readme_commands((app / "README.md").read_text(encoding="utf-8"))
    with (
        serving(f"{backend} --port {api.rpartition(':')[2]}", app, f"{api}/health", env),
        serving(f"{frontend} -- --port {web.rpartition(':')[2]} --strictPort", app, web, {**env, "API_URL": api}),
    ):
        yield Site(api, web)


def readme_commands(readme: str) -> tuple[str, str]:
    """Return what the README says to type: with uv for the backend, and for the frontend."""
    block = re.search(r"With uv:\n\n```sh\n(.*?)\n```", readme, re.DOTALL)
    frontend = re.search(r"The frontend runs beside it[^`]*`([^`]*)`", readme)
    assert block
    assert frontend
    return " && ".join(block[1].splitlines()), frontend[1]


@contextmanager
def signed_in(api: str, email: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{api}/api/v1") as client:
        account = {"email": email, "name": "Ada", "password": PASSWORD}
        assert client.post("/auth/register", json=account).status_code == 201
        session = client.post("/auth/login", json={"email": email, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        yield client


def test_the_api_keeps_each_persons_todos(site: Site) -> None:
    with signed_in(site.api, "ada.api@example.com") as ada, signed_in(site.api, "bob.api@example.com") as bob:
        home = ada.post("/todo-lists", json={"name": HOSTILE}).json()
        assert home["name"] == HOSTILE
        todos = [ada.post("/todos", json={"todo_list_id": home["id"], "title": title}).json() for title in "abc"]
        assert ada.patch(f"/todos/{todos[0]['id']}", json={"done": True}).json()["done"] is True
        assert [todo["title"] for todo in ada.get("/todos", params={"done": True}).json()["items"]] == ["a"]
        assert ada.delete(f"/todos/{todos[1]['id']}").status_code == 204
        assert ada.get("/todos").json()["total"] == 2

        assert bob.get("/todos").json()["total"] == 0
        assert bob.get(f"/todos/{todos[0]['id']}").status_code == 404
        assert bob.post("/todos", json={"todo_list_id": home["id"], "title": "mine"}).status_code == 400


@pytest.fixture(scope="module", params=["the machine's", "the package's"])
def chromium(request: pytest.FixtureRequest, baton_home: Path) -> Browser:
    return asyncio.run(find_browser(cache_folder(baton_home), own=request.param == "the package's"))


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, and in containers
        browser = playwright.chromium.launch(
            executable_path=chromium.executable, env=chromium.env or None, args=arguments
        )
        yield browser.new_context(locale="en-GB", timezone_id="UTC")
        browser.close()


def test_two_people_use_the_app_in_a_browser(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(f"a script ran: {dialog.message}"))
    ada, bob = (f"{name}.{uuid.uuid4().hex[:8]}@example.com" for name in ("ada", "bob"))

    sign_up(page, site.web, ada)
    make_list(page, HOSTILE)
    make_todo(page, HOSTILE, "Water the plants")
    make_todo(page, HOSTILE, "Feed the cat", done=True)

    open_collection(page, "Todos")
    table = page.get_by_role("table", name="Todos")
    expect(table.get_by_role("link", name="Water the plants", exact=True)).to_be_visible()
    page.get_by_text("Filters").click()
    page.get_by_label("Done").select_option("Yes")
    page.get_by_role("button", name="Apply").click()
    expect(table.get_by_role("link", name="Feed the cat", exact=True)).to_be_visible()
    expect(table.get_by_role("link", name="Water the plants", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Clear").click()

    page.get_by_role("link", name="Edit Water the plants").click()
    page.get_by_label("Title").fill("")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Title").fill("Water the garden")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status")).to_contain_text("saved")
    todo_address = page.url

    open_collection(page, "Todos")
    page.get_by_role("button", name="Delete Feed the cat").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(table.get_by_role("link", name="Feed the cat", exact=True)).to_have_count(0)
    expect(table.get_by_role("link", name="Water the garden", exact=True)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    sign_up(page, site.web, bob)
    open_collection(page, "Todos")
    expect(page.get_by_text("No todos yet")).to_be_visible()
    page.goto(todo_address)
    expect(page.get_by_text("Water the garden")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site.web}/sign-in")
    page.get_by_label("Email").fill(ada)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Welcome, Ada")).to_be_visible()
    page.goto(todo_address)
    expect(page.get_by_role("heading", name="Water the garden")).to_be_visible()
    assert problems == []


def sign_up(page: Page, web: str, email: str) -> None:
    page.goto(f"{web}/sign-up")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("Welcome, Ada")).to_be_visible()


def open_collection(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()


def make_list(page: Page, name: str) -> None:
    open_collection(page, "Todo lists")
    page.get_by_role("link", name="New todo list").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add todo list").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def make_todo(page: Page, todo_list: str, title: str, *, done: bool = False) -> None:
    open_collection(page, "Todos")
    page.get_by_role("link", name="New todo").first.click()
    page.get_by_label("Todo list").select_option(label=todo_list)
    page.get_by_label("Title").fill(title)
    if done:
        page.get_by_label("Done").check()
    page.get_by_role("button", name="Add todo").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
