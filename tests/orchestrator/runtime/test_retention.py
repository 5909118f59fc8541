"""What is removed of old runs and what is not, also while runs are at work, several prune, or one is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from agents.checks.environments.cache import cached_folder
from orchestrator import Orchestrator
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from orchestrator.runtime.retention import Pruned, prune
from orchestrator.steps.workspace import WorkspaceConflict
from orchestrator.storage.blobs import Content
from orchestrator.storage.database import Database
from orchestrator.storage.home import cache_folder, run_folder
from orchestrator.storage.retention import Retention
from orchestrator.storage.runs import RunUnknown
from orchestrator.storage.writer import Row, Writer
from tests.orchestrator.cli.test_cli_commands import baton
from tests.support.crash_points import Moments, files_of, in_child
from tests.support.small_agents import PRD, Kit

NEEDED = "id, workspace, title, status, agents, workflow, shape"  # of a run
MONTH, DAY = timedelta(days=30), timedelta(days=1)
TABLES = ("events", "steps", "questions", "handoffs", "content_of_runs")
THREADS = ("checkpoints", "checkpoint_writes", "checkpoint_values")


@pytest.fixture
def kit(kit: Kit, baton_home: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """With a home of its own: other tests leave folders of runs in theirs."""
    home = baton_home / f"home-{time.monotonic_ns()}"
    monkeypatch.setenv("BATON_HOME", str(home))
    return kit


@pytest.fixture
def home(kit: Kit) -> Path:  # noqa: ARG001 - which sets it
    return Path(os.environ["BATON_HOME"])


async def finished(engine: Orchestrator, tmp_path: Path, name: str, *, days: float = 0) -> RunResult:
    """A run in the workspace `name` that ended so many days ago."""
    result = await (await engine.start(tmp_path / "prd.md", workspace=tmp_path / name)).result()
    assert result.status == "completed"
    await age(engine, result.run, days)
    return result


async def age(engine: Orchestrator, run_id: str, days: float) -> None:
    await (await database_of(engine)).execute(
        "UPDATE baton.runs SET finished_at = finished_at - $2 * interval '1 day',"
        " started_at = started_at - $2 * interval '1 day' WHERE id = $1",
        run_id,
        days,
    )


async def database_of(engine: Orchestrator) -> Database:
    return (await engine._engine.opened()).ledger.database


async def rows(engine: Orchestrator, table: str, run_id: str) -> int:
    where = "thread_id LIKE $1 || '.%'" if table in THREADS else "run_id = $1"
    count = f"SELECT count(*) FROM baton.{table} WHERE {where}"  # noqa: S608 - constants
    return int(await (await database_of(engine)).fetchval(count, run_id))


async def tables(engine: Orchestrator) -> set[str]:
    """Every table that says whose its rows are."""
    found = await (await database_of(engine)).fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'baton'"
        " AND column_name IN ('run_id', 'thread_id')"
    )
    assert {row["table_name"] for row in found} >= {*TABLES, *THREADS}
    return {row["table_name"] for row in found}


async def contents(engine: Orchestrator) -> int:
    return int(await (await database_of(engine)).fetchval("SELECT count(*) FROM baton.content"))


async def contents_of_none_but(engine: Orchestrator, run_id: str) -> int:
    return int(
        await (await database_of(engine)).fetchval(
            "SELECT count(DISTINCT sha256) FROM baton.content_of_runs AS own WHERE run_id = $1 AND NOT EXISTS"
            " (SELECT FROM baton.content_of_runs AS others WHERE sha256 = own.sha256 AND run_id <> own.run_id)",
            run_id,
        )
    )


@pytest.mark.slow
async def test_a_run_that_ended_long_ago_is_removed_with_all_that_is_kept_of_it(
    kit: Kit, tmp_path: Path, home: Path
) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        old = await finished(engine, tmp_path, "old", days=31)
        await (await engine.retry(old.run, from_agent="three-agent")).result()  # a second LangGraph thread
        await age(engine, old.run, 31)
        new = await finished(engine, tmp_path, "new", days=29)
        before = {table: await rows(engine, table, old.run) for table in (*TABLES, *THREADS)}
        assert [table for table, count in before.items() if not count] == ["questions", "checkpoint_values"]
        shared, own = await contents(engine), await contents_of_none_but(engine, old.run)
        assert own >= 3  # the handoffs that name it; its files are those of the other run, too

        pruned = await engine.prune(older_than=MONTH)

        assert (pruned.runs, pruned.folders, pruned.environments, pruned.unfinished) == (1, 1, 0, 0)
        assert pruned.contents == own
        assert await contents(engine) == shared - own
        assert (pruned.database_bytes > 10_000, pruned.folder_bytes > 200) == (True, True)
        assert pruned.bytes == pruned.database_bytes + pruned.folder_bytes
        assert {await rows(engine, table, old.run) for table in await tables(engine)} == {0}
        assert [path.name for path in run_folder(home, "").iterdir()] == [new.run]
        assert [record.id for record in await engine.runs()] == [new.run]
        with pytest.raises(RunUnknown):
            await engine.retry(old.run, from_agent="one-agent")
        fork = await engine.fork(new.run, workspace=tmp_path / "fork", from_agent="three-agent")
        assert (await fork.result()).status == "completed"
    assert files_of(tmp_path / "old")


@pytest.mark.slow
async def test_runs_that_are_not_over_are_kept_however_old_and_counted(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))
        assert (await run.result()).status == "waiting"
        await age(engine, run.id, 400)
        assert (await engine.prune(older_than=MONTH)).unfinished == 1
        assert (await engine.prune(older_than=timedelta(days=500))).unfinished == 0
        (question,) = await engine.questions(run.id)
        await engine.answer(run.id, question.id, "approve")
        assert (await (await engine.resume(run.id)).result()).status == "completed"
        assert (await engine.prune(older_than=MONTH)).runs == 0  # it ended just now
        await age(engine, run.id, 31)
        assert (await engine.prune(older_than=MONTH)).runs == 1


@pytest.mark.slow
async def test_a_dry_run_says_what_would_be_removed_and_removes_nothing(kit: Kit, tmp_path: Path, home: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        old = await finished(engine, tmp_path, "old", days=31)
        await finished(engine, tmp_path, "new")
        await unused(cache_folder(home), "python/old", days=40)
        before = await contents(engine)

        said = await engine.prune(older_than=MONTH, dry_run=True)

        assert await contents(engine) == before
        assert await rows(engine, "events", old.run) > 0
        assert run_folder(home, old.run).is_dir()
        assert (cache_folder(home) / "python/old/file").is_file()
        assert (said.dry_run, said.runs, said.folders, said.environments) == (True, 1, 1, 1)
        done = await engine.prune(older_than=MONTH)
        assert done.model_copy(update={"dry_run": True}) == said
        again = await engine.prune(older_than=MONTH)
        assert (again.runs, again.contents, again.folders, again.environments, again.bytes) == (0, 0, 0, 0, 0)


@pytest.mark.slow
async def test_a_workspace_whose_runs_were_removed_can_be_run_again(kit: Kit, tmp_path: Path) -> None:
    """What Baton wrote there is then known from the handoffs alone."""
    async with kit.engine(tmp_path / "w") as engine:
        await finished(engine, tmp_path, "w", days=31)
        assert (await engine.prune(older_than=MONTH)).runs == 1
        (tmp_path / "prd.md").write_text(PRD.replace("Thing", "Widget"))
        await finished(engine, tmp_path, "w", days=31)
        assert "Widget" in (tmp_path / "w/one/names.py").read_text()
        assert (await engine.prune(older_than=MONTH)).runs == 1
        (tmp_path / "w/one/names.py").write_text("by hand")
        with pytest.raises(WorkspaceConflict, match=r"one/names\.py"):
            await finished(engine, tmp_path, "w")


@pytest.mark.slow
async def test_contents_that_an_engine_knows_to_be_stored_are_stored_again_if_they_were_removed(
    kit: Kit, tmp_path: Path
) -> None:
    async with kit.engine(tmp_path / "w") as engine, kit.engine(tmp_path / "w") as other:
        await finished(engine, tmp_path, "first", days=31)
        assert (await other.prune(older_than=MONTH)).contents > 0
        assert await contents(engine) == 0
        second = await finished(engine, tmp_path, "second")
        assert await engine.attempts(second.run)
        fork = await other.fork(second.run, workspace=tmp_path / "fork")
        assert (await fork.result()).status == "completed"
        assert files_of(tmp_path / "fork") == files_of(tmp_path / "second")


async def test_contents_removed_between_storing_and_referring_are_stored_again_and_held(database: Database) -> None:
    """Somebody removes them at the worst moment, each time."""
    add = f"INSERT INTO baton.runs ({NEEDED}) VALUES ($1, 'w', 't', $2, '{{}}', 'feature', '{{}}')"  # noqa: S608 - constants
    await database.execute(add, "old", "running")
    await database.execute(add, "new", "running")
    content, retention = Content(database), Retention(database, DAY)
    writer = Writer(database)
    await content.keep("old", [b"one", b"two"], writer.write)
    await database.execute("DELETE FROM baton.content_of_runs")
    removed = []

    async def write(given: Sequence[Row]) -> None:
        async with database.transaction() as connection:
            for statement, row in sorted(given, key=lambda each: each[0].rank):
                if statement.rank == 2:
                    removed.append((await retention.remove_contents()).count)
                await connection.execute(statement.sql, *row)

    await content.keep("new", [b"one", b"two"], write)
    assert removed == [2, 0, 0]
    one, two = (await database.fetch("SELECT encode(sha256, 'hex') AS sha256 FROM baton.content_of_runs"))[:2]
    assert set((await content.get([one["sha256"], two["sha256"]])).values()) == {b"one", b"two"}

    removed.clear()
    await database.execute("DELETE FROM baton.content_of_runs")
    await Content(database).keep("new", [b"one", b"two"], write)  # one that does not know them, so it stores them
    assert removed == [2, 0, 0]


@pytest.mark.slow
async def test_runs_and_several_prunes_at_once_do_not_disturb_each_other(kit: Kit, tmp_path: Path, home: Path) -> None:
    """Every run that has ended is removed at once, while others begin with the same contents."""
    at_work = True

    async def remove() -> int:
        count = 0
        async with kit.engine(tmp_path / "w") as engine:
            while at_work:
                count += (await engine.prune(older_than=timedelta())).runs
        return count

    async with kit.engine(tmp_path / "w") as engine:
        removing = [asyncio.create_task(remove()) for _ in range(2)]
        results = [await finished_each(engine, tmp_path, number) for number in range(6)]
        at_work = False
        counts = await asyncio.gather(*removing)
        left = await engine.prune(older_than=timedelta())
        assert sum(counts) + left.runs == len(results) * 3
        assert {result.status for each in results for result in each} == {"completed"}
        assert await contents(engine) == 0
    assert list(run_folder(home, "").iterdir()) == []
    assert len({json.dumps(files_of(tmp_path / f"{n}-{m}")) for n in range(6) for m in range(3)}) == 1


async def finished_each(engine: Orchestrator, tmp_path: Path, number: int) -> list[RunResult]:
    started = [await engine.start(tmp_path / "prd.md", workspace=tmp_path / f"{number}-{each}") for each in range(3)]
    return [await run.result() for run in started]


@pytest.mark.slow
def test_a_prune_that_is_killed_anywhere_is_finished_by_the_next(kit: Kit, tmp_path: Path, home: Path) -> None:
    async def prepare() -> str:
        async with kit.engine(tmp_path / "w") as engine:
            for number in range(4):
                await finished(engine, tmp_path, f"w{number}", days=31)
            await unused(cache_folder(home), "python/old", days=40)
            return (await finished(engine, tmp_path, "kept")).run

    async def remove() -> Pruned:
        async with kit.engine(tmp_path / "w") as engine:
            return await engine.prune(older_than=MONTH)

    def killed(moment: int) -> bool:
        def work() -> dict[str, object]:
            Moments(moment, (str(home),))
            return asyncio.run(remove()).model_dump()

        return in_child(work)[0] == -signal.SIGKILL

    async def check() -> None:
        async with kit.engine(tmp_path / "w") as engine:
            assert [record.id for record in await engine.runs()] == [kept]
            assert (await engine.prune(older_than=MONTH)).bytes == 0
            unused = "SELECT count(*) FROM baton.content WHERE sha256 NOT IN (SELECT sha256 FROM baton.content_of_runs)"
            assert await (await database_of(engine)).fetchval(unused) == 0

    kept = asyncio.run(prepare())
    kills = 0
    while killed(1 + 2 * kills):
        kills += 1
    assert kills > 5
    asyncio.run(check())
    assert [path.name for path in run_folder(home, "").iterdir()] == [kept]
    assert {path.name for path in cache_folder(home).glob("python/*")} == {".old.lock", ".old.use"}  # empty files


async def test_very_many_runs_are_removed_in_small_transactions(database: Database, tmp_path: Path) -> None:
    await database.execute(
        f"INSERT INTO baton.runs ({NEEDED}, finished_at) SELECT 'run-' || n, 'w', 't', 'completed', '{{}}', 'feature',"  # noqa: S608 - constants
        " '{}', now() - interval '31 days' FROM generate_series(1, 1050) n"
    )
    before = await database.fetchval("SELECT txid_current()")
    assert (await prune(database, tmp_path, MONTH)).runs == 1050
    assert await database.fetchval("SELECT txid_current()") - before > 10


async def test_folders_of_runs_that_no_database_knows_are_removed_when_they_are_old(
    database: Database, tmp_path: Path
) -> None:
    names = ("20260101-120000-abcdef", "20260102-120000-abcdef", "20260103-120000-abcdef", "notes of mine")
    for name in names:
        place = run_folder(tmp_path, name) / "logs"
        place.mkdir(parents=True)
        (place / "log").write_text("said")
        made_older(place, 40)
    forgotten, recent, known, _ = names
    (run_folder(tmp_path, recent) / "logs/log").write_text("at work, for another database")
    await database.execute(
        f"INSERT INTO baton.runs ({NEEDED}) VALUES ($1, 'w', 't', 'stopped', '{{}}', 'feature', '{{}}')",  # noqa: S608 - constants
        known,
    )
    assert (await prune(database, tmp_path, MONTH)).folders == 1
    assert not run_folder(tmp_path, forgotten).exists()
    assert {path.name for path in run_folder(tmp_path, "").iterdir()} == set(names[1:])
    made_older(run_folder(tmp_path, recent) / "logs", 0.1)
    assert (await prune(database, tmp_path, timedelta(seconds=1))).folders == 0  # a run may be about to begin


def made_older(folder: Path, days: float) -> None:
    """Have a folder, its parent and its files look untouched for so long."""
    then = time.time() - days * 86400
    for path in (*folder.rglob("*"), folder, folder.parent):
        os.utime(path, (then, then))


async def unused(cache: Path, name: str, *, days: float) -> Path:
    """An entry of the cache that another process asked for, so long ago."""
    place = cache / name
    code = (
        "import asyncio, sys; from pathlib import Path; from agents.checks.environments.cache import cached_folder\n"
        "async def build(folder): (folder / 'file').write_text('x' * 5000)\n"
        "asyncio.run(cached_folder(Path(sys.argv[1]), build))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(place))
    assert await process.wait() == 0
    made_older(place, days)
    os.utime(place.with_name(f".{place.name}.use"), (time.time() - days * 86400,) * 2)
    return place


@pytest.mark.slow
async def test_environments_that_nobody_used_are_removed_and_made_anew_when_needed(
    database: Database, tmp_path: Path
) -> None:
    cache = cache_folder(tmp_path)
    old = await unused(cache, "python/old", days=31)
    recent = await unused(cache, "node_modules/recent", days=29)
    left = cache / "python/.gone.abcd.building"
    left.mkdir()
    (left / "half").write_text("an installation that was killed")
    made_older(left, 31)
    pruned = await prune(database, tmp_path, MONTH)
    assert (pruned.environments, pruned.environment_bytes) == (2, 5031)
    assert (old.exists(), recent.exists(), left.exists()) == (False, True, False)

    async def build(folder: Path) -> None:
        (folder / "again").touch()

    assert (await cached_folder(old, build) / "again").is_file()


@pytest.mark.slow
async def test_an_environment_in_use_or_being_made_is_not_removed(database: Database, tmp_path: Path) -> None:
    cache = cache_folder(tmp_path)
    made, go_on = asyncio.Event(), asyncio.Event()

    async def build(folder: Path) -> None:
        (folder / "file").touch()
        made_older(folder, 31)
        made.set()
        await go_on.wait()

    building = asyncio.create_task(cached_folder(cache / "python/slow", build))
    await made.wait()
    assert (await prune(database, tmp_path, MONTH)).environments == 0
    go_on.set()
    used = await building
    made_older(used, 31)
    os.utime(used.with_name(".slow.use"), (0, 0))
    assert (await prune(database, tmp_path, MONTH)).environments == 0
    assert (used / "file").is_file()


async def test_a_negative_age_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        await prune(database, tmp_path, -DAY)


@pytest.mark.slow
def test_the_command_says_what_it_removed(kit: Kit, tmp_path: Path) -> None:
    async def prepare() -> None:
        async with kit.engine(tmp_path / "w") as engine:
            await finished(engine, tmp_path, "old", days=31)
            waiting = await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))
            await waiting.result()
            await age(engine, waiting.id, 31)

    asyncio.run(prepare())
    said = baton("prune", "--older-than", "30d", "--dry-run")
    assert said.stdout.startswith("would remove ")
    said = baton("prune", "--older-than", "30d")
    assert said.returncode == 0
    first, rows, folders, environments, kept = said.stdout.splitlines()
    assert first.startswith("removed ")
    assert rows.startswith("  1 run and 6 files of theirs in the database, ")
    assert folders.startswith("  1 folder of runs, ")
    assert environments == "  0 prepared environments, 0 bytes"
    assert kept == "kept 1 run that is not over; `baton cancel RUN` gives one up"
    told = json.loads(baton("prune", "--older-than", "12h", "--json").stdout)
    assert (told["type"], told["runs"], told["unfinished"], told["bytes"]) == ("pruned", 0, 1, 0)


@pytest.mark.parametrize("words", [(), ("--older-than", "soon"), ("--older-than", "0d"), ("--older-than", "-3d")])
def test_without_a_duration_the_command_removes_nothing(words: tuple[str, ...]) -> None:
    assert baton("prune", *words).returncode == 2
