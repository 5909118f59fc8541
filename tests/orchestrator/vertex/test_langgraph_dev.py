"""The real `langgraph dev`, in an environment of its own: its packages want older ones than ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uv

from tests.support.small_agents import PRD, Kit

ROOT = Path(__file__).parents[3]
SERVER = "langgraph-cli[inmem]==0.4.40"
PATIENCE = 600.0  # seconds; only what hangs takes so long


@pytest.fixture
def url(kit: Kit, tmp_path: Path) -> Iterator[str]:
    """A server with the project's own graph, as `langgraph.json` names it, and one of small agents."""
    named = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["phase14"].removeprefix("./")
    graphs = {"phase14": f"{ROOT}/{named}", "small": f"{ROOT}/tests/orchestrator/vertex/small_langgraph.py:graph"}
    (tmp_path / "langgraph.json").write_text(json.dumps({"dependencies": [str(ROOT)], "graphs": graphs}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["dev", "--no-browser", "--no-reload", "--allow-blocking", "--port", str(port)]
    environment = {
        **os.environ,
        "SKILLS": str(kit.skills),
        "PYTHONPATH": str(ROOT),
        "LANGSMITH_TRACING": "false",
        "BATON_WORKSPACES": str(tmp_path / "workspaces"),
        "BATON_ARTIFACTS": str(tmp_path / "artifacts"),
    }
    program = installed(tmp_path / "venv") / "langgraph"
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *words], cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield until_it_answers(f"http://127.0.0.1:{port}", tmp_path / "server.log")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def installed(venv: Path) -> Path:
    """An environment with the server and this project; its programs' folder."""
    run = [uv.find_uv_bin(), "--quiet"]
    subprocess.run([*run, "venv", "--python", sys.executable, str(venv)], check=True)
    subprocess.run([*run, "pip", "install", "--python", str(venv / "bin" / "python"), SERVER, "-e", ROOT], check=True)
    return venv / "bin"


def until_it_answers(url: str, log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ok", trust_env=False).status_code == 200:
                return url
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.slow
def test_it_shows_the_nodes_and_answers_a_run_that_asks(url: str) -> None:
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as server:

        def post(path: str, **body: Any) -> Any:  # noqa: ANN401 - any JSON
            answer = server.post(path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        assistants = {each["graph_id"]: each["assistant_id"] for each in post("/assistants/search")}
        shown = server.get(f"/assistants/{assistants['phase14']}/graph").json()
        thread = post("/threads")["thread_id"]
        asked = post(
            f"/threads/{thread}/runs/wait", assistant_id="small", input={"prd": PRD, "policy": {"approve": "plan"}}
        )
        done = post(f"/threads/{thread}/runs/wait", assistant_id="small", command={"resume": "approve"})

    assert {"intake", "database-agent", "python-backend-agent", "frontend-agent", "test-agent"} <= {
        node["id"] for node in shown["nodes"]
    }
    (question,) = [each["value"]["question"] for each in asked["__interrupt__"]]
    assert question["options"] == ["approve", "reject"]
    assert (done["status"], done["three-agent outcome"]["status"]) == ("completed", "published")
