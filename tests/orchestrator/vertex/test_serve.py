"""Instances of the app as processes that answer HTTP; one that dies or is drained leaves its run to another."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.vertex.operations import Reply
from schemas.base import JSON
from tests.support.small_agents import PRD, Kit

ROOT = Path(__file__).parents[3]
PATIENCE = 600.0  # seconds; only what hangs takes so long


@dataclass(frozen=True)
class Instance:
    """A process that serves the app."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def call(self, name: str, **given: JSON) -> Any:  # noqa: ANN401 - any JSON
        answer = self.client.post("/api/reasoning_engine", json={"class_method": name, "input": given})
        assert answer.status_code == 200, answer.text
        return answer.json()["output"]

    def events(self, run: str, after: int = -1) -> Iterator[Any]:
        body = {"class_method": "events", "input": {"run": run, "after": after}}
        with self.client.stream("POST", "/api/stream_reasoning_engine", json=body) as answer:
            assert answer.headers["content-type"] == "application/json"
            for line in answer.iter_lines():
                yield json.loads(line)

    def until(self, run: str, kind: str) -> Reply:
        """The first event of a kind; the stream is left there."""
        return next(event for event in self.events(run) if event["type"] == kind)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


@pytest.fixture
def cloud(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database, agents, and a folder for what instances have on their disks."""
    assert kit.skills == tmp_path / "skills"  # where the instances look for them
    monkeypatch.setenv("BATON_WORKSPACES", str(tmp_path / "disk" / "workspaces"))
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path / "bucket"))
    return tmp_path


@contextmanager
def instance(cloud: Path) -> Iterator[Instance]:
    words = [
        sys.executable,
        "-m",
        "tests.orchestrator.vertex.small_app",
        "0",
        str(cloud / "skills"),
        str(cloud / "gate"),
    ]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
                yield Instance(process, client)
        finally:
            process.kill()


def lose_disk(cloud: Path) -> None:
    """The next instance is another machine: nothing of this one's disk is there."""
    shutil.rmtree(cloud / "disk")


@pytest.mark.slow
def test_an_instance_that_is_killed_at_work_is_picked_up_by_another(cloud: Path) -> None:
    with instance(cloud) as first:
        run = first.call("start", prd=PRD)["run"]
        first.until(run, "handoff_published")
        first.process.kill()
        first.ended()
    lose_disk(cloud)
    (cloud / "gate").touch()
    with instance(cloud) as second:
        events = list(second.events(run))
        status = second.call("status", run=run)

    assert [event["n"] for event in events] == list(range(len(events)))
    assert (events[-1]["type"], events[-1]["status"]) == ("run_finished", "completed")
    assert [event["type"] for event in events].count("run_started") == 1
    published = [event["agent"] for event in events if event["type"] == "handoff_published"]
    assert published == ["one-agent", "two-agent", "three-agent"]
    assert (status["status"], status["resumes"], status["live"]) == ("completed", 1, False)


@pytest.mark.slow
def test_sigterm_stops_the_run_and_another_instance_goes_on_by_itself(cloud: Path) -> None:
    with instance(cloud) as first:
        run = first.call("start", prd=PRD)["run"]
        first.until(run, "handoff_published")
        told: list[Any] = []
        following = threading.Thread(target=lambda: told.extend(first.events(run)))
        following.start()
        first.process.send_signal(signal.SIGTERM)
        assert first.ended() in {0, -signal.SIGTERM}
        following.join(PATIENCE)
        assert told[-1].get("status") == "stopped" or told[-1]["error"]["code"] == "draining"
    lose_disk(cloud)
    (cloud / "gate").touch()
    with instance(cloud) as second:
        deadline = time.monotonic() + PATIENCE
        while second.call("runs")["runs"][0]["status"] != "completed" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert second.call("runs")["runs"][0]["status"] == "completed"


@pytest.mark.slow
def test_a_question_of_one_instance_is_answered_at_another(cloud: Path) -> None:
    (cloud / "gate").touch()
    with instance(cloud) as first:
        run = first.call("start", prd=PRD, policy={"approve": "plan"})["run"]
        asked = list(first.events(run))[-1]
        assert asked["status"] == "waiting"
    lose_disk(cloud)
    with instance(cloud) as second:
        second.call("approve", run=run)
        events = list(second.events(run, after=asked["n"]))

    assert events[-1]["status"] == "completed"


@pytest.mark.slow
def test_two_instances_never_do_the_same_run(cloud: Path) -> None:
    with instance(cloud) as first, instance(cloud) as second:
        run = first.call("start", prd=PRD)["run"]
        first.until(run, "handoff_published")
        assert second.call("status", run=run)["resumes"] == 0
        assert second.call("retry", run=run)["error"]["code"] in {"run_busy", "workspace_busy"}
        (cloud / "gate").touch()
        assert list(second.events(run)) == list(first.events(run))
        assert second.call("status", run=run)["resumes"] == 0


@pytest.mark.slow
def test_requests_that_are_none_are_refused_with_what_to_send(cloud: Path) -> None:
    with instance(cloud) as one:
        health = one.client.get("/health")
        unknown = one.client.post("/api/reasoning_engine", json={"class_method": "query", "input": {}})
        streamed = one.client.post("/api/reasoning_engine", json={"class_method": "events", "input": {}})
        broken = one.client.post("/api/reasoning_engine", content=b"{")
        listed = one.client.post("/api/stream_reasoning_engine", json={"class_method": "events", "input": []})
        large = one.client.post("/api/reasoning_engine", content=b"x" * (9 * 1024 * 1024))

    assert (health.status_code, health.json()) == (200, {"ready": True})
    assert (unknown.status_code, streamed.status_code) == (404, 404)
    assert unknown.json()["error"]["message"].startswith("there is no method `query` here; there are: answer, approve,")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "bad_request")
    assert (listed.status_code, large.status_code) == (400, 413)
