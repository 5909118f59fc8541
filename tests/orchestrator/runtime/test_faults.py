"""The ground gives way under a run: PostgreSQL is killed, connections are cut, the clock jumps, the disk is full."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator import Orchestrator, orchestrator
from orchestrator.planning.policy import Policy
from orchestrator.records import events
from orchestrator.runtime.run import Run
from orchestrator.runtime.start import HomeUnusable
from orchestrator.steps import publish
from orchestrator.storage.database import Database
from orchestrator.storage.embedded import Embedded
from orchestrator.storage.home import run_folder
from orchestrator.storage.runs import RunBusy
from orchestrator.storage.writer import OwnerLost
from tests.orchestrator.cli.test_cli_commands import baton
from tests.support.crash_points import files_of, told
from tests.support.killable_home import kill_postmaster, own_home
from tests.support.small_agents import Compiles, Kit

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[3] / "tests/support/small_agents.py"


@dataclass
class Gate:
    """The check of an agent whose tool waits until it may go on."""

    real: Compiles
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.real.name

    @property
    def after(self) -> tuple[str, ...]:
        return self.real.after

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        self.reached.set()
        await self.opened.wait()
        return await self.real.run(scratch, work)


def gate(kit: Kit, word: str) -> Gate:
    gate = Gate(Compiles(word))
    kit.checks = {word: (gate,)}
    return gate


async def whole(kit: Kit, tmp_path: Path) -> dict[str, Any]:
    """What a run comes to that nothing happens to."""
    workspace = tmp_path / "whole"
    async with kit.engine(workspace) as engine:
        run = await engine.start(tmp_path / "prd.md")
        assert (await run.result()).status == "completed"
        return await came_to(engine, run.id, workspace)


async def came_to(engine: Orchestrator, run_id: str, workspace: Path) -> dict[str, Any]:
    return {**await told(engine, run_id, workspace), "files": files_of(workspace)}


async def database_of(engine: Orchestrator) -> Database:
    return (await engine._engine.opened()).ledger.database


# ---- PostgreSQL


@pytest.fixture
def mortal(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """The kit's engines have a home and a server of their own, which may be killed."""
    with own_home() as home:
        monkeypatch.delenv("BATON_DATABASE_URL")
        monkeypatch.setenv("BATON_HOME", str(home))
        assert kit.skills.is_dir()
        yield Embedded.at(home)


async def killed_at(run: Run, server: Embedded, wanted: Callable[[int], bool]) -> int:
    """Kill the server at those events of a run whose number is wanted; return how often the run was at work then."""
    number = at_work = 0
    async for _ in run.events():
        if wanted(number):
            at_work += run.is_working
            await asyncio.to_thread(kill_postmaster, server)
        number += 1
    return at_work


async def test_a_run_whose_postgresql_is_killed_under_it_completes_by_itself(
    kit: Kit, tmp_path: Path, mortal: Embedded
) -> None:
    expected = await whole(kit, tmp_path)
    count, kills = len(expected["events"]), 0
    async with kit.engine(tmp_path) as engine:
        for moment in range(0, count, 5):
            workspace = tmp_path / f"at-{moment}"
            run = await engine.start(tmp_path / "prd.md", workspace=workspace)
            kills += await killed_at(run, mortal, moment.__eq__)
            assert (await run.result()).status == "completed"
            assert await came_to(engine, run.id, workspace) == expected
        workspace = tmp_path / "often"
        run = await engine.start(tmp_path / "prd.md", workspace=workspace)
        kills += await killed_at(run, mortal, lambda number: number % 8 == 0)
        assert (await run.result()).status == "completed"
        assert await came_to(engine, run.id, workspace) == expected
    assert kills > 5


