"""The app's methods, called as the platform calls them: by name, from threads and from loops, with JSON."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import io
import json
import pickle
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.checks.errors import ScratchError
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.operations import Reply
from schemas.base import JSON
from tests.support.small_agents import PRD, Compiles, Kit

PUBLISHED = {
    ".claude/handoff/database-agent-output.md",
    ".claude/handoff/feature-prd.md",
    ".claude/handoff/python-backend-agent-output.md",
    ".claude/handoff/test-agent-output.md",
    *(
        f"{word}/{name}"
        for word in ("one", "two", "three")
        for name in ("deep/er/notes.md", "derived.json", "names.py")
    ),
}


def started(app: BatonApp, **given: JSON) -> str:
    begun = app.start(prd=PRD, **given)
    assert begun["status"] == "running", begun
    return str(begun["run"])


def followed(app: BatonApp, run: str, after: int = -1) -> list[Any]:
    return list(app.events(run=run, after=after))


def downloaded(app: BatonApp, run: str, size: int) -> bytes:
    """The archive, put together from parts that are each checked."""
    archive: Any = {"archive": None}
    whole = b""
    while not archive.get("done"):
        archive = app.download(run=run, archive=archive["archive"], offset=len(whole), size=size)
        part = base64.b64decode(archive["data"])
        assert hashlib.sha256(part).hexdigest() == archive["sha256"]
        whole += part
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (archive["total"], archive["archive"])
    return whole


def test_a_prd_becomes_handoffs_and_an_archive(app: BatonApp) -> None:
    run = started(app)
    events = followed(app, run)

    assert [event["n"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"], events[-1]["status"]) == ("run_started", "run_finished", "completed")
    result: Any = app.result(run=run)
    assert (result["status"], len(result["handoffs"])) == ("completed", 3)
    handoffs: Any = app.handoffs(run=run)["handoffs"]
    assert [each["text"].splitlines()[0] for each in handoffs if "feature-prd" not in each["path"]] == ["---"] * 3
    with tarfile.open(fileobj=io.BytesIO(downloaded(app, run, size=500))) as archive:
        assert set(archive.getnames()) == PUBLISHED
        assert {(each.mtime, each.mode, each.uname) for each in archive} == {(0, 0o644, "")}
    known: Any = app.runs()["runs"]
    assert [(each["run"], each["status"]) for each in known] == [(run, "completed")]


async def test_the_awaited_methods_do_the_same(app: BatonApp) -> None:
    begun = await app.async_start(prd=PRD)
    events = [event async for event in app.async_events(run=begun["run"])]

    assert events[-1]["status"] == "completed"
    assert await app.async_result(run=begun["run"]) == app.result(run=begun["run"])


def test_a_question_is_answered_and_the_run_goes_on(app: BatonApp) -> None:
    run = started(app, policy={"approve": "plan"})
    events = followed(app, run)
    waiting: Any = app.status(run=run)

    assert (events[-1]["status"], waiting["status"]) == ("waiting", "waiting")
    assert [question["kind"] for question in waiting["questions"]] == ["approval"]
    assert app.answer(run=run, value="approve")["questions"] == []
    more = followed(app, run, after=events[-1]["n"])
    assert (more[0]["n"], more[-1]["status"]) == (len(events), "completed")


def test_a_rejected_plan_ends_the_run_with_the_reason(app: BatonApp) -> None:
    run = started(app, policy={"approve": "plan"})
    followed(app, run)
    app.approve(run=run, approved=False, reason="too early")
    followed(app, run)

    status: Any = app.status(run=run)
    assert status["status"] == "cancelled"
    assert "rejected: too early" in status["problems"][0]


def test_what_is_wrong_with_an_input_is_told_at_once_and_nothing_begins(app: BatonApp) -> None:
    error: Any = app.start(prd=3, agents="all", nonsense=True)["error"]

    assert (error["code"], error["retryable"]) == ("input_refused", False)
    assert error["message"] == (
        "the input of `start` does not satisfy its contract:\n"
        "  `prd`: Input should be a valid string\n"
        "  `agents`: Input should be a valid array\n"
        "  `nonsense`: Extra inputs are not permitted"
    )
    assert app.runs() == {"runs": []}


def test_whole_numbers_may_come_as_protobuf_sends_them(app: BatonApp) -> None:
    run = started(app)
    everything = followed(app, run)

    assert list(app.events(run=run, after=2.0)) == everything[3:]
    error: Any = next(iter(app.events(run=run, after=2.5)))["error"]
    assert "`after`: Input should be a valid integer" in error["message"]


def test_no_method_raises(app: BatonApp) -> None:
    waiting = started(app, policy={"approve": "plan"})
    followed(app, waiting)

    def code(reply: Reply) -> str:
        error: Any = reply["error"]
        return str(error["code"])

    assert code(app.status(run="20260101-000000-abcdef")) == "run_unknown"
    assert code(next(iter(app.events(run="nobody")))) == "run_unknown"
    assert code(app.answer(run=waiting, value="perhaps")) == "answer_refused"
    refused: Any = app.start(prd="no PRD at all")["error"]
    assert refused["code"] == "handoff_invalid"
    assert "  feature-prd.md:1: this is not the expected kind of file\n" in refused["message"]
    assert code(app.start(prd=PRD, agents=["four-agent"])) == "agent_unknown"
    assert code(app.retry(run=waiting, from_agent="four-agent")) in {"agent_unknown", "run_refused"}
    assert code(app.download(run=waiting, archive="0" * 64)) == "archive_gone"
    assert code(app.start(prd=PRD, policy={"approve": object()})) == "input_refused"


def test_a_run_that_was_given_up_stays_so(app: BatonApp) -> None:
    run = started(app, policy={"approve": "plan"})
    followed(app, run)

    assert app.cancel(run=run)["status"] == "cancelled"
    error: Any = app.answer(run=run, value="approve")["error"]
    assert error["code"] in {"nothing_asked", "run_refused"}


def test_many_requests_at_once_from_threads_and_loops(app: BatonApp) -> None:
    def one(_: int) -> str:
        return str(followed(app, started(app))[-1]["status"])

    async def another() -> str:
        begun = await app.async_start(prd=PRD)
        return [str(event.get("status")) async for event in app.async_events(run=begun["run"])][-1]

    with ThreadPoolExecutor(4) as pool:
        ended = [*pool.map(one, range(4)), *pool.map(lambda _: asyncio.run(another()), range(2))]
    assert ended == ["completed"] * 6


def test_leaving_a_stream_early_harms_nothing(app: BatonApp) -> None:
    run = started(app)
    events = iter(app.events(run=run))
    next(events)
    events.close()  # type: ignore[attr-defined]  # it is a generator

    assert followed(app, run)[-1]["status"] == "completed"


def test_an_app_that_is_copied_or_pickled_is_not_set_up(app: BatonApp) -> None:
    app.set_up()
    for twin in (copy.deepcopy(BatonApp()), pickle.loads(pickle.dumps(BatonApp())), app.clone()):  # noqa: S301 - ours
        assert twin._service is None
        assert twin.register_operations() == app.register_operations()


def test_without_a_database_each_call_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATON_DATABASE_URL", "BATON_CLOUD_SQL", "BATON_LOCAL"):
        monkeypatch.delenv(name, raising=False)
    app = BatonApp()
    app.set_up()

    error: Any = app.runs()["error"]
    assert error["code"] == "not_configured"
    assert "Set BATON_DATABASE_URL" in error["message"]


def test_an_instance_that_ends_says_that_another_one_answers(app: BatonApp) -> None:
    app.set_up()
    app.close()

    error: Any = app.runs()["error"]
    assert (error["code"], error["retryable"]) == ("draining", True)


def test_importing_and_making_an_app_loads_nothing_heavy(tmp_path: Path) -> None:
    program = "import json, sys\nfrom orchestrator.vertex.app import app\nprint(json.dumps(list(sys.modules)))"
    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    heavy = ("langgraph", "langchain", "asyncpg", "google.cloud.", "orchestrator.orchestrator")
    assert [name for name in loaded if name.startswith(heavy)] == []
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Impossible:
    """A check whose tool is not on this machine."""

    name: str = "impossible"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:  # noqa: ARG002 - a check's signature
        raise ScratchError("there is no Node here, and none can be fetched.\nInstall Node 22 or newer.")


def test_a_check_that_cannot_run_is_told_as_not_run_and_never_as_passed(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_WORKSPACES", str(tmp_path / "workspaces"))
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path / "artifacts"))
    kit.checks = {"two": (Compiles("two"), Impossible())}
    app = BatonApp(pipeline=kit.pipeline(), registry=kit.registry())
    run = started(app)
    events = followed(app, run)
    result: Any = app.result(run=run)
    app.close()

    told = [each for each in events if each["type"] == "check_finished" and each["check"] == "impossible"]
    assert [(each["passed"], each["summary"]) for each in told] == [
        (False, "not run: there is no Node here, and none can be fetched.")
    ]
    assert (result["status"], [each["agent"] for each in result["handoffs"]]) == ("failed", ["one-agent"])
    assert "Install Node 22 or newer." in result["problems"][0]


def test_a_run_that_does_not_fit_a_newer_app_is_not_picked_up_and_says_why(app: BatonApp, kit: Kit) -> None:
    run = started(app, policy={"approve": "plan"})
    last = followed(app, run)[-1]["n"]
    app.close()
    newer = BatonApp(pipeline=kit.pipeline().subset(["one-agent"]), registry=kit.registry())
    try:
        refused: Any = newer.approve(run=run)["refused"]
        standing: Any = newer.status(run=run)
        told = followed(newer, run, after=last)
    finally:
        newer.close()
    fitting = app.clone()
    try:
        assert followed(fitting, run)[-1]["status"] == "completed"
    finally:
        fitting.close()

    assert refused["code"] == "run_refused"
    assert "`two-agent`" in refused["message"]
    assert (standing["status"], standing["refused"]) == ("waiting", refused)
    assert [each["error"]["code"] for each in told] == ["run_refused"]


def test_a_prd_is_answered_with_its_text_and_no_file_of_the_instance_is_read(app: BatonApp, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the instance\n")
    begun: Any = app.start(prd="# Feature PRD: Small\n\nThings have names.\n")
    run = begun["run"]
    followed(app, run)
    error: Any = app.answer(run=run, value=str(tmp_path / "secret"))["error"]
    assert error["code"] == "answer_refused"
    assert "with the text of the PRD" in error["message"]
    assert "of the instance\n" not in error["message"]

    app.answer(run=run, value=PRD)
    assert followed(app, run)[-1]["status"] == "completed"


def test_what_needs_files_or_folders_of_the_instance_is_refused(app: BatonApp, tmp_path: Path) -> None:
    policy: JSON = {"outside": ["two-agent"], "model": {"name": "openai:any", "record": str(tmp_path / "record.json")}}
    error: Any = app.start(prd=PRD, policy=policy)["error"]

    assert error["code"] == "input_refused"
    assert "model.record, outside: a caller cannot reach files or folders of the instance" in error["message"]
