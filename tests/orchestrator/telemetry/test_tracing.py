"""Runs as OpenTelemetry traces: by a provider of the program's own, and over HTTP to a collector on this machine."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GEN_AI_AGENT_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import NoOpTracerProvider, StatusCode

from orchestrator import Orchestrator
from orchestrator.records.events import (
    CheckFinished,
    CheckStarted,
    Event,
    HandoffPublished,
    QuestionAsked,
    RunFinished,
    RunResumed,
    RunStarted,
    SkillFinished,
    SkillStarted,
    StepFinished,
    StepRetried,
    StepStarted,
    WorkReturned,
)
from orchestrator.telemetry import spans
from orchestrator.telemetry.observers import Observing
from orchestrator.telemetry.trace_ids import first_span_id, trace_id
from orchestrator.telemetry.tracing import TracingRefused, begin_tracing, exporters
from schemas.errors import InputError
from skills.model.budget import Spending
from tests.support.small_agents import Compiles, Kit

ROOT = Path(__file__).parents[3]
PLANTED = "pl4nted-in-a-trace"


def provider() -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(memory))
    return made, memory


def engine(kit: Kit, workspace: Path, to: TracerProvider | None = None) -> Orchestrator:
    return Orchestrator(workspace, pipeline=kit.pipeline(), registry=kit.registry(), tracer_provider=to)


def tree(finished: Sequence[ReadableSpan]) -> dict[str, str | None]:
    """Return the name of each span's parent by the span's own; the parts of steps are named with their step."""
    names = {span.context.span_id: span.name for span in finished if span.context}
    found = {}
    for span in finished:
        parent = names[span.parent.span_id] if span.parent else None
        found[f"{parent}/{span.name}" if parent and parent != "run" else span.name] = parent
    return found


def told(events: Sequence[Event], *, run: str = "run 1", to: TracerProvider | None = None) -> Sequence[ReadableSpan]:
    """Return the spans of events."""
    made, memory = provider()
    observer = Observing(to or made).run(run)
    for event in events:
        observer(event)
    return memory.get_finished_spans()


def moments(*events: Event) -> list[Event]:
    """Return events that happen a second after each other."""
    return [event.model_copy(update={"at": events[0].at + timedelta(seconds=n)}) for n, event in enumerate(events)]


def by_name(finished: Sequence[ReadableSpan]) -> dict[str, ReadableSpan]:
    return {span.name: span for span in finished}


STARTED = RunStarted(run="run 1", title="Shop", workspace="/w")


# ---- spans ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_run_is_one_trace_of_steps_with_their_skills_guards_and_checks(kit: Kit, tmp_path: Path) -> None:
    to, memory = provider()
    async with engine(kit, tmp_path / "shop", to) as running:
        run = await running.start(tmp_path / "prd.md")
        result = await run.result()
        events = [event async for event in run.events()]
    finished = memory.get_finished_spans()

    expected: dict[str, str | None] = {"run": None}
    for word in ("one", "two", "three"):
        step = f"step {word}-agent"
        parts = (f"skill make-{word}", "guard no-word", "check compiles")
        expected |= {step: "run"} | {f"{step}/{part}": step for part in parts}
    assert tree(finished) == expected
    assert {span.context.trace_id for span in finished if span.context} == {trace_id(run.id)}
    assert {span.status.status_code for span in finished} == {StatusCode.UNSET}

    root = by_name(finished)["run"]
    assert dict(root.attributes or {}) == {
        "baton.run.id": run.id,
        "baton.run.title": result.title,
        "baton.run.workspace": str(tmp_path / "shop"),
        "baton.run.status": "completed",
        "baton.plan.agents": ("one-agent", "two-agent", "three-agent"),
        "baton.plan.gaps": 0,
    }
    step_span = by_name(finished)["step two-agent"]
    assert dict(step_span.attributes or {}) == {
        "gen_ai.agent.name": "two-agent",
        "baton.step.status": "published",
        "baton.files": 3,
    }
    assert [event.name for event in step_span.events] == ["handoff published"]
    began = next(event.at for event in events if isinstance(event, StepStarted) and event.agent == "two-agent")
    ended = next(event for event in events if isinstance(event, StepFinished) and event.agent == "two-agent")
    assert step_span.start_time == spans._ns(began)
    assert step_span.end_time == spans._ns(began + timedelta(seconds=ended.seconds))


@pytest.mark.slow
async def test_what_failed_is_an_error_with_its_reason_and_no_secret(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    kit.checks["two"] = (replace(Compiles("two"), code=f"raise SystemExit('it is {PLANTED}')"),)
    to, memory = provider()
    async with engine(kit, tmp_path / "shop", to) as running:
        await (await running.start(tmp_path / "prd.md")).result()
    finished = memory.get_finished_spans()

    failed = {span.name: span for span in finished if span.status.status_code is StatusCode.ERROR}
    assert {name: (span.attributes or {})["error.type"] for name, span in failed.items()} == {
        "check compiles": "check_failed",
        "step two-agent": "step_failed",
        "run": "run_failed",
    }
    assert failed["check compiles"].status.description == "it does not compile"
    assert "it is [redacted]" in str(failed["step two-agent"].status.description)
    assert "it is [redacted]" in str(failed["run"].status.description)
    assert PLANTED not in "".join(span.to_json() for span in finished)


@pytest.mark.slow
async def test_a_fault_of_batons_own_is_an_exception_of_the_run(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)

    @dataclass(frozen=True)
    class Faulty(Compiles):
        async def run(self, *_: object) -> Any:  # noqa: ANN401
            raise KeyError(PLANTED)

    kit.checks["two"] = (Faulty("two"),)
    to, memory = provider()
    async with engine(kit, tmp_path / "shop", to) as running:
        await (await running.start(tmp_path / "prd.md")).result()

    (exception,) = by_name(memory.get_finished_spans())["run"].events
    assert exception.name == "exception"
    assert dict(exception.attributes or {}) == {"exception.type": "KeyError", "exception.message": "'[redacted]'"}


@pytest.mark.slow
async def test_a_run_that_is_gone_on_with_joins_its_trace(kit: Kit, tmp_path: Path) -> None:
    """By another engine, with a provider of its own."""
    broken = kit.checks["two"] = (replace(Compiles("two"), code="raise SystemExit(1)"),)
    first, before = provider()
    async with engine(kit, tmp_path / "shop", first) as running:
        run = await running.start(tmp_path / "prd.md")
        await run.result()
    del kit.checks["two"]
    assert broken
    second, after = provider()
    async with engine(kit, tmp_path / "shop", second) as running:
        assert (await (await running.retry(run.id)).result()).status == "completed"

    earlier, later = by_name(before.get_finished_spans())["run"], by_name(after.get_finished_spans())["run"]
    assert earlier.parent is None
    assert earlier.context is not None
    assert later.parent is not None
    assert (later.parent.trace_id, later.parent.span_id) == (earlier.context.trace_id, earlier.context.span_id)
    assert (later.attributes or {})["baton.run.reason"] == "retried"
    assert {span.context.trace_id for span in after.get_finished_spans() if span.context} == {trace_id(run.id)}
    assert "step two-agent" in by_name(after.get_finished_spans())
    assert "step one-agent" not in by_name(after.get_finished_spans())


def test_a_killed_runs_step_that_goes_on_without_a_beginning_has_its_seconds() -> None:
    """The process that resumes it may tell of an end whose beginning another process told of."""
    resumed = RunResumed(run="run 1", reason="resumed")
    finished = told(moments(resumed, StepFinished(agent="one", status="published", seconds=0.25)))

    (step,) = [span for span in finished if span.name == "step one"]
    assert step.start_time is not None
    assert step.end_time is not None
    assert step.end_time - step.start_time == 250_000_000


def test_a_clock_that_jumps_back_makes_no_span_end_before_it_began() -> None:
    events: list[Event] = [
        STARTED,
        StepStarted(agent="one", at=STARTED.at),
        CheckStarted(agent="one", check="mypy", at=STARTED.at),
        CheckFinished(
            agent="one", check="mypy", passed=True, summary="", seconds=2, at=STARTED.at - timedelta(hours=1)
        ),
        StepFinished(agent="one", status="published", seconds=3, at=STARTED.at - timedelta(hours=1)),
        RunFinished(status="completed", seconds=4, at=STARTED.at - timedelta(hours=1)),
    ]

    seconds = {span.name: ((span.end_time or 0) - (span.start_time or 0)) / 1e9 for span in told(events)}

    assert seconds == {"check mypy": 2, "step one": 3, "run": 4}


def test_a_step_tells_of_retries_and_what_they_interrupted() -> None:
    finished = told(
        moments(
            STARTED,
            StepStarted(agent="one"),
            SkillStarted(agent="one", skill="make"),
            StepRetried(agent="one", attempt=1, problem="the server is gone: postgresql://a:pw0rd@h/", wait=2.0),
            HandoffPublished(agent="one", path="h.md", sha256="ab"),
            QuestionAsked(question="q-1", node="one", kind="approval", text="Shall it?"),
            StepFinished(agent="one", status="waiting", seconds=6),
            RunFinished(status="waiting", seconds=7),
        )
    )
    names = by_name(finished)

    assert (names["skill make"].attributes or {})["baton.interrupted"] is True
    retry, handoff = names["step one"].events
    assert dict(retry.attributes or {}) == {
        "baton.attempt": 1,
        "baton.problem": "the server is gone: postgresql://a:[redacted]@h/",
        "baton.wait": 2.0,
    }
    assert dict(handoff.attributes or {}) == {"baton.handoff.path": "h.md", "baton.handoff.sha256": "ab"}
    assert [event.name for event in names["run"].events] == ["question asked"]
    assert {span.status.status_code for span in finished} == {StatusCode.UNSET}


def test_a_skill_that_a_model_did_says_what_it_took_and_how_often_it_came_back() -> None:
    spent = Spending(calls=2, input_tokens=30, output_tokens=4, money=Decimal("0.25"))
    finished = told(
        moments(
            STARTED,
            StepStarted(agent="one"),
            SkillStarted(agent="one", skill="make"),
            SkillFinished(agent="one", skill="make", files=1, seconds=1, model="a:b", spent=spent),
            WorkReturned(agent="one", skills=("make",), round=1, problems=("too long",)),
            StepFinished(agent="one", status="published", seconds=2),
        )
    )
    names = by_name(finished)
    attributes = names["skill make"].attributes or {}
    assert {name: attributes[name] for name in attributes if "model" in name or "usage" in name} == {
        "gen_ai.request.model": "a:b",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 4,
        "baton.model.calls": 2,
        "baton.model.dollars": 0.25,
    }
    (back,) = names["step one"].events
    assert dict(back.attributes or {}) == {"baton.round": 1, "baton.problem": "too long"}


async def test_spans_of_a_run_that_nobody_ended_are_ended_with_the_engine() -> None:
    to, memory = provider()
    observing = Observing(to)
    observer = observing.run("run 1")
    for event in moments(STARTED, StepStarted(agent="one")):
        observer(event)
    assert memory.get_finished_spans() == ()
    await observing.close()

    assert {span.name: (span.attributes or {})["baton.interrupted"] for span in memory.get_finished_spans()} == {
        "step one": True,
        "run": True,
    }


def test_runs_beside_each_other_have_a_trace_each() -> None:
    to, memory = provider()
    observing = Observing(to)
    observers = [observing.run(f"run {number}") for number in range(3)]
    for event in (STARTED, StepStarted(agent="one"), StepFinished(agent="one", status="published", seconds=1)):
        for observer in observers:
            observer(event)

    traces = [span.context.trace_id for span in memory.get_finished_spans() if span.context]
    assert traces == [trace_id(f"run {number}") for number in range(3)]


def test_a_resumed_run_is_sampled_as_it_was_before() -> None:
    runs = [f"run {number}" for number in range(40)]
    sampled = []
    for begins in (STARTED, RunResumed(run="", reason="resumed")):
        memory = InMemorySpanExporter()
        to = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.5)), shutdown_on_exit=False)
        to.add_span_processor(SimpleSpanProcessor(memory))
        for run in runs:
            told([begins, RunFinished(status="completed", seconds=1)], run=run, to=to)
        sampled.append({span.context.trace_id for span in memory.get_finished_spans() if span.context})

    assert sampled[0] == sampled[1]
    assert 0 < len(sampled[0]) < len(runs)


def test_other_spans_of_the_same_provider_keep_their_own_ids() -> None:
    to, memory = provider()
    told([STARTED], to=to)
    for name in ("theirs", "theirs, too"):
        with to.get_tracer("theirs").start_as_current_span(name):
            told([STARTED, RunFinished(status="completed", seconds=1)], run=name, to=to)

    spans_of = by_name([span for span in memory.get_finished_spans() if span.name != "run"])
    assert len({span.context.trace_id for span in spans_of.values() if span.context}) == 2
    ours = [span.context for span in memory.get_finished_spans() if span.name == "run" and span.context]
    assert [context.trace_id for context in ours] == [trace_id("theirs"), trace_id("theirs, too")]
    assert [context.span_id for context in ours] == [first_span_id("theirs"), first_span_id("theirs, too")]


def test_names_are_opentelemetrys_where_it_has_one() -> None:
    assert (spans.AGENT, spans.ERROR) == (GEN_AI_AGENT_NAME, ERROR_TYPE)


async def test_a_provider_that_makes_no_spans_will_do() -> None:
    observing = Observing(NoOpTracerProvider())
    observer = observing.run("run 1")
    for event in (STARTED, RunFinished(status="completed", seconds=1)):
        observer(event)
    await observing.close()


# ---- configuring ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:4318/v1/traces"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"}, ()),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"}, ()),
    ],
)
def test_the_standard_variables_decide(variables: dict[str, str], names: tuple[str, ...]) -> None:
    assert exporters(variables) == names


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "`OTEL_TRACES_EXPORTER` wants `zipkin`; Baton exports traces to `otlp`, `console` or `none`.",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "`OTEL_EXPORTER_OTLP_PROTOCOL` is `grpc`; Baton speaks `http/protobuf` (port 4318).",
        ),
    ],
)
def test_what_baton_does_not_speak_is_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(TracingRefused, match=re.escape(message)):
        begin_tracing(variables)


def test_without_the_packages_the_error_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "orchestrator.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(InputError) as caught:
        begin_tracing({"OTEL_TRACES_EXPORTER": "otlp"})

    assert str(caught.value) == (
        "traces are asked for, but OpenTelemetry is not installed"
        " (`opentelemetry.exporter.otlp.proto.http` is missing). Install it with\n"
        "  pip install 'baton-engine[otel]'\n"
        "or do without: OTEL_TRACES_EXPORTER=none"
    )
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(
        r'^otel = \[.*"opentelemetry-exporter-otlp-proto-http>=.*"opentelemetry-sdk>=', extras, re.MULTILINE
    )


# ---- a collector ------------------------------------------------------------------------------------------------


@dataclass
class Collector:
    """Takes spans by OTLP over HTTP, as a collector does."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        return [
            span for request in self.requests for each in request.resource_spans
            for scope in each.scope_spans for span in scope.spans
        ]  # fmt: skip


