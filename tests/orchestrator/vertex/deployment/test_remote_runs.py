"""`baton remote`: a run on a deployed engine is shown, asked and brought here as one of this machine is."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import prompt, session
from orchestrator.vertex import remote
from orchestrator.vertex.app import BatonApp
from tests.orchestrator.vertex.deployment.agent_engine import AgentEngine, Fault, Json, problem
from tests.orchestrator.vertex.deployment.conftest import LOCATION, PROJECT, Ran
from tests.support.small_agents import Compiles, Kit

Baton = Callable[..., Ran]
NAME = f"projects/{PROJECT}/locations/{LOCATION}/reasoningEngines/42"
STREAM = ":streamQuery"
pytestmark = pytest.mark.usefixtures("engine")


class InProcess:
    """The app itself; what goes to it and comes from it is JSON."""

    def __init__(self, app: BatonApp) -> None:
        self.app = app

    def call(self, method: str, given: dict[str, Any]) -> Json:
        return json.loads(json.dumps(getattr(self.app, method)(**json.loads(json.dumps(given)))))

    def stream(self, method: str, given: dict[str, Any]) -> Iterator[Any]:
        yield from getattr(self.app, method)(**given)

    def close(self) -> None:
        self.app.close()


@pytest.fixture
def engine(service: AgentEngine, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentEngine]:
    """A deployed engine with the small agents."""
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("BATON_WORKSPACES", str(tmp_path / "instance"))
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(remote, "_BETWEEN_STREAMS", 0.05)
    service.engines[NAME] = {"name": NAME, "displayName": "baton"}
    service.apps[NAME] = InProcess(BatonApp(pipeline=kit.pipeline(), registry=kit.registry()))
    yield service
    service.apps.pop(NAME).close()  # before its database goes


@pytest.fixture
def prd(tmp_path: Path) -> str:
    return str(tmp_path / "prd.md")


def run_of(ran: Ran) -> str:
    return str(next(each["run"] for each in ran.lines if each["type"] == "run_started"))


def numbers(ran: Ran) -> list[str]:
    return [str(each["type"]) for each in ran.lines]


def test_a_run_is_shown_as_it_goes_and_what_it_made_is_brought_here(
    engine: AgentEngine, baton: Baton, prd: str, tmp_path: Path
) -> None:
    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "app"))

    assert ran.code == 0, ran.err
    assert ran.out.startswith("run ")
    assert f" on {NAME}\n" in ran.out
    assert "one-agent: check compiles: passed" in ran.out
    assert f"completed: Small -> {tmp_path / 'app'}" in ran.out
    assert (tmp_path / "app/two/names.py").read_text() == 'NAMES = ["Thing"]\n'
    assert (tmp_path / "app/.claude/handoff/test-agent-output.md").is_file()
    assert engine.sent("POST", ":query")[0].body["classMethod"] == "start"


def test_with_json_it_prints_the_events_of_a_local_run_and_the_result_last(
    baton: Baton, prd: str, tmp_path: Path
) -> None:
    ran = baton("remote", "run", prd, "--engine", "42", "--workspace", str(tmp_path / "app"), "--json")

    assert ran.code == 0, ran.err
    kinds = numbers(ran)
    assert kinds[0] == "run_started"
    assert kinds[-2:] == ["run_finished", "result"]
    assert kinds.count("handoff_published") == 3
    assert ran.lines[-1]["workspace"] == str(tmp_path / "app")


def test_a_question_is_answered_from_here_and_the_run_goes_on(baton: Baton, prd: str, tmp_path: Path) -> None:
    app = str(tmp_path / "app")
    waiting = baton("remote", "run", prd, "--engine", NAME, "--workspace", app, "--approve", "plan", "--json")
    run = run_of(waiting)
    told = baton("remote", "follow", run, "--engine", NAME, "--workspace", app)
    assert not (tmp_path / "app").exists()
    answered = baton("remote", "answer", run, "approve", "--engine", NAME)
    after = str(len(waiting.lines) - 2)  # the last line is the result
    done = baton("remote", "follow", run, "--engine", NAME, "--workspace", app, "--after", after, "--json")

    assert waiting.code == told.code == 3
    assert f"baton remote answer {run} approve --question" in told.out
    assert f"get back with: baton remote follow {run} --engine {NAME}" in told.out
    assert answered.code == 0, answered.err
    assert answered.out == f"answered; the run goes on. Follow it with: baton remote follow {run} --engine {NAME}\n"
    assert done.code == 0, done.err
    assert numbers(done)[0] != "run_started"
    assert (tmp_path / "app/three/names.py").is_file()


def test_on_a_terminal_the_person_is_asked_and_the_run_goes_on(
    engine: AgentEngine, baton: Baton, prd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["y"])

    async def read_line(_prompt: str) -> str:
        return next(typed)

    monkeypatch.setattr(session, "is_attended", lambda *, json: not json)
    monkeypatch.setattr(prompt, "read_line", read_line)

    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "app"))

    assert ran.code == 0, ran.err
    assert prompt.KEYS in ran.out
    assert f"completed: Small -> {tmp_path / 'app'}" in ran.out
    assert [
        each.body["input"]["value"] for each in engine.sent("POST", ":query") if each.body["classMethod"] == "answer"
    ] == ["approve"]


def test_a_stream_that_breaks_off_or_ends_early_loses_no_event_and_shows_none_twice(
    engine: AgentEngine, baton: Baton, prd: str, tmp_path: Path
) -> None:
    engine.stream_lasts = 4
    engine.faults = [Fault(STREAM, times=3, drop="after"), Fault(STREAM, times=1, drop="before")]

    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "app"), "--json")

    assert ran.code == 0, ran.err
    whole = baton("remote", "follow", run_of(ran), "--engine", NAME, "--workspace", str(tmp_path / "app"), "--json")
    assert ran.lines[:-1] == whole.lines[:-1]
    assert len(engine.sent("POST", STREAM)) > 4


def test_texts_with_braces_and_line_ends_of_other_alphabets_come_as_they_are(baton: Baton, tmp_path: Path) -> None:
    prd = tmp_path / "odd.md"
    prd.write_text((tmp_path / "prd.md").read_text().replace("Small", "Curly { and } } } \u2028 \x85 lines"))

    ran = baton("remote", "run", str(prd), "--engine", NAME, "--workspace", str(tmp_path / "app"), "--json")

    assert ran.code == 0, ran.err
    assert ran.lines[0]["title"] == ran.lines[-1]["title"]
    assert "Curly { and } } }" in str(ran.lines[0]["title"])


def test_ctrl_c_leaves_the_run_going_on_and_says_how_to_get_back(
    engine: AgentEngine, baton: Baton, kit: Kit, prd: str, tmp_path: Path
) -> None:
    kit.checks = {"two": (replace(Compiles("two"), code="import time; time.sleep(2); print('fine')"),)}
    engine.apps[NAME] = InProcess(BatonApp(pipeline=kit.pipeline(), registry=kit.registry()))
    engine.faults = [Fault(STREAM, then=lambda: os.kill(os.getpid(), signal.SIGINT))]
    app = str(tmp_path / "app")

    left = baton("remote", "run", prd, "--engine", NAME, "--workspace", app)
    run = left.out.split()[1]
    back = baton("remote", "follow", run, "--engine", NAME, "--workspace", app)

    assert left.code == 130
    assert f"Get back to it with: baton remote follow {run} --engine {NAME}" in left.err
    assert back.code == 0, back.err
    assert (tmp_path / "app/three/names.py").is_file()


def test_a_failed_run_fails_here_too_and_can_be_done_again(
    engine: AgentEngine, baton: Baton, kit: Kit, prd: str, tmp_path: Path
) -> None:
    kit.checks = {"two": (replace(Compiles("two"), code="raise SystemExit('no good')"),)}
    engine.apps[NAME] = InProcess(BatonApp(pipeline=kit.pipeline(), registry=kit.registry()))
    app = str(tmp_path / "app")

    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", app)
    again = baton("remote", "retry", ran.out.split()[1], "--engine", NAME, "--workspace", app)

    assert ran.code == again.code == 1
    assert "no good" in ran.out
    assert f"try again with: baton remote retry {ran.out.split()[1]} --engine {NAME}" in ran.out
    assert (tmp_path / "app/one/names.py").is_file()
    assert not (tmp_path / "app/two").exists()
    assert "two-agent: failed" in again.out
    assert "one-agent: published" not in again.out


def test_files_that_differ_are_not_overwritten_unasked(baton: Baton, prd: str, tmp_path: Path) -> None:
    mine = tmp_path / "app/one/names.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("MINE = True\n")

    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "app"))
    run = ran.out.split()[1]
    kept, others = mine.read_text(), (tmp_path / "app/two").exists()
    forced = baton("remote", "follow", run, "--engine", NAME, "--workspace", str(tmp_path / "app"), "--overwrite")

    assert ran.code == 2
    assert f"1 files in `{tmp_path / 'app'}` differ from those of the run:\n  one/names.py" in ran.err
    assert (kept, others) == ("MINE = True\n", False)
    assert forced.code == 0, forced.err
    assert mine.read_text() == 'NAMES = ["Thing"]\n'


def test_what_the_app_refuses_is_told_as_it_is_here(baton: Baton, prd: str, tmp_path: Path) -> None:
    refused = baton("remote", "run", prd, "--engine", NAME, "--agents", "four-agent")
    unknown = baton("remote", "follow", "no-such-run", "--engine", NAME)
    missing = baton("remote", "run", str(tmp_path / "gone.md"), "--engine", NAME)

    assert refused.code == unknown.code == missing.code == 2
    assert "four-agent" in refused.err
    assert "no-such-run" in unknown.err
    assert f"the PRD `{tmp_path / 'gone.md'}` cannot be read: No such file or directory." in missing.err


def test_a_lost_connection_is_tried_again_for_what_only_looks(
    engine: AgentEngine, baton: Baton, prd: str, tmp_path: Path
) -> None:
    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "one"), "--json")
    engine.faults = [
        Fault(":query", times=2, drop="before"),
        Fault(":query", times=2, status=503, body=problem(503, "UNAVAILABLE", "Busy.")),
    ]

    again = baton("remote", "follow", run_of(ran), "--engine", NAME, "--workspace", str(tmp_path / "two"), "--json")

    assert again.code == 0, again.err
    assert (tmp_path / "two/one/names.py").is_file()


def test_a_used_up_quota_is_waited_for_by_what_only_looks(
    engine: AgentEngine, baton: Baton, prd: str, tmp_path: Path
) -> None:
    ran = baton("remote", "run", prd, "--engine", NAME, "--workspace", str(tmp_path / "one"), "--json")
    full = problem(429, "RESOURCE_EXHAUSTED", "Quota exceeded.")
    engine.faults = [Fault(":query", times=2, status=429, body=full), Fault(STREAM, times=2, status=429, body=full)]

    again = baton("remote", "follow", run_of(ran), "--engine", NAME, "--workspace", str(tmp_path / "two"), "--json")
    engine.faults = [Fault(":query", times=1, status=429, body=full)]
    refused = baton("remote", "run", prd, "--engine", NAME)

    assert again.code == 0, again.err
    assert refused.code == 1
    assert "Quota exceeded." in refused.err


def test_a_start_that_got_no_answer_is_not_sent_twice(engine: AgentEngine, baton: Baton, prd: str) -> None:
    engine.faults = [Fault(":query", drop="after")]

    ran = baton("remote", "run", prd, "--engine", NAME)

    assert ran.code == 1
    assert "no answer from Vertex AI while calling `start`" in ran.err
    assert len(engine.sent("POST", ":query")) == 1


def test_an_engine_that_is_not_there_is_said_not_to_be(baton: Baton, prd: str) -> None:
    ran = baton("remote", "run", prd, "--engine", "43")

    assert ran.code == 1
    assert "does not exist" in ran.err
