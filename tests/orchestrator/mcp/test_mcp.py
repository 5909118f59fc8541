"""`baton mcp` as a coding agent uses it: the SDK's own client, over the pipes of a real process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import psutil
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent

from orchestrator.cli.main import main
from orchestrator.mcp.roots import OutsideWorkspace, Roots
from tests.support.drafts import NOTE, STRUCTURED, recorded
from tests.support.small_agents import PRD, Kit

ROOT = Path(__file__).parents[3]
CLI = Path(__file__).parents[3] / "tests/support/small_cli.py"
PAUSED = {"waiting", "stopped", "failed", "cancelled", "completed", "completed with gaps"}


def text_of(answer: CallToolResult) -> str:
    (block,) = answer.content
    assert isinstance(block, TextContent)
    return block.text


class Agent:
    """A coding agent: calls tools, and holds every answer to the tool's own schema."""

    def __init__(self, client: Client, schemas: Mapping[str, Any]) -> None:
        self._client, self._schemas = client, schemas

    async def call(self, name: str, /, **arguments: object) -> dict[str, Any]:
        answer = await self._client.call_tool(name, arguments)
        assert not answer.is_error, answer.content
        returned: dict[str, Any] = answer.structured_content
        jsonschema_rs.validate(self._schemas[name], returned)
        assert json.loads(text_of(answer)) == returned
        return returned

    async def refused(self, name: str, /, **arguments: object) -> tuple[str, str]:
        """Return the code and the text of the error that a call comes to."""
        answer = await self._client.call_tool(name, arguments)
        assert answer.is_error
        error = answer.structured_content["error"]
        assert text_of(answer) == error["message"]
        return error["code"], error["message"]

    async def paused(self, run: str) -> dict[str, Any]:
        """Wait until a run is over, or waits for somebody."""
        while (now := await self.call("status", run=run, wait_seconds=20))["status"] not in PAUSED:
            pass
        return now


@asynccontextmanager
async def serving(kit: Kit, *roots: Path, code: str = "", options: Sequence[str] = ()) -> AsyncIterator[Agent]:
    """A server with the small agents, and its client."""
    words = [str(CLI), str(kit.skills), code, "mcp", *(word for root in roots for word in ("--workspace", str(root)))]
    words += options
    server = StdioServerParameters(command=sys.executable, args=words, env={**os.environ, "PYTHONPATH": str(ROOT)})
    async with Client(stdio_client(server)) as client:
        tools = (await client.list_tools()).tools
        yield Agent(client, {tool.name: tool.output_schema for tool in tools})