@pytest.fixture
def collector() -> Iterator[Collector]:
    taken = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                taken.requests.append(ExportTraceServiceRequest.FromString(body))
                taken.headers.append(dict(self.headers))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


def baton(kit: Kit, tmp_path: Path, *words: str, code: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    given = {name: os.environ[name] for name in ("BATON_HOME", "BATON_DATABASE_URL", "PATH")}
    return subprocess.run(
        [sys.executable, ROOT / "tests/support/small_cli.py", kit.skills, code, *words],
        cwd=tmp_path,
        env={**given, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_the_command_sends_a_run_and_its_retry_to_the_collector(kit: Kit, tmp_path: Path, collector: Collector) -> None:
    otel = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=shop",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "SHOP_TOKEN": PLANTED,
    }
    broken = f"raise SystemExit('it is {PLANTED}')"
    failed = baton(kit, tmp_path, "run", "prd.md", "--workspace", "shop", "--json", code=broken, **otel)
    run = json.loads(failed.stdout.splitlines()[0])["run"]
    retried = baton(kit, tmp_path, "retry", run, **otel, OTEL_SERVICE_NAME="shop builder")

    assert (failed.returncode, retried.returncode) == (1, 0), failed.stderr + retried.stderr
    assert failed.stderr + retried.stderr == ""
    spans = collector.spans()
    assert {span.trace_id for span in spans} == {trace_id(run).to_bytes(16, "big")}
    roots = [span for span in spans if span.name == "run"]
    assert [root.parent_span_id for root in roots] == [b"", first_span_id(run).to_bytes(8, "big")]
    assert [root.status.code for root in roots] == [2, 0]
    assert "it is [redacted]" in roots[0].status.message
    assert [span.name for span in spans if span.name.startswith("step")].count("step two-agent") == 2
    services = [
        attribute.value.string_value
        for request in collector.requests for each in request.resource_spans
        for attribute in each.resource.attributes if attribute.key == "service.name"
    ]  # fmt: skip
    assert set(services) == {"baton", "shop builder"}
    assert {headers["x-team"] for headers in collector.headers} == {"shop"}
    assert PLANTED.encode() not in b"".join(request.SerializeToString() for request in collector.requests)


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
def test_a_collector_that_is_down_costs_one_warning_and_a_few_seconds(
    silent: bool,  # noqa: FBT001
    kit: Kit,
    tmp_path: Path,
) -> None:
    """`silent`: it takes the connection and never answers. Without a limit the exporter would try for much longer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # listens; nobody ever serves
    if not silent:
        server.server_close()
    otel = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://u:{PLANTED}@127.0.0.1:{server.server_port}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
    }
    ran = baton(kit, tmp_path, "run", "prd.md", "--workspace", "shop", **otel)
    server.server_close()

    assert ran.returncode == 0
    assert ran.stderr.startswith("traces are lost, runs are not affected; the collector does not take them: ")
    assert len(ran.stderr.splitlines()) == 1
    assert PLANTED not in ran.stdout + ran.stderr


@pytest.mark.slow
def test_spans_can_be_printed(kit: Kit, tmp_path: Path) -> None:
    ran = baton(kit, tmp_path, "run", "prd.md", "--workspace", "shop", OTEL_TRACES_EXPORTER="console")

    assert ran.returncode == 0
    assert ran.stderr.count('"name": "step ') == 3
    assert '"name"' not in ran.stdout
