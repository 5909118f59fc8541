"""The place where checks run: tools end when they must, see nothing they need not, and caches are whole or absent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from agents.checks.environments.cache import cache_key, cached_folder
from agents.checks.environments.environments import Environments
from agents.checks.errors import ScratchDatabaseLost, ScratchError
from agents.checks.postgres.databases import ScratchDatabases, database_dsn
from agents.checks.process import LOG_LIMIT, installer_environment, run_process
from agents.checks.python.tools import MypyCheck, RuffCheck, TypeHintsCheck, UnitTestsCheck, pytest_counts
from agents.checks.runner import CheckProgress, run_checks
from agents.checks.scratch import Lock, Scratch
from agents.checks.time_limit import TimeLimit
from agents.contracts import Outcome, Work
from agents.toolchains.fastapi.toolchain import ENVIRONMENT
from schemas.base import Document
from tests.support.agent_material import NODE_LOCK, ScratchIn, feature, work, write_tree

WORK = work(feature())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


# ---- tools ------------------------------------------------------------------------------------------------------


async def test_a_tool_leaves_evidence_and_its_output(tmp_path: Path, scratch_in: ScratchIn) -> None:
    async with scratch_in(tmp_path / "tree") as scratch:
        code = "import os, sys; print(os.getcwd() + '/x.py'); print('a\\0b', file=sys.stderr); sys.exit(3)"
        evidence, output = await scratch.tool("demo", [sys.executable, "-c", code])
    assert evidence.exit_code == 3
    assert "x.py\n" in output
    assert str(tmp_path) not in output
    assert "a\ufffdb" in output
    log = Path(evidence.log)
    assert log == tmp_path / "logs" / "demo.log"
    assert evidence.log_sha256 == hashlib.sha256(log.read_bytes()).hexdigest()


async def test_a_tool_sees_no_secret_of_whoever_runs_baton(
    tmp_path: Path, scratch_in: ScratchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("UV_INDEX_PASSWORD", "secret")
    async with scratch_in(tmp_path / "tree") as scratch:
        _, output = await scratch.tool("env", [sys.executable, "-c", "import os; print(dict(os.environ))"])
        assert str(scratch.home) in output
    assert "secret" not in output
    installer = installer_environment(tmp_path)
    assert "ANTHROPIC_API_KEY" not in installer
    assert installer["UV_INDEX_PASSWORD"] == "secret"


async def test_a_tool_that_hangs_is_killed_with_all_its_children(tmp_path: Path, scratch_in: ScratchIn) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    async with scratch_in(tmp_path / "tree", limit=TimeLimit(idle=1)) as scratch:
        evidence, output = await scratch.tool("hang", [sys.executable, "-c", code])
    assert evidence.exit_code == 124
    assert "[stopped: no progress for 1 s" in output
    assert not alive(int(output.split()[0]))


async def test_a_child_that_outlives_its_tool_is_ended(tmp_path: Path, scratch_in: ScratchIn) -> None:
    code = (
        "import subprocess, sys;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)"
    )
    async with scratch_in(tmp_path / "tree") as scratch:
        evidence, output = await scratch.tool("orphan", [sys.executable, "-c", code])
    assert (evidence.exit_code, evidence.seconds < 300) == (0, True)
    assert not alive(int(output))


async def test_cancelling_a_tool_kills_it(tmp_path: Path, scratch_in: ScratchIn) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    async with scratch_in(tmp_path / "tree") as scratch:
        task = asyncio.create_task(scratch.tool("cancel", [sys.executable, "-c", code]))
        while not pid_file.exists() or not pid_file.read_text():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not alive(int(pid_file.read_text()))


async def test_cancelling_a_tool_twice_kills_it_at_once(tmp_path: Path, scratch_in: ScratchIn) -> None:
    """As when Ctrl-C is pressed again while a tool that ignores SIGTERM is being ended."""
    pid_file = tmp_path / "pid"
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    async with scratch_in(tmp_path / "tree") as scratch:
        task = asyncio.create_task(scratch.tool("cancel", [sys.executable, "-c", code]))
        while not pid_file.exists() or not pid_file.read_text():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.sleep(0.1)
        assert alive(int(pid_file.read_text()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while alive(int(pid_file.read_text())):  # noqa: ASYNC110  # the kernel's doing
            await asyncio.sleep(0.02)


async def test_a_log_cannot_grow_without_end(tmp_path: Path, scratch_in: ScratchIn) -> None:
    code = f"print('first'); print('x' * {3 * LOG_LIMIT}); print('last')"
    async with scratch_in(tmp_path / "tree") as scratch:
        evidence, output = await scratch.tool("loud", [sys.executable, "-c", code])
    assert Path(evidence.log).stat().st_size < LOG_LIMIT + 100
    assert output.startswith("first")
    assert output.endswith("last\n")
    assert "bytes left out" in output


async def test_a_missing_tool_is_an_error_that_names_it(tmp_path: Path, scratch_in: ScratchIn) -> None:
    async with scratch_in(tmp_path / "tree") as scratch:
        with pytest.raises(ScratchError, match="check `demo` cannot run `no-such-tool`"):
            await scratch.tool("demo", ["no-such-tool"])
        with pytest.raises(ScratchError, match="no such folder"):
            await scratch.tool("demo", ["true"], cwd="frontend")


# ---- databases --------------------------------------------------------------------------------------------------


async def test_a_database_is_fresh_its_own_and_gone_afterwards(tmp_path: Path, scratch_in: ScratchIn) -> None:
    async with scratch_in(tmp_path / "tree") as scratch:
        first = await scratch.database("one")
        assert await scratch.database("one") == first
        connection = await asyncpg.connect(first)
        await connection.execute("create table t (a int)")
        await connection.close()
        copy = await asyncpg.connect(await scratch.database("two", like="one"))
        assert await copy.fetch("select * from t") == []
        assert await copy.fetchval("show synchronous_commit") == "off"
        # left open on purpose: leaving the scratch drops the database all the same
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(first)
    copy.terminate()


async def test_what_a_killed_step_left_is_dropped_by_the_next_and_what_a_living_one_uses_is_not(admin_dsn: str) -> None:
    killed, living, following = (ScratchDatabases(admin_dsn) for _ in range(3))
    left, used = await killed.get("tests"), await living.get("tests")
    assert killed._session is not None
    killed._session.terminate()  # as the end of its process does

    await eventually_free(admin_dsn, killed)
    await following.get("tests")

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(left)
    await (await asyncpg.connect(used)).close()
    await living.close()
    await following.close()


async def eventually_free(admin_dsn: str, killed: ScratchDatabases) -> None:
    """Wait until the server has noticed that the session of `killed` is gone."""
    connection = await asyncpg.connect(admin_dsn)
    await asyncio.wait_for(connection.execute("select pg_advisory_lock(hashtext($1))", killed._token), 600)
    await connection.close()


async def test_a_server_that_does_not_answer_is_an_error_with_the_fix(
    tmp_path: Path, environments: Environments
) -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/x"
    async with Scratch(
        run_id="test", tree=tmp_path, logs=tmp_path / "logs", environments=environments, admin_dsn=dsn
    ) as scratch:
        with pytest.raises(ScratchDatabaseLost, match=r"does not answer: .*BATON_DATABASE_URL") as caught:
            await scratch.database("one")
    assert caught.value.transient


async def test_a_tool_that_failed_because_its_database_went_away_has_not_failed(
    tmp_path: Path, scratch_in: ScratchIn, admin_dsn: str
) -> None:
    """What it printed says nothing about the work, and the databases may be dropped as a dead step's by now."""
    fails = [sys.executable, "-c", "import sys; sys.exit(1)"]
    async with scratch_in(tmp_path / "tree") as scratch:
        await scratch.database("one")
        evidence, _ = await scratch.tool("demo", fails)
        assert evidence.exit_code == 1

        assert scratch._databases._session is not None
        connection = await asyncpg.connect(admin_dsn)
        pid = scratch._databases._session.get_server_pid()
        await connection.execute("select pg_terminate_backend($1, 10000)", pid)
        await connection.close()
        with pytest.raises(ScratchDatabaseLost, match="the scratch databases are gone") as caught:
            await scratch.tool("demo", fails)
        with pytest.raises(ScratchDatabaseLost):
            await scratch.database("two")
    assert caught.value.transient