@pytest.fixture
def place(kit: Kit, tmp_path: Path) -> Path:  # noqa: ARG001 - it has the environment point to a database
    """A folder that the server may use, with a PRD in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "prd.md").write_text(PRD)
    return folder


def server_process() -> psutil.Process:
    (found,) = [each for each in psutil.Process().children() if "mcp" in each.cmdline()]
    return found


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - it holds in another process
        await asyncio.sleep(0.05)


# ---- the main road


async def test_an_agent_plans_starts_answers_and_reads_what_was_handed_on(kit: Kit, place: Path) -> None:
    async with serving(kit, place) as agent:
        planned = await agent.call("plan", prd="prd.md")
        assert [each["name"] for each in planned["agents"]] == ["one-agent", "two-agent", "three-agent"]

        started = await agent.call("start", prd="prd.md", workspace="app")
        run = started["run"]
        assert started["workspace"] == str(place / "app")
        waiting = await agent.paused(run)
        assert waiting["status"] == "waiting"
        assert waiting["next"].startswith("Show the questions to your user")
        (question,) = waiting["questions"]
        assert question["text"].endswith("Shall this be built?")
        assert question["options"] == ["approve", "reject"]
        assert not (place / "app/one").exists()

        await agent.call("approve", run=run)
        done = await agent.paused(run)
        assert (done["status"], done["questions"]) == ("completed", [])
        numbers = [each["number"] for each in done["events"]]
        assert numbers == list(range(len(numbers)))
        later = await agent.call("status", run=run, after=numbers[-2])
        assert [each["event"]["type"] for each in later["events"]] == ["run_finished"]

        result = await agent.call("result", run="latest")
        assert result["status"] == "completed"
        assert result["evidence"] == []
        assert (await agent.call("result", run=run, evidence=True))["evidence"]
        listed = (await agent.call("handoffs", run=run))["handoffs"]
        assert [each["agent"] for each in listed] == ["one-agent", "two-agent", "three-agent"]
        read = await agent.call("read_handoff", run=run, contract="python-backend-agent-output")
        assert "# Python Backend Handoff" in read["text"] or "GET /things" in read["text"]
        data = await agent.call("read_handoff", run=run, contract=listed[0]["contract"], form="data")
        assert data["data"]["task"] == "Small"
        (answered,) = (await agent.call("questions", run=run))["questions"]
        assert (answered["answer"], answered["answered_by"]) == ("approve", "person")


async def test_a_rejected_plan_ends_the_run_with_the_reason(kit: Kit, place: Path) -> None:
    async with serving(kit, place) as agent:
        run = (await agent.call("start", prd="prd.md", workspace="app"))["run"]
        await agent.paused(run)
        await agent.call("reject", run=run, reason="too much")
        assert (await agent.paused(run))["status"] == "cancelled"
        assert (await agent.call("result", run=run))["problems"] == ["intake: rejected: too much"]


async def test_a_failed_step_is_asked_about_and_tried_again(kit: Kit, place: Path) -> None:
    flag = place / "fixed"
    code = f"import pathlib; assert pathlib.Path({str(flag)!r}).exists(), 'boom'"
    async with serving(kit, place, code=code) as agent:
        run = (await agent.call("start", prd="prd.md", workspace="app", approve="never"))["run"]
        (question,) = (await agent.paused(run))["questions"]
        assert "boom" in question["text"]
        flag.touch()
        code_, told = await agent.refused("answer", run=run, value="again")
        assert code_ == "answer_refused"
        assert "Choose one of: `retry`, `give up`." in told
        await agent.call("answer", run=run, value="retry")
        assert (await agent.paused(run))["status"] == "completed"


async def test_a_run_that_failed_is_retried(kit: Kit, place: Path) -> None:
    flag = place / "fixed"
    code = f"import pathlib; assert pathlib.Path({str(flag)!r}).exists(), 'boom'"
    async with serving(kit, place, code=code) as agent:
        started = await agent.call("start", prd="prd.md", workspace="app", approve="never", on_failure="fail")
        failed = await agent.paused(started["run"])
        assert (failed["status"], "call `retry`" in failed["next"]) == ("failed", True)
        flag.touch()
        await agent.call("retry", run=started["run"], from_agent="two-agent")
        assert (await agent.paused(started["run"]))["status"] == "completed"


async def test_a_prose_prd_is_asked_about_and_answered_with_a_path_inside(
    kit: Kit, place: Path, tmp_path: Path
) -> None:
    (place / "prose.md").write_text("# Feature PRD: Small\n\nThings have names.\n")
    async with serving(kit, place) as agent:
        run = (await agent.call("start", prd="prose.md", workspace="app", approve="never"))["run"]
        (question,) = (await agent.paused(run))["questions"]
        assert question["kind"] == "prd"
        outside, _ = await agent.refused("answer", run=run, value=str(tmp_path / "prd.md"))
        assert outside == "outside_workspace"
        await agent.call("answer", run=run, value="prd.md")
        assert (await agent.paused(run))["status"] == "completed"


async def test_a_draft_of_a_prose_prd_is_shown_and_approved(kit: Kit, place: Path, tmp_path: Path) -> None:
    (place / "note.md").write_text(NOTE, encoding="utf-8")
    await recorded(kit, tmp_path / "tape", place / "note.md")
    options = ("--model", "ScriptedModel:scripted", "--replay", str(tmp_path / "tape"))
    async with serving(kit, place, options=options) as agent:
        run = (await agent.call("start", prd="note.md", workspace="app", approve="never"))["run"]
        (question,) = (await agent.paused(run))["questions"]
        assert question["kind"] == "draft"
        assert STRUCTURED.rstrip() in question["text"]
        await agent.call("approve", run=run)
        assert (await agent.paused(run))["status"] == "completed with gaps"
        prd = await agent.call("read_handoff", run=run, contract="feature-prd")
        assert prd["text"].endswith(STRUCTURED)


# ---- long runs, and the server's end


SLEEPS = "import pathlib, time; pathlib.Path({flag!r}).touch(); time.sleep(600 if {blocks!r} else 0)"


async def sleeping(agent: Agent, flag: Path) -> str:
    """Start a run whose second agent's tool sleeps; return its id once it does."""
    run = str((await agent.call("start", prd="prd.md", workspace="app", approve="never"))["run"])

    await until(flag.exists)
    return run


