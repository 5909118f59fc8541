"""Many runs in one process: so many at a time, in turns, and each on its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator
from orchestrator.records.events import SkillFinished
from orchestrator.runtime.batch import Request, RequestResult
from orchestrator.runtime.start import HomeUnusable
from orchestrator.steps.intake.intake import PrdMissing
from orchestrator.steps.workspace import WorkspaceConflict
from tests.support.crash_points import files_of
from tests.support.small_agents import Compiled, Kit

pytestmark = pytest.mark.slow


@dataclass
class Gate:
    """A check that runs no tool: counts the steps that are in it at once, and holds them there until it is open."""

    name: str = "compiles"
    after: tuple[str, ...] = ()
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    inside: list[str] = field(default_factory=list)  # titles of features, in the order they came
    now: int = 0
    most: int = 0

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        self.inside.append(scratch.run_id)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.opened.wait()
            await asyncio.sleep(0)
        finally:
            self.now -= 1
        return Outcome(passed=True, summary="fine", evidence=(), measured=Compiled(files=len(work.files)))


@pytest.fixture
def gate(kit: Kit) -> Gate:
    """An open one, which every agent's work passes."""
    gate = Gate()
    gate.opened.set()
    kit.checks = dict.fromkeys(("one", "two", "three"), (gate,))
    return gate


def requests(tmp_path: Path, count: int, group: str = "") -> list[Request]:
    return [
        Request(prd=tmp_path / "prd.md", workspace=tmp_path / f"{group}{number}", group=group)
        for number in range(count)
    ]


async def entered(gate: Gate, count: int) -> None:
    while len(gate.inside) < count:  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0.01)


async def all_of(engine: Orchestrator, wanted: Iterable[Request], concurrency: int) -> list[RequestResult]:
    return [finished async for finished in engine.run_many(wanted, concurrency=concurrency)]


def statuses(finished: Iterable[RequestResult]) -> Counter[str]:
    return Counter(each.result.status if each.result else type(each.error).__name__ for each in finished)


async def test_fifty_runs_eight_at_a_time_all_complete(kit: Kit, tmp_path: Path, gate: Gate) -> None:
    wanted = requests(tmp_path, 50)
    async with kit.engine(tmp_path) as engine:
        finished = await all_of(engine, wanted, 8)
        assert len(await engine.runs(status="completed", limit=100)) == 50
    assert statuses(finished) == {"completed": 50}
    assert {each.request.workspace for each in finished} == {each.workspace for each in wanted}
    assert len({json.dumps(files_of(Path(each.workspace))) for each in wanted}) == 1
    assert 1 < gate.most <= 8


async def test_never_more_run_at_once_than_wanted_and_no_fewer(kit: Kit, tmp_path: Path, gate: Gate) -> None:
    gate.opened.clear()
    async with kit.engine(tmp_path) as engine:
        running = asyncio.create_task(all_of(engine, requests(tmp_path, 9), 3))
        await entered(gate, 3)
        assert len(await engine.runs()) == 3
        gate.opened.set()
        assert statuses(await running) == {"completed": 9}
    assert gate.most == 3


@pytest.mark.usefixtures("gate")
async def test_a_small_group_does_not_wait_for_a_large_one(kit: Kit, tmp_path: Path) -> None:
    wanted = [*requests(tmp_path, 8, "large"), *requests(tmp_path, 2, "small"), *requests(tmp_path, 1, "tiny")]
    async with kit.engine(tmp_path) as engine:
        order = [each.request.group for each in await all_of(engine, wanted, 1)]
    assert order == ["large", "small", "tiny", "large", "small", *["large"] * 6]


@pytest.mark.usefixtures("gate")
async def test_what_becomes_of_one_request_does_not_disturb_the_others(kit: Kit, tmp_path: Path) -> None:
    good = requests(tmp_path, 3)
    (tmp_path / "taken/one").mkdir(parents=True)
    (tmp_path / "taken/one/names.py").write_text("mine")
    prd = tmp_path / "prd.md"
    (tmp_path / "forbidden.md").write_text(prd.read_text().replace("Small", "forbidden"))
    refused = [
        Request(prd=tmp_path / "none.md", workspace=tmp_path / "a"),
        Request(prd=prd, workspace=tmp_path / "taken"),
        Request(prd=prd, workspace=tmp_path / "b", agents=("nobody",)),
        Request(prd=tmp_path / "forbidden.md", workspace=tmp_path / "c"),
    ]
    async with kit.engine(tmp_path) as engine:
        finished = await all_of(engine, [good[0], *refused, *good[1:]], 2)
    by_workspace = {Path(each.request.workspace).name: each for each in finished}
    assert statuses(by_workspace[name] for name in "012") == {"completed": 3}
    assert isinstance(by_workspace["a"].error, PrdMissing)
    assert isinstance(by_workspace["taken"].error, WorkspaceConflict)
    assert "no agent is called `nobody`" in str(by_workspace["b"].error)
    failed = by_workspace["c"].result
    assert failed is not None
    assert failed.status == "failed"
    assert "says `forbidden`" in failed.problems[0]


