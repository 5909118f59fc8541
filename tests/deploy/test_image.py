"""The steps of the Dockerfile, done here: what they install serves, says that it is healthy, and drains at SIGTERM.

An image itself is not built: that needs a container engine. Nothing of this repository is on the path of what runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uv
import yaml

from tests.support.postgres_server import temporary_server

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PATIENCE = 300.0


def instructions() -> list[str]:
    """Return the Dockerfile's instructions, a line each, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class Image:
    """What the build stage made, in a folder of ours."""

    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "opt/baton/bin"

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.root), "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Do the build stage: copy what it copies, run what it runs."""
    root = Path(tempfile.mkdtemp(prefix="baton-image-"))
    root.chmod(0o755)
    source = root / "src"
    source.mkdir()
    for line in instructions()[: _second_stage()]:
        word, _, rest = line.partition(" ")
        if word == "COPY":
            _copy(*rest.split(), to=source)
        elif word == "RUN":
            command = _with_uv(rest).replace("/opt/", f"{root}/opt/")
            (root / "opt").mkdir(exist_ok=True)
            done = subprocess.run(["sh", "-c", command], cwd=source, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    shutil.rmtree(source)
    yield Image(root)
    shutil.rmtree(root)


def _with_uv(command: str) -> str:
    """Return the command with uv in the place of pip, which takes minutes where uv takes what it has in its cache."""
    uv_ = f"{uv.find_uv_bin()} pip install --python"
    return re.sub(r"(\S+)/bin/pip install", rf"{uv_} \1/bin/python", command)


def _second_stage() -> int:
    return [number for number, line in enumerate(instructions()) if line.startswith("FROM")][1]


def _copy(*paths: str, to: Path) -> None:
    *sources, target = paths
    for path in sources:
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, to / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (to / target).mkdir(exist_ok=True)
            shutil.copy(ROOT / path, to / target)


@pytest.fixture
def database() -> Iterator[str]:
    with temporary_server() as server:
        yield server.url("postgres")


@dataclass(frozen=True)
class Served:
    """A running service."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    port: int

    def call(self, name: str, **given: object) -> Any:  # noqa: ANN401 - any JSON
        answer = self.client.post("/api/reasoning_engine", json={"class_method": name, "input": given})
        assert answer.status_code == 200, answer.text
        return answer.json()["output"]

    def events(self, run: str) -> Iterator[dict[str, Any]]:
        body = {"class_method": "events", "input": {"run": run, "after": -1}}
        with self.client.stream("POST", "/api/stream_reasoning_engine", json=body) as answer:
            yield from map(json.loads, answer.iter_lines())

    def healthy(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def served(image: Image, database: str, disk: Path) -> Iterator[Served]:
    """Start the service with the image's own command on a disk of its own."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    disk.mkdir()
    env = image.environment(
        BATON_DATABASE_URL=database,
        BATON_HOME=str(disk),
        BATON_WORKSPACES=str(disk.parent / "workspaces"),
        BATON_ARTIFACTS=str(disk.parent / "bucket"),
        PORT=str(port),
    )
    # How packages are fetched here; nothing that leads to this repository or its environment.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))} | env
    env["HOME"] = str(Path.home())
    command = [str(image.bin / "baton"), *json.loads(instructions()[-1].removeprefix("CMD "))]
    with (
        subprocess.Popen(command, cwd=disk, env=env, stderr=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client,
    ):
        try:
            one = Served(process, client, port)
            deadline = time.monotonic() + PATIENCE
            while not one.healthy() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            assert one.healthy()
            yield one
        finally:
            process.kill()


def test_the_image_ends_as_its_user_with_a_first_process_that_reaps() -> None:
    last = instructions()[_second_stage() :]
    assert "USER 10001:10001" in last
    assert 'ENTRYPOINT ["tini", "--", "baton"]' in last
    assert any("bubblewrap tini" in line and "useradd --uid 10001" in line for line in last)


@pytest.mark.slow
def test_what_the_image_holds_serves_and_hands_its_run_over_at_sigterm(
    image: Image, database: str, tmp_path: Path
) -> None:
    """The check of its health passes; it ends within the Pod's grace period; another instance ends the run."""
    prd = (ROOT / "examples/todo-lists.md").read_text()
    with served(image, database, tmp_path / "one") as first:
        health = next(line for line in instructions() if line.startswith("HEALTHCHECK")).partition("CMD ")[2]
        env = image.environment(PORT=str(first.port))
        assert subprocess.run(json.loads(health), env=env, check=False).returncode == 0
        run = first.call("start", prd=prd, agents=["database-agent"])["run"]
        next(event for event in first.events(run) if event["type"] == "check_started")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(_grace()) in {0, -signal.SIGTERM}
        assert subprocess.run(json.loads(health), env=env, stderr=subprocess.DEVNULL, check=False).returncode == 1
    shutil.rmtree(tmp_path / "workspaces")
    with served(image, database, tmp_path / "two") as second:
        *_, last = second.events(run)
        assert last["type"] == "run_finished"
        assert last["status"] == "completed", second.call("status", run=run)["problems"]
        assert second.call("status", run=run)["resumes"] == 1


def _grace() -> float:
    """Return the seconds that a Pod has between SIGTERM and SIGKILL."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/baton.yaml").read_text())
    pod = next(each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment")
    slept = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    return float(pod["terminationGracePeriodSeconds"] - slept)
