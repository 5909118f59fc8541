"""Logs: every record says when, how bad, what and of which run, and no secret gets into one."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from orchestrator.records.events import CheckStarted
from orchestrator.telemetry.logs import Level, bind, configure_from, configure_logging, log, stop_logging
from orchestrator.telemetry.observers import Observer
from schemas.errors import InputError
from tests.support.small_agents import Compiles, Kit

ROOT = Path(__file__).parents[3]
UTC_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
PLANTED = "pl4nted-in-the-logs"


@pytest.fixture(autouse=True)
def no_logging_after() -> Iterator[None]:
    yield
    stop_logging()


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(secret: str) -> None:
    hidden = f"{secret}, a local variable"
    raise ValueError(f"no {secret} here {len(hidden)}")


# ---- records ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_runs_events_are_logged_as_json_with_time_level_run_and_agent(kit: Kit, tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    async with kit.engine(tmp_path / "shop") as engine:
        run = await engine.start(tmp_path / "prd.md")
        await run.result()
        events = [event async for event in run.events()]

    logged = records(stream)
    assert [record["event"] for record in logged] == [event.type for event in events]
    for record, event in zip(logged, events, strict=True):
        assert list(record)[:4] == ["timestamp", "level", "event", "run"]
        assert UTC_ISO.fullmatch(record["timestamp"])
        assert record["timestamp"] == event.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        assert (record["level"], record["run"]) == ("info", run.id)
        assert record.get("agent") == getattr(event, "agent", None)


@pytest.mark.slow
async def test_what_went_wrong_is_logged_as_such(kit: Kit, tmp_path: Path) -> None:
    kit.checks["two"] = (replace(Compiles("two"), code="raise SystemExit('it is broken')"),)
    stream = io.StringIO()
    configure_logging("json", level="warning", stream=stream)
    async with kit.engine(tmp_path / "shop") as engine:
        await (await engine.start(tmp_path / "prd.md")).result()

    logged = records(stream)
    assert [(record["level"], record["event"], record.get("agent")) for record in logged] == [
        ("warning", "check_finished", "two-agent"),
        ("error", "step_finished", "two-agent"),
        ("error", "run_finished", None),
    ]
    assert "it is broken" in logged[1]["problems"][0]


async def test_records_of_runs_that_work_at_once_are_not_mixed_up() -> None:
    """Whoever logs: Baton, or a library by `logging`, in a task or in a thread that the run started."""
    stream = io.StringIO()
    configure_logging("json", stream=stream)

    async def step(name: str) -> None:
        bind(agent=f"agent of {name}")
        for _ in range(3):
            await asyncio.sleep(0)
            log("working", told=name)
            await asyncio.to_thread(logging.getLogger("a.library").warning, "it is %s", name)

    async def run(name: str) -> None:
        bind(run=name)
        await asyncio.create_task(step(name))
        log("over", told=name)

    await asyncio.gather(*(run(f"run {number}") for number in range(5)))
    log("nobody's")

    logged = records(stream)
    assert len(logged) == 5 * 7 + 1
    for record in logged[:-1]:
        name = record.get("told") or record["event"].removeprefix("it is ")
        assert record["run"] == name
        assert record.get("agent") == (None if record["event"] == "over" else f"agent of {name}")
    assert logged[-1].keys() == {"timestamp", "level", "event"}
    assert {(each["logger"], each["level"]) for each in logged if "logger" in each} == {("a.library", "warning")}


def test_an_exception_is_logged_as_data_without_secrets_and_without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    try:
        fail(PLANTED)
    except ValueError as error:
        log("crashed", level="error", error=error)
        logging.getLogger("a.library").exception("it failed with %s", PLANTED)

    assert PLANTED not in stream.getvalue()
    assert "a local variable" not in stream.getvalue().replace('hidden = f\\"{secret}, a local variable\\"', "")
    for record in records(stream):
        (cause,) = record["exception"]
        assert (cause["exc_type"], cause["exc_value"]) == ("ValueError", "no [redacted] here 37")
        assert cause["frames"][-1]["name"] == "fail"
        assert "locals" not in cause["frames"][-1]
        assert record["level"] == "error"


def test_fields_that_say_secret_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    log(f"asked with {PLANTED}", api_key="anything", nested=[{"url": "https://u:pw0rd@h/", "about": PLANTED}])

    (record,) = records(stream)
    assert record["event"] == "asked with [redacted]"
    assert record["api_key"] == "[redacted]"
    assert record["nested"] == [{"url": "https://u:[redacted]@h/", "about": "[redacted]"}]


def test_for_people_a_record_is_one_line_of_key_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    stream = io.StringIO()
    configure_logging("text", stream=stream)
    bind(run="run 1")
    log("working", files=3, about="two words")
    try:
        fail(PLANTED)
    except ValueError as error:
        log("crashed", level="error", error=error)

    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(
        rf"timestamp='{UTC_ISO.pattern}' level='info' event='working' run='run 1' files=3 about='two words'", first
    )
    assert "ValueError: no [redacted] here" in second
    assert "level='error'" in second


# ---- configuring ------------------------------------------------------------------------------------------------


def test_nothing_is_logged_or_configured_before_it_is_asked_for() -> None:
    program = """