async def test_a_run_at_work_is_looked_at_stopped_resumed_and_given_up(kit: Kit, place: Path) -> None:
    flag = place / "asleep"
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=True)) as agent:
        run = await sleeping(agent, flag)
        looked = await agent.call("status", run=run)
        assert (looked["status"], looked["next"]) == ("running", "Call `status` with `wait_seconds`.")
        assert await agent.refused("result", run=run) == (
            "run_unfinished",
            f"run `{run}` has no result yet (running). Call `status` with `wait_seconds`.",
        )
        waited, listed = await asyncio.gather(
            agent.call("status", run=run, wait_seconds=0.5), agent.call("runs")
        )  # one call that waits keeps no other from being answered
        assert (waited["status"], listed["runs"][0]["run"]) == ("running", run)
        assert (await agent.call("stop", run=run))["status"] == "stopped"
        flag.unlink()
        await agent.call("resume", run=run)
        assert (await agent.refused("resume", run=run))[0] == "run_busy"
        assert (await agent.call("cancel", run=run))["status"] == "cancelled"


async def test_when_the_client_goes_its_runs_stop_and_the_next_server_resumes_them(kit: Kit, place: Path) -> None:
    flag = place / "asleep"
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=True)) as agent:
        run = await sleeping(agent, flag)
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=False)) as agent:
        (known,) = (await agent.call("runs"))["runs"]
        assert (known["run"], known["status"]) == (run, "stopped")
        await agent.call("resume", run="latest")
        done = await agent.paused(run)
        assert done["status"] == "completed"
        ones = [each for each in done["events"] if each["event"].get("agent") == "one-agent"]
        assert sum(each["event"]["type"] == "step_started" for each in ones) == 1


async def test_a_server_that_is_killed_loses_no_run(kit: Kit, place: Path) -> None:
    flag = place / "asleep"
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=True)) as agent:
        await sleeping(agent, flag)
        server_process().kill()
        with pytest.raises(MCPError):
            await agent.call("runs")
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=False)) as agent:
        now = await agent.call("status", run="latest")
        assert (now["status"], now["next"]) == ("killed", "Call `resume` to go on.")
        await agent.call("resume", run=now["run"])
        assert (await agent.paused(now["run"]))["status"] == "completed"


async def test_sigterm_ends_a_server_whose_client_says_nothing_and_stops_its_runs(kit: Kit, place: Path) -> None:
    flag = place / "asleep"
    async with serving(kit, place, code=SLEEPS.format(flag=str(flag), blocks=True)) as agent:
        run = await sleeping(agent, flag)
        server = server_process()
        server.send_signal(signal.SIGTERM)

        await until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    async with kit.engine(place / "app") as engine:
        assert (await engine.run(run)).status == "stopped"


# ---- what is refused


async def test_bad_calls_are_told_what_is_wrong(kit: Kit, place: Path) -> None:
    async with serving(kit, place) as agent:
        code, told = await agent.refused("start", prd="prd.md", aprove="never", agents="one-agent")
        assert code == "bad_arguments"
        assert "argument `aprove`: Extra inputs are not permitted, got 'never'" in told
        assert "argument `agents`: Input should be a valid" in told
        assert (await agent.refused("status", run="latest", wait_seconds=1000))[0] == "bad_arguments"
        assert (await agent.refused("start", prd="none.md"))[0] == "prd_missing"
        code, told = await agent.refused("start", prd="prd.md", agents=["two-agnet"])
        assert (code, "did you mean `two-agent`?" in told) == ("agent_unknown", True)
        assert (await agent.refused("status", run="latest"))[0] == "run_unknown"
        assert (await agent.refused("approve", run="nonsense"))[0] == "run_unknown"
        with pytest.raises(MCPError, match="there is no tool `begin`; tools: plan, start"):
            await agent.call("begin")