async def test_a_run_all_of_whose_connections_are_cut_again_and_again_completes(kit: Kit, tmp_path: Path) -> None:
    """The one that holds the owner's lock, too."""
    expected = await whole(kit, tmp_path)
    cut = 0
    async with kit.engine(tmp_path / "w") as engine, kit.engine(tmp_path) as other:
        database = await database_of(other)
        run = await engine.start(tmp_path / "prd.md")
        while run.is_working:
            cut += len(
                await database.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            await asyncio.sleep(0.05)
        assert (await run.result()).status == "completed"
        assert await came_to(engine, run.id, tmp_path / "w") == expected
    assert cut > 2


# ---- two at one run


@contextmanager
def lost_to_another(workspace: Path) -> Iterator[None]:
    """Let another engine of this machine into a workspace that one is in, as if it were on another machine."""
    workspace.rename(workspace.with_name("elsewhere"))
    subprocess.run(["cp", "-r", str(workspace.with_name("elsewhere")), str(workspace)], check=True)
    yield


@pytest.mark.parametrize("notices", ["when it would publish", "at once"])
async def test_an_engine_that_lost_its_run_to_another_gives_up_without_a_trace(
    kit: Kit, tmp_path: Path, notices: str
) -> None:
    """Its connections are gone for a while, long enough for somebody else to take the run over."""
    expected = await whole(kit, tmp_path)
    workspace = tmp_path / "w"
    held = gate(kit, "two")
    async with kit.engine(workspace) as engine, Kit(kit.skills).engine(workspace) as other:
        run = await engine.start(tmp_path / "prd.md")
        await held.reached.wait()
        owner = (await engine._engine.opened()).ledger.owner
        regain, away = owner._regain, asyncio.Event()

        async def later() -> None:
            await away.wait()
            await regain()

        owner._regain = later  # type: ignore[method-assign]  # the network is away
        assert owner._connection is not None
        owner._connection.terminate()
        with lost_to_another(workspace):
            resumed = await until_free(other, run.id)
            assert (await resumed.result()).status == "completed"
        if notices == "at once":
            away.set()
        else:
            held.opened.set()
        with pytest.raises(OwnerLost, match="was taken over by another"):
            await run.result()
        away.set()
        held.opened.set()
        ended = await came_to(other, run.id, workspace)
        assert [row["attempt"] for row in ended["attempts"] if row["step"] == "two-agent"] == [1, 2]
        assert {**ended, "attempts": expected["attempts"]} == expected


async def until_free(engine: Orchestrator, run_id: str) -> Run:
    """The server takes a moment to see that a connection is gone."""
    while True:
        try:
            return await engine.resume(run_id)
        except RunBusy:
            await asyncio.sleep(0.05)


async def test_of_processes_that_resume_a_killed_run_at_once_one_does(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    words = [str(word) for word in (workspace, tmp_path / "prd.md", kit.skills)]

    async def begin() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )

    killed = await begin()
    while not (workspace / "one/names.py").exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    killed.kill()
    await killed.wait()
    processes = [await begin() for _ in range(4)]
    said = [await process.communicate() for process in processes]
    codes = [process.returncode for process in processes]
    assert any(code == 0 and out == b"completed\n" for code, (out, _) in zip(codes, said, strict=True))
    for code, (_, err) in zip(codes, said, strict=True):
        assert code == 0 or b"RunBusy" in err or b"WorkspaceBusy" in err or b"RunRefused" in err
    expected = await whole(kit, tmp_path)
    async with kit.engine(workspace) as engine:
        (record,) = await engine.runs(workspace=workspace)
        ended = await came_to(engine, record.id, workspace)
    assert {**ended, "attempts": expected["attempts"]} == expected


# ---- the clock


async def test_a_clock_that_jumps_by_hours_changes_neither_order_nor_deadlines(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await whole(kit, tmp_path)
    jumps = iter(range(1_000_000))

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=(5, -7, 23, -1)[next(jumps) % 4])

    for module in (events, publish, orchestrator):
        monkeypatch.setattr(module, "datetime", Jumping)
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan", answer_seconds=3600))
        assert (await run.result()).status == "waiting"
        (question,) = await engine.questions(run.id)
        assert question.deadline is not None
        assert timedelta(minutes=50) < question.deadline - datetime.now(UTC) < timedelta(minutes=70)
        await engine.answer(run.id, question.id, "approve")
        assert (await (await engine.resume(run.id)).result()).status == "completed"
        log = [event async for event in engine.events(run.id)]
        ended = await came_to(engine, run.id, tmp_path / "w")
    at = [event.at for event in log]
    assert at != sorted(at)
    steps = [each for each in ended["events"] if each["type"] not in {"question_asked", "question_answered"}]
    assert [each["type"] for each in steps if each["type"] not in {"run_finished", "run_resumed"}] == [
        each["type"] for each in expected["events"] if each["type"] != "run_finished"
    ]
    assert ended["files"] == expected["files"]


# ---- the disk


@contextmanager
def small_disk(place: Path, kilobytes: int = 256) -> Iterator[None]:
    """A disk of its own at `place`, if this machine lets us mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


@pytest.fixture
async def waiting_at_two(kit: Kit, tmp_path: Path) -> AsyncIterator[tuple[Orchestrator, Run, Gate]]:
    """A run on small disks, whose second agent is at work."""
    held = gate(kit, "two")
    workspace = tmp_path / "w"
    with small_disk(workspace), small_disk(run_folder(Path(os.environ["BATON_HOME"]), "")):
        async with kit.engine(workspace) as engine:
            run = await engine.start(tmp_path / "prd.md")
            await held.reached.wait()
            yield engine, run, held


@pytest.mark.parametrize(("trouble", "said"), [("full", "the disk is full"), ("ro", "Read-only file system")])
async def test_a_workspace_that_cannot_be_written_to_fails_the_step_and_leaves_nothing_half_written(
    tmp_path: Path, waiting_at_two: tuple[Orchestrator, Run, Gate], trouble: str, said: str
) -> None:
    engine, run, held = waiting_at_two
    workspace = tmp_path / "w"
    before = files_of(workspace)
    filler = fill(workspace) if trouble == "full" else None
    if filler is None:
        remount(workspace, "ro")
    held.opened.set()
    result = await run.result()
    assert result.status == "failed"
    (problem,) = result.problems
    assert problem == (
        f"two-agent: cannot write to the workspace `{workspace}`: {said}. Nothing was changed.\n"
        "Put that right, then `baton retry`."
    )
    if filler is not None:
        filler.unlink()
    assert files_of(workspace) == before
    if filler is None:
        remount(workspace, "rw")
    assert (await (await engine.retry(run.id)).result()).status == "completed"


@pytest.mark.parametrize(("trouble", "said"), [("full", "No space left on device"), ("ro", "Read-only file system")])
async def test_a_home_that_cannot_be_written_to_fails_the_step_with_the_reason(
    tmp_path: Path, waiting_at_two: tuple[Orchestrator, Run, Gate], trouble: str, said: str
) -> None:
    engine, run, held = waiting_at_two
    runs = run_folder(Path(os.environ["BATON_HOME"]), "")
    before = files_of(tmp_path / "w")
    filler = fill(runs) if trouble == "full" else None
    if filler is None:
        remount(runs, "ro")
    held.opened.set()
    result = await run.result()
    assert result.status == "failed"
    assert result.problems[0].startswith("two-agent: ")
    assert said.lower() in result.problems[0].lower() or "the disk is full" in result.problems[0]
    assert files_of(tmp_path / "w") == before
    with pytest.raises(HomeUnusable, match=f"cannot keep its files in .*{said}.*\n.*BATON_HOME"):
        await engine.start(tmp_path / "prd.md", workspace=tmp_path / "another")
    assert len(await engine.runs()) == 1
    if filler is not None:
        filler.unlink()
    else:
        remount(runs, "rw")
    assert (await (await engine.retry(run.id)).result()).status == "completed"


LIMITED = """
import asyncio, resource, sys
from tests.support import small_agents
from pathlib import Path
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
print(asyncio.run(small_agents.main(*map(Path, sys.argv[1:4]))))
"""


def test_a_limit_of_file_sizes_fails_the_step_and_without_it_the_run_completes(kit: Kit, tmp_path: Path) -> None:
    """What needs no disk of its own: the handoffs are longer than the files may be."""
    limited = subprocess.run(
        [sys.executable, "-c", LIMITED, "700", str(tmp_path / "w"), str(tmp_path / "prd.md"), str(kit.skills)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert limited.stdout == "failed\n", limited.stderr
    assert "File too large" in limited.stderr
    assert not list((tmp_path / "w/.claude/handoff").glob("database-agent-output*"))
    assert not list((tmp_path / "w").rglob(".*.md.*"))

    async def go_on() -> str:
        async with kit.engine(tmp_path / "w") as engine:
            (record,) = await engine.runs()
            return (await (await engine.retry(record.id)).result()).status

    assert asyncio.run(go_on()) == "completed"
    assert files_of(tmp_path / "w") == asyncio.run(whole(kit, tmp_path))["files"]


def test_a_home_that_cannot_be_made_is_named_with_the_way_out(kit: Kit, tmp_path: Path) -> None:
    assert kit.skills.is_dir()
    nowhere = "/proc/self/baton"  # which root cannot make, either
    said = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / "w", "--json", BATON_HOME=nowhere)
    error = json.loads(said.stdout.splitlines()[-1])
    assert (said.returncode, error["code"]) == (1, "home_unusable")
    assert f"cannot keep its files in `{nowhere}/runs`" in error["message"]
    assert "set BATON_HOME to another folder" in error["message"]
    assert not (tmp_path / "w/.claude").exists()