import logging, sys
import orchestrator
from orchestrator.records.events import CheckStarted
from orchestrator.telemetry.logs import log
from orchestrator.telemetry.observers import Observer
log("working")
Observer("run")(CheckStarted(agent="a", check="c"))
assert "structlog" not in sys.modules and "opentelemetry" not in sys.modules, "imported"
assert logging.getLogger().handlers == [], "configured"
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_programs_own_structlog_stays_as_it_is() -> None:
    stream, theirs = io.StringIO(), io.StringIO()
    before = structlog.get_config()
    configure_logging("json", stream=stream)
    structlog.wrap_logger(structlog.WriteLogger(theirs)).info("theirs")
    log("ours")

    assert structlog.get_config() == before
    assert "theirs" not in stream.getvalue()
    assert "ours" not in theirs.getvalue()


def test_configuring_again_replaces_and_stopping_ends_it() -> None:
    first, second = io.StringIO(), io.StringIO()
    handlers = logging.getLogger().handlers[:]
    configure_logging("json", stream=first)
    configure_logging("text", stream=second)
    log("once")
    logging.getLogger("a.library").warning("once, too")
    stop_logging()
    log("never")

    assert first.getvalue() == ""
    assert [re.findall("event='([^']*)'", line) for line in second.getvalue().splitlines()] == [["once"], ["once, too"]]
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize(
    ("level", "told"),
    [("debug", ["d", "i", "w", "e"]), ("info", ["i", "w", "e"]), ("warning", ["w", "e"]), ("error", ["e"])],
)
def test_records_below_the_level_are_left_out(level: Level, told: list[str]) -> None:
    stream = io.StringIO()
    configure_logging("json", level=level, stream=stream)
    log("d", level="debug")
    log("i")
    log("w", level="warning")
    log("e", level="error")

    assert [record["event"] for record in records(stream)] == told


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"BATON_LOG": "xml"}, "`BATON_LOG` is `xml`; it may be one of `json`, `text`."),
        (
            {"BATON_LOG": "json", "BATON_LOG_LEVEL": "loud"},
            "`BATON_LOG_LEVEL` is `loud`; it may be one of `debug`, `info`, `warning`, `error`.",
        ),
    ],
)
def test_a_setting_that_there_is_not_is_refused(variables: Mapping[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        configure_from(variables)


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    configure_logging("json", stream=Full())
    logging.getLogger().removeHandler(logging.getLogger().handlers[-1])  # else this one is full, too
    observer = Observer("run 1")
    for _ in range(3):
        observer(CheckStarted(agent="one", check="compiles"))

    assert [record.getMessage() for record in caplog.records] == [
        "what run run 1 does cannot be told: OSError(28, 'No space left on device')"
    ]


# ---- the command line -------------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **more}


def baton(kit: Kit, tmp_path: Path, *words: str, code: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    given = {name: os.environ[name] for name in ("BATON_HOME", "BATON_DATABASE_URL")}
    return subprocess.run(
        [sys.executable, ROOT / "tests/support/small_cli.py", kit.skills, code, *words],
        cwd=tmp_path,
        env=environment(**given, **env),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_the_environment_decides_how_the_command_logs(kit: Kit, tmp_path: Path) -> None:
    quiet = baton(kit, tmp_path, "run", "prd.md", "--workspace", "a")
    as_json = baton(kit, tmp_path, "run", "prd.md", "--workspace", "b", BATON_LOG="json")
    for_people = baton(kit, tmp_path, "run", "prd.md", "--workspace", "c", "--verbose")
    both = baton(
        kit, tmp_path, "run", "prd.md", "--workspace", "d", "--verbose", BATON_LOG="json", BATON_LOG_LEVEL="error"
    )
    wrong = baton(kit, tmp_path, "run", "prd.md", "--workspace", "e", BATON_LOG="xml")

    assert (quiet.returncode, quiet.stderr) == (0, "")
    logged = [json.loads(line) for line in as_json.stderr.splitlines()]
    assert logged[0]["event"] == "run_started"
    assert logged[-1]["event"] == "run_finished"
    assert len({record["run"] for record in logged}) == 1
    assert re.match(rf"timestamp='{UTC_ISO.pattern}' level='info' event='run_started' run='", for_people.stderr)
    assert len(for_people.stderr.splitlines()) == len(logged)
    assert (both.returncode, both.stderr) == (0, "")
    assert wrong.returncode == 2
    assert wrong.stderr == "baton: `BATON_LOG` is `xml`; it may be one of `json`, `text`.\n"
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_fault_of_batons_own_shows_its_traceback_without_secrets(words: list[str]) -> None:
    program = f"""
import sys
from orchestrator.cli import main
def app(): raise KeyError({PLANTED!r})
main.app = app
sys.argv = ["baton", *{words}]
main.main()
"""
    env = environment(SHOP_TOKEN=PLANTED)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    told = "a fault in Baton, not in your input: KeyError: '[redacted]'"
    assert ran.returncode == 1
    assert PLANTED not in ran.stdout + ran.stderr
    assert "line 4, in app\n" in ran.stderr
    if words:
        assert json.loads(ran.stdout)["message"] == told
    else:
        assert ran.stderr.endswith(f"baton: {told}\n")


def test_warnings_of_libraries_show_no_secrets_on_the_command_line() -> None:
    program = f"""
import asyncio, logging
from orchestrator.cli.signals import carry_out
async def work():
    async def fail(): raise ValueError({PLANTED!r})
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    logging.getLogger("a.library").warning("it is %s", {PLANTED!r})
    return 0
carry_out(work())
"""
    env = environment(SHOP_TOKEN=PLANTED)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert "Task exception was never retrieved" in ran.stderr
    assert "ValueError: [redacted]" in ran.stderr
    assert "it is [redacted]" in ran.stderr
    assert PLANTED not in ran.stderr.replace(program, "")
