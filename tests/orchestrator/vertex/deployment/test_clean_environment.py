"""What is deployed works alone: its archive and its requirements in a clean environment, and nothing else of Baton."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.checks.environments.environments import Environments
from orchestrator.storage.home import cache_folder, home
from orchestrator.storage.postgres import Server
from tests.orchestrator.vertex.deployment.agent_engine import AgentEngine, Json
from tests.orchestrator.vertex.deployment.clean import Platform
from tests.orchestrator.vertex.deployment.conftest import LOCATION, PROJECT, Ran
from tests.support.agent_material import NODE_LOCK, PYTHON_LOCK

Baton = Callable[..., Ran]
pytestmark = pytest.mark.slow
NAME = f"projects/{PROJECT}/locations/{LOCATION}/reasoningEngines/8000000"
TODO = Path(__file__).parents[4] / "examples/todo-lists.md"


async def _prepare(cache: Path) -> None:
    """Install what runs need: an instance has none of the settings by which this machine reaches a registry."""
    environments = Environments(cache)
    try:
        await environments.python(PYTHON_LOCK)
        await environments.node(NODE_LOCK)
    finally:
        await environments.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the environment is installed, once, and what runs download is shared."""
    folder = tmp_path_factory.mktemp("platform")
    cache = cache_folder(home())
    cache.mkdir(parents=True, exist_ok=True)
    asyncio.run(_prepare(cache))
    (folder / "home").mkdir()
    (folder / "home/cache").symlink_to(cache)
    return folder


@pytest.fixture
def platform(root: Path, service: AgentEngine, server: Server) -> Iterator[Platform]:
    platform = Platform(root, secrets={"baton-database": server.database})
    service.open_app = platform.open_app
    yield platform
    platform.close()


def deploy(baton: Baton, root: Path) -> Ran:
    variables = {"HOME": "home", "ARTIFACTS": "artifacts", "WORKSPACES": "workspaces"}
    env = [word for key, folder in variables.items() for word in ("--env", f"BATON_{key}={root / folder}")]
    return baton("deploy", "vertex", "--secret", "BATON_DATABASE_URL=baton-database:latest", *env)


def test_every_declared_method_takes_and_returns_json(
    service: AgentEngine, platform: Platform, baton: Baton, root: Path
) -> None:
    deployed = deploy(baton, root)
    assert deployed.code == 0, deployed.err
    (instance,) = platform.instances
    assert all(str(found).startswith(str(platform.source)) for found in instance.found.values())
    declared = {each["name"]: each for each in service.engines[NAME]["spec"]["classMethods"]}
    called: set[str] = set()

    def ask(method: str, **given: Json) -> dict[str, Any]:
        called.add(method)
        if "stream" in declared[method]["api_mode"]:
            reply: dict[str, Any] = [*instance.stream(method, given)][-1]
        else:
            reply = instance.call(method, given)
        assert "error" not in reply, reply
        return reply

    for prefix in ("", "async_"):
        run = ask(f"{prefix}start", prd=TODO.read_text(), policy={"approve": "plan"})["run"]
        assert ask(f"{prefix}events", run=run)["status"] == "waiting"
        (question,) = ask(f"{prefix}status", run=run)["questions"]
        ask(f"{prefix}answer", run=run, question=question["id"], value="reject: not yet")
        ask(f"{prefix}events", run=run, after=2)
        ask(f"{prefix}retry", run=run)
        ask(f"{prefix}events", run=run)
        ask(f"{prefix}approve", run=run, approved=False, reason="still not")
        ask(f"{prefix}events", run=run)
        assert ask(f"{prefix}result", run=run)["status"] == "cancelled"
        assert ask(f"{prefix}handoffs", run=run)["handoffs"] == []
        assert ask(f"{prefix}runs", limit=1)["runs"][0]["run"] == run
        assert ask(f"{prefix}download", run=run)["done"] is True
        ask(f"{prefix}capabilities")
        run = ask(f"{prefix}start", prd=TODO.read_text(), policy={"approve": "plan"}, agents=["database-agent"])["run"]
        ask(f"{prefix}events", run=run)
        assert ask(f"{prefix}cancel", run=run)["status"] == "cancelled"
    assert called == set(declared)


def test_it_completes_the_todo_prd_with_a_question_on_the_way_and_an_instance_killed(
    service: AgentEngine, platform: Platform, baton: Baton, root: Path, tmp_path: Path
) -> None:
    assert deploy(baton, root).code == 0
    (first,) = platform.instances
    to_app = ("--engine", NAME, "--workspace", str(tmp_path / "app"))

    waiting = baton("remote", "run", str(TODO), *to_app, "--approve", "plan", "--json")
    run = str(waiting.lines[-1]["run"])
    answered = baton("remote", "answer", run, "approve", "--engine", NAME)
    killer = threading.Thread(target=_kill_after_a_handoff, args=(service, platform, run))
    killer.start()
    done = baton("remote", "follow", run, *to_app, "--json")
    killer.join()

    assert waiting.code == 3, waiting.err
    assert answered.code == 0, answered.err
    assert done.code == 0, done.err
    assert first.process.returncode == -9
    result = done.lines[-1]
    assert result["status"] == "completed"
    agents = [str(each["agent"]) for each in done.lines if each["type"] == "handoff_published"]
    assert agents == ["database-agent", "python-backend-agent", "frontend-agent", "test-agent"]
    files = result["files"]
    assert isinstance(files, dict)
    assert all((tmp_path / "app" / path).is_file() for path in files)
    handoffs = sorted((tmp_path / "app/.claude/handoff").glob("*-agent-output.md"))
    checked = baton("handoff", "check", *map(str, handoffs))
    assert (len(handoffs), checked.code) == (4, 0), checked.err


def _kill_after_a_handoff(service: AgentEngine, platform: Platform, run: str) -> None:
    """Kill the instance at work once it has published something, and have another one answer."""
    first = platform.instances[0]
    for event in first.stream("events", {"run": run}):
        if event.get("type") == "handoff_published":
            break
    service.apps[NAME] = platform.instance()
    first.kill()