async def test_a_role_that_may_not_create_databases_is_told_so(admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn)
    await connection.execute("create role bounded login")
    databases = ScratchDatabases(re.sub("//[^@/]*@", "//bounded@", admin_dsn))
    with pytest.raises(ScratchError, match="The role in BATON_DATABASE_URL needs CREATEDB") as caught:
        await databases.get("one")
    assert not caught.value.transient
    await databases.close()
    await connection.execute("drop role bounded")
    await connection.close()


async def test_a_dsn_that_is_none_is_not_taken_for_a_lost_server() -> None:
    with pytest.raises(ScratchError, match="See BATON_DATABASE_URL") as caught:
        await ScratchDatabases("mysql://x").get("one")
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("admin", "dsn"),
    [
        ("postgresql://u:p@h:5/postgres", "postgresql://u:p@h:5/x"),
        ("postgresql:///postgres?host=/tmp/s", "postgresql:///x?host=/tmp/s"),
        ("postgresql://u:@/postgres?host=/tmp/s&port=1", "postgresql://u:@/x?host=/tmp/s&port=1"),
        ("postgresql://h", "postgresql://h/x"),
    ],
)
def test_a_dsn_keeps_all_but_the_database(admin: str, dsn: str) -> None:
    assert database_dsn(admin, "x") == dsn