async def test_nothing_outside_of_the_folders_is_read_written_or_shown(kit: Kit, place: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "prd.md").write_text(PRD)
    (place / "link.md").symlink_to(elsewhere / "prd.md")
    (place / "way").symlink_to(elsewhere)
    async with serving(kit, elsewhere) as agent:
        other = (await agent.call("start", prd="prd.md", workspace="app"))["run"]
        await agent.paused(other)
    async with serving(kit, place) as agent:
        for prd in ("../elsewhere/prd.md", str(elsewhere / "prd.md"), "link.md", "way/prd.md", "a\0b"):
            assert (await agent.refused("start", prd=prd))[0] == "outside_workspace"
        for workspace in ("..", "/tmp", "way/app", "app/../../elsewhere"):  # noqa: S108 - a folder of everybody's
            code, told = await agent.refused("start", prd="prd.md", workspace=workspace)
            assert code == "outside_workspace"
            assert f"outside of what this server may use: `{place}`" in told
        for tool in ("status", "result", "handoffs", "questions", "approve", "cancel", "resume"):
            assert (await agent.refused(tool, run=other))[0] == "run_unknown"
        assert (await agent.call("runs"))["runs"] == []
        assert (await agent.refused("read_handoff", run="latest", contract="feature-prd"))[0] == "run_unknown"
    assert not (elsewhere / "app/one").exists()


async def test_a_handoff_is_named_by_its_contract_and_nothing_else(kit: Kit, place: Path) -> None:
    async with serving(kit, place) as agent:
        run = (await agent.call("start", prd="prd.md", workspace="app"))["run"]
        await agent.paused(run)
        for contract in ("../../prd", "nothing", "feature-prd.md"):
            assert (await agent.refused("read_handoff", run=run, contract=contract))[0] == "contract_unknown"


def test_paths_count_from_the_first_folder_and_every_folder_is_open(tmp_path: Path) -> None:
    roots = Roots([tmp_path / "a", tmp_path / "b"])
    assert roots.path("x/prd.md") == tmp_path / "a/x/prd.md"
    assert roots.path(str(tmp_path / "b/y")) == tmp_path / "b/y"
    assert roots.path("../b") == tmp_path / "b"
    for outside in ("..", str(tmp_path / "bc"), "~", "../a/../c"):
        if outside != "~":
            with pytest.raises(OutsideWorkspace):
                roots.path(outside)
    assert roots.path("~") == tmp_path / "a/~"


# ---- how it presents itself


async def test_every_tool_says_what_it_takes_and_takes_nothing_else(kit: Kit, place: Path) -> None:
    words = [str(CLI), str(kit.skills), "", "mcp", "--workspace", str(place)]
    server = StdioServerParameters(command=sys.executable, args=words, env={**os.environ, "PYTHONPATH": str(ROOT)})
    async with Client(stdio_client(server)) as client:
        tools = (await client.list_tools()).tools
        assert "do not approve on your own" in (client.instructions or "")
    for tool in tools:
        assert tool.input_schema["additionalProperties"] is False
        jsonschema_rs.meta.validate(tool.input_schema)
        assert tool.description
    reading = {tool.name for tool in tools if tool.annotations and tool.annotations.read_only_hint}
    assert reading == {"plan", "runs", "status", "questions", "handoffs", "read_handoff", "result"}


def test_without_the_package_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    monkeypatch.delitem(sys.modules, "orchestrator.mcp.server", raising=False)
    monkeypatch.setattr(sys, "argv", ["baton", "mcp"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install 'baton-engine[mcp]'" in capsys.readouterr().err


def test_the_other_commands_do_not_load_it() -> None:
    program = "import sys, orchestrator.cli.run, orchestrator.mcp.tools; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# ---- the guide


GUIDE = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")


def test_the_guides_configuration_starts_a_server() -> None:
    (configuration,) = re.findall(r"```json\n(\{.*?\})\n```", GUIDE, re.DOTALL)
    server = json.loads(configuration)["mcpServers"]["baton"]
    assert (server["command"], server["args"][:2]) == ("baton", ["mcp", "--workspace"])


async def test_the_guide_names_every_tool(kit: Kit, place: Path) -> None:
    async with serving(kit, place) as agent:
        assert [name for name in agent._schemas if f"| `{name}` |" not in GUIDE] == []