async def test_closing_the_loop_early_stops_what_runs_to_be_resumed_and_starts_nothing_more(
    kit: Kit, tmp_path: Path, gate: Gate
) -> None:
    wanted = requests(tmp_path, 10)
    async with kit.engine(tmp_path) as engine:
        many = engine.run_many(wanted, concurrency=3)
        async with aclosing(many):
            async for finished in many:
                assert finished.result is not None
                gate.opened.clear()
                await entered(gate, gate.now + 1)
                break
        known = await engine.runs(limit=100)
        assert Counter(each.status for each in known)["running"] == 0
        assert 1 < len(known) <= 6
        gate.opened.set()
        for record in known:
            if record.status == "stopped":
                assert (await (await engine.resume(record.id)).result()).status == "completed"
                events = [each async for each in engine.events(record.id)]
                assert len([each for each in events if isinstance(each, SkillFinished)]) >= 3
        assert len(await engine.runs(limit=100)) == len(known)


async def test_leaving_the_engine_in_the_middle_of_the_loop_leaves_nothing_running(
    kit: Kit, tmp_path: Path, gate: Gate
) -> None:
    gate.opened.clear()
    async with kit.engine(tmp_path) as engine:
        many = engine.run_many(requests(tmp_path, 6), concurrency=2)
        first = asyncio.create_task(anext(many))
        await entered(gate, 2)
    with pytest.raises(StopAsyncIteration):
        await first
    async with kit.engine(tmp_path) as engine:
        assert [each.status for each in await engine.runs()] == ["stopped"] * 2
        gate.opened.set()
        results = [await (await engine.resume(each.id)).result() for each in await engine.runs()]
        assert {each.status for each in results} == {"completed"}


@pytest.mark.usefixtures("gate")
async def test_no_room_for_a_runs_files_is_that_requests_error(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "runs").write_text("a file where a folder has to be")
    monkeypatch.setenv("BATON_HOME", str(home))
    async with kit.engine(tmp_path) as engine:
        (finished,) = await all_of(engine, requests(tmp_path, 1), 1)
        assert isinstance(finished.error, HomeUnusable)
        assert f"cannot keep its files in `{home / 'runs'}`" in str(finished.error)
        assert await engine.runs() == []
        (home / "runs").unlink()
        assert statuses(await all_of(engine, requests(tmp_path, 1), 1)) == {"completed": 1}


async def test_less_than_one_at_a_time_is_refused(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path) as engine:
        with pytest.raises(ValueError, match="must be at least 1, not 0"):
            await all_of(engine, requests(tmp_path, 1), 0)
        assert await all_of(engine, [], 3) == []


def test_two_processes_may_run_many_in_one_home_at_once(kit: Kit, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from orchestrator.runtime.batch import Request; from tests.support.small_agents import Compiled, Kit\n"
        "async def main(skills, prd, *places):\n"
        "    async with Kit(skills).engine(skills) as engine:\n"
        "        requests = [Request(prd=prd, workspace=place) for place in places]\n"
        "        async for finished in engine.run_many(requests, concurrency=3):\n"
        "            print(finished.result.status if finished.result else finished.error)\n"
        "asyncio.run(main(*map(Path, sys.argv[1:])))\n"
    )

    async def both() -> list[bytes]:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                code,
                *map(str, (kit.skills, tmp_path / "prd.md", *(tmp_path / f"{each}-{n}" for n in range(5)))),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            )
            for each in ("a", "b")
        ]
        return [(await process.communicate())[0] for process in processes]

    assert [said.decode().split() for said in asyncio.run(both())] == [["completed"] * 5] * 2
    assert len({json.dumps(files_of(tmp_path / f"{each}-{n}")) for each in "ab" for n in range(5)}) == 1