# ---- caches and environments ------------------------------------------------------------------------------------


async def test_an_entry_is_built_once_however_many_want_it(tmp_path: Path) -> None:
    built: list[Path] = []

    async def build(folder: Path) -> None:
        built.append(folder)
        await asyncio.sleep(0.1)
        (folder / "file").write_text("whole")

    places = await asyncio.gather(*(cached_folder(tmp_path / "entry", build) for _ in range(5)))
    assert len(built) == 1
    assert {(place / "file").read_text() for place in places} == {"whole"}


async def test_an_entry_that_could_not_be_built_is_absent_and_tried_again(tmp_path: Path) -> None:
    async def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ScratchError("no network")

    async def succeed(folder: Path) -> None:
        assert list(folder.iterdir()) == []

    with pytest.raises(ScratchError):
        await cached_folder(tmp_path / "entry", fail)
    assert not (tmp_path / "entry").exists()
    (tmp_path / ".entry.building").mkdir()  # a process was killed while it built
    (tmp_path / ".entry.building" / "half").write_text("")
    assert (await cached_folder(tmp_path / "entry", succeed)).is_dir()


def test_a_cache_key_depends_on_where_its_parts_end() -> None:
    assert cache_key("ab", "c") != cache_key("a", "bc")


@pytest.mark.slow
async def test_a_lock_whose_hash_is_wrong_is_refused(tmp_path: Path, environments: Environments) -> None:
    lock = tmp_path / "requirements-dev.lock"
    lock.write_text(f"iniconfig==2.0.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ScratchError, match="the app's Python packages cannot be installed"):
        await environments.python(lock)


async def test_a_scratch_without_a_lock_says_what_is_missing(tmp_path: Path, environments: Environments) -> None:
    async with Scratch(
        run_id="test",
        tree=tmp_path,
        logs=tmp_path / "l",
        environments=environments,
        admin_dsn="",
        locks={"python": Lock(path="requirements-dev.lock")},
    ) as scratch:
        with pytest.raises(ScratchError, match=r"`requirements-dev\.lock`"):
            await scratch.python()
        with pytest.raises(ScratchError, match="no toolchain names a lock file for node"):
            await scratch.node()


@pytest.mark.slow
async def test_node_and_the_frontend_s_packages_are_at_hand(tmp_path: Path, scratch_in: ScratchIn) -> None:
    async with scratch_in(tmp_path / "tree") as scratch:
        environment, again = await asyncio.gather(scratch.node(), scratch.node())
        assert environment == again
        argv: list[str | Path] = [environment.bin / "node", "node_modules/vite/bin/vite.js", "--version"]
        evidence, output = await scratch.tool("vite", argv, cwd="frontend", tool="vite")
        (scratch.tree / "frontend" / "node_modules" / ".cache").mkdir()
    assert evidence.exit_code == 0, output
    assert evidence.tool.startswith("vite ")
    assert not (environment.modules / ".cache").exists()


@pytest.mark.slow
async def test_without_node_on_the_machine_one_is_installed(
    tmp_path: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "env"):
        (bare / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(bare))
    node = await environments.node_itself()
    assert node.bin.is_relative_to(environments.cache)
    env = {"PATH": f"{node.bin}:{bare}"}
    ran = await run_process([str(node.bin / "npm"), "--version"], cwd=tmp_path, env=env, limit=TimeLimit())
    assert ran.exit_code == 0, ran.output
    assert (await environments.node(NODE_LOCK)).modules.is_dir()


# ---- checks of Python -------------------------------------------------------------------------------------------

APP = {
    "app/__init__.py": "",
    "app/main.py": (
        '"""An app."""\n\nfrom fastapi import FastAPI\nfrom sqlalchemy import select\n\n\n'
        'def create_app() -> FastAPI:\n    """Make it."""\n    return FastAPI(title=str(select))\n'
    ),
    "tests/unit/test_app.py": "def test_true() -> None:\n    assert True\n",
}


@pytest.mark.slow
async def test_warm_mypy_still_finds_a_fault(tmp_path: Path, scratch_in: ScratchIn) -> None:
    write_tree(tmp_path / "one", APP)
    async with scratch_in(tmp_path / "one") as scratch:
        first = await MypyCheck("app").run(scratch, WORK)
        assert first.passed, first.problems
    # The same paths, sizes and second: only a cache without the app's own modules sees the difference.
    fault = APP["app/main.py"].replace("-> FastAPI:", "-> NoFastA:").replace("FastAPI(title", "FastAPI(titel")
    write_tree(tmp_path / "two", {**APP, "app/main.py": fault})
    stamp = (tmp_path / "one" / "app" / "main.py").stat().st_mtime
    os.utime(tmp_path / "two" / "app" / "main.py", (stamp, stamp))
    async with scratch_in(tmp_path / "two") as scratch:
        second = await MypyCheck("app").run(scratch, WORK)
    assert not second.passed
    assert "app/main.py:7" in second.problems[0]


@pytest.mark.slow
async def test_python_checks_pass_on_good_code_and_name_each_fault(tmp_path: Path, scratch_in: ScratchIn) -> None:
    write_tree(tmp_path / "good", APP)
    checks = (RuffCheck("app"), UnitTestsCheck("tests/unit", ENVIRONMENT), TypeHintsCheck("app"))
    async with scratch_in(tmp_path / "good") as scratch:
        outcomes = await run_checks(checks, scratch, WORK)
    assert {name: outcome.summary for name, outcome in outcomes.items()} == {
        "ruff": "no faults, formatted",
        "unit-tests": "1 tests",
        "type-hints": "100% of 1 parameters and returns annotated",
    }
    bad = {"app/main.py": "import os\ndef f(x): return x\n", "tests/unit/test_app.py": "def test_x():\n    assert 0\n"}
    write_tree(tmp_path / "bad", {**APP, **bad})
    async with scratch_in(tmp_path / "bad") as scratch:
        outcomes = await run_checks(checks, scratch, WORK)
    assert not any(outcome.passed for outcome in outcomes.values())
    assert "F401" in outcomes["ruff"].problems[0]
    assert "assert 0" in outcomes["unit-tests"].problems[0]
    assert outcomes["type-hints"].problems == (
        "app/main.py:2: `f`: parameter `x`",
        "app/main.py:2: `f`: return",
    )


def test_pytest_s_last_line_is_counted() -> None:
    assert pytest_counts("tests/x.py ..s\n3 passed in the text\n2 passed, 1 skipped in 0.10s\n") == {
        "passed": 2,
        "skipped": 1,
    }
    assert pytest_counts("no tests ran in 0.01s\n") == {}


# ---- the runner -------------------------------------------------------------------------------------------------


class Ended(Document):
    """That a scripted check ran."""

    check: str


@dataclass
class Scripted:
    """A check that ends as it is told, after `seconds`."""

    name: str
    after: tuple[str, ...] = ()
    passes: bool = True
    seconds: float = 0.0
    error: Exception | None = None
    seen: list[str] = field(default_factory=list)

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        self.seen += [ended.check for ended in work.measured if isinstance(ended, Ended)]
        self.seen += sorted(path.name for path in scratch.tree.iterdir())
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        files = {f"{self.name}.txt": "made"}
        return Outcome(passed=self.passes, summary=self.name, evidence=(), measured=Ended(check=self.name), files=files)


async def run_scripted(
    checks: Sequence[Scripted], tmp_path: Path, at_once: int = 4
) -> tuple[dict[str, Outcome], list[str]]:
    progress: list[str] = []

    def note(each: CheckProgress) -> None:
        progress.append(f"{'finished' if each.outcome else 'started'} {each.check}")

    environments = Environments(tmp_path / "cache")
    tree = tmp_path / "tree"
    tree.mkdir()
    async with Scratch(
        run_id="test", tree=tree, logs=tmp_path / "logs", environments=environments, admin_dsn=""
    ) as scratch:
        return await run_checks(checks, scratch, WORK, notify=note, at_once=at_once), progress


async def test_a_failed_check_stops_what_comes_after_it_and_nothing_else(tmp_path: Path) -> None:
    late = Scripted("late", after=("middle",))
    checks = [late, Scripted("middle", after=("bad",)), Scripted("bad", passes=False), Scripted("slow", seconds=0.1)]
    outcomes, progress = await run_scripted(checks, tmp_path)
    assert list(outcomes) == ["late", "middle", "bad", "slow"]
    assert outcomes["slow"].passed
    assert outcomes["middle"].summary == "not run: `bad` did not pass"
    assert outcomes["late"].summary == "not run: `middle` did not pass"
    assert late.seen == []
    assert "started late" not in progress


async def test_a_check_sees_what_those_before_it_measured_and_made(tmp_path: Path) -> None:
    second = Scripted("second", after=("first",))
    await run_scripted([second, Scripted("first")], tmp_path)
    assert second.seen == ["first", "first.txt"]


async def test_independent_checks_run_side_by_side_up_to_the_limit(tmp_path: Path) -> None:
    checks = [Scripted(str(number), seconds=0.05) for number in range(4)]
    _, progress = await run_scripted(checks, tmp_path, at_once=2)
    assert [word.split()[0] for word in progress[:2]] == ["started", "started"]
    assert progress[2].startswith("finished")


async def test_a_check_that_cannot_run_stops_the_others_with_its_error(tmp_path: Path) -> None:
    checks = [Scripted("slow", seconds=30), Scripted("broken", error=ScratchError("no Node"))]
    with pytest.raises(ScratchError, match="no Node"):
        await run_scripted(checks, tmp_path)


@pytest.mark.parametrize("after", [("nobody",), ("a",)])
async def test_checks_that_cannot_be_ordered_are_refused(after: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checks"):
        await run_scripted([Scripted("a", after=after)], tmp_path)
