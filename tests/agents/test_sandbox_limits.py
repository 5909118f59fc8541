"""A tool that takes more of the machine than a check may is ended, and says of what; each with a real hog."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from agents.checks.errors import ScratchError
from agents.checks.outcomes import failed_tool
from agents.checks.postgres.databases import ScratchDatabases
from agents.checks.runner import run_checks
from agents.checks.sandbox.isolation import Isolation, IsolationInvalid, IsolationMissing, isolation_for
from agents.checks.sandbox.limits import CheckLimits, LimitsInvalid, limits_from_environment
from agents.checks.sandbox.relay import SOCKET, _copy
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from tests.agents.test_sandbox import BUBBLEWRAP, LIMITS, Isolated, attack, how, isolated, level
from tests.support.agent_material import feature, work

__all__ = ["how", "isolated"]  # fixtures

# Bounded: a hog that nobody ends does no harm either.
MEMORY = "held = [bytearray(50_000_000) for _ in range(20)]; import time; time.sleep(30)"
SHARED = "import mmap, time; m = mmap.mmap(-1, 600_000_000); m.write(b'x' * 600_000_000); time.sleep(30)"
IN_MEMORY_FILE = (
    "import os, time; f = os.memfd_create('m'); [os.write(f, b'x' * 10**7) for _ in range(60)]; time.sleep(30)"
)
BOMB = "import os, time\nfor _ in range(9):\n    try: os.fork()\n    except OSError: pass\ntime.sleep(20)"
FILLER = "import time\nfor n in range(60): open(f'f{n}', 'wb').write(b'x' * 10**7)\ntime.sleep(30)"
UNLINKED = (
    "import os, time\nf = open('f', 'wb'); os.unlink('f')\nfor n in range(60): f.write(b'x' * 10**7)\ntime.sleep(30)"
)
LITTER = "import time\nfor n in range(3000): open(f'f{n}', 'w').close()\ntime.sleep(30)"
ONE_FILE = "f = open('f', 'wb')\nwhile True: f.write(b'x' * 10**6)"
BUSY = "while True: pass"


WATCHED = {  # those at the top, whatever the isolation; all are looked for in the same way
    "memory": (MEMORY, "memory=400MB", "used more than 400.0 MB memory"),
    "fork bomb": (BOMB, "processes=40", "ran more than 40 processes at once"),
    "disk": (FILLER, "disk=400MB", "used more than 400.0 MB of disk"),
    "processor": (BUSY, "cpu=1", "used more than 1 s of processor time"),
}
ALSO = {
    "shared memory": (SHARED, "memory=400MB", "used more than 400.0 MB memory"),
    "file in memory": (IN_MEMORY_FILE, "disk=400MB", "used more than 400.0 MB of disk"),
    "unlinked file": (UNLINKED, "disk=400MB", "used more than 400.0 MB of disk"),
    "files": (LITTER, "files=1000", "left more than 1000 files"),
}


async def hog(code: str, limits: str, reason: str, how: Isolation, isolated: Isolated) -> None:
    async with isolated(how, limits) as scratch:
        evidence, output = await attack(scratch, code)
        outcome = failed_tool("it fails", evidence, output)
    assert outcome.summary == f"`{evidence.tool}` {reason}", (evidence, output)
    assert "set BATON_CHECK_LIMITS (docs/security.md)" in outcome.problems[0]
    assert f"[stopped: it {reason}]" in Path(evidence.log).read_text()


@pytest.mark.parametrize("what", WATCHED)
async def test_a_hog_is_ended_and_the_check_says_of_what(what: str, how: Isolation, isolated: Isolated) -> None:
    await hog(*WATCHED[what], how, isolated)


@pytest.mark.parametrize("what", ALSO)
async def test_a_hog_that_hides_is_found(what: str, isolated: Isolated) -> None:
    await hog(*ALSO[what], await level(LIMITS), isolated)


async def test_a_file_that_grows_too_large_ends_its_writer_or_is_refused(how: Isolation, isolated: Isolated) -> None:
    """Python asks for the second."""
    async with isolated(how, "file=1MB") as scratch:
        evidence, _ = await attack(scratch, ONE_FILE)
        refused = (evidence.reason or "").splitlines()
        shell, _ = await scratch.tool("attack", ["sh", "-c", "exec cat /dev/zero > zeros"])
        ended = (shell.reason or "").splitlines()
    assert refused[0].endswith("ran into a limit of isolated checks: a file would be too large")
    assert ended[0].endswith("wrote a file of more than 1.0 MB")


async def test_what_was_there_before_does_not_count(how: Isolation, isolated: Isolated) -> None:
    async with isolated(how, "disk=5MB") as scratch:
        (scratch.tree / "large").write_bytes(b"x" * 10**7)
        evidence, output = await attack(scratch, "import time; time.sleep(0.6)")
    assert not evidence.exit_code, output


# ---- what limits and isolation are wanted -------------------------------------------------------------------------


def test_limits_are_changed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_CHECK_LIMITS", "memory=8GB, processes=1000,cpu=60")
    assert limits_from_environment() == CheckLimits(memory=8 * 10**9, processes=1000, cpu=60)


@pytest.mark.parametrize("given", ["memory", "memory=", "memory=lots", "speed=3", "memory=8XB", "cpu=0"])
def test_a_limit_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_CHECK_LIMITS", given)
    with pytest.raises(
        LimitsInvalid, match=re.escape(f"`{given}` in BATON_CHECK_LIMITS is not a limit. Write them as")
    ):
        limits_from_environment()


@pytest.mark.parametrize(
    ("wish", "whose", "isolates"), [("", "somebody's", 1), ("auto", "a template's", 0), ("off", "somebody's", 0)]
)
async def test_what_templates_made_runs_as_it_is_and_what_nobody_here_wrote_isolated(
    wish: str, whose: str, isolates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_ISOLATION", wish)
    assert bool(await isolation_for(untrusted=whose == "somebody's")) == bool(isolates)


async def test_isolation_that_is_required_is_complete_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_ISOLATION", "required")
    monkeypatch.setattr(
        "agents.checks.sandbox.isolation._tried", lambda: Isolation(landlock=True, escapes=frozenset({"signal"}))
    )
    with pytest.raises(IsolationMissing) as refused:
        await isolation_for(untrusted=False)
    assert str(refused.value).startswith(
        "checks must run isolated (BATON_ISOLATION=required), and this machine can do that with Landlock and limits"
        " only (processes: tools can end other processes of the same user).\nInstall bubblewrap"
    )
    monkeypatch.setattr("agents.checks.sandbox.isolation._tried", lambda: Isolation(bwrap=("bwrap",)))
    assert await isolation_for(untrusted=False) == Isolation(bwrap=("bwrap",))


async def test_an_unknown_wish_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_ISOLATION", "yes")
    with pytest.raises(IsolationInvalid, match="BATON_ISOLATION is `yes`; it can be `auto`, `required`, `off`"):
        await isolation_for(untrusted=True)


# ---- the database ---------------------------------------------------------------------------------------------------


async def test_an_isolated_tool_s_role_has_its_own_databases_and_nothing_else(
    isolated: Isolated, admin_dsn: str
) -> None:
    """It makes databases, as the app's test suite does, and none is left."""
    how = await level(LIMITS)
    async with isolated(how) as scratch:
        dsn = await scratch.database("own")
        mine = await asyncpg.connect(dsn)
        role = await mine.fetchval("select current_user")
        await mine.execute("create table t (a int); insert into t values (1)")
        await mine.execute(f'create database "{role}_own_test"')
        await mine.execute('create database "another name"')
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mine.execute("copy t to program 'cat'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mine.fetchval("select pg_read_file('/etc/passwd')")
        copied = await asyncpg.connect(await scratch.database("copy"))
        for name, user in (("postgres", role), ("another name", role), (f"{role}_own", "postgres")):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="isolated code may not connect to database"):
                await asyncpg.connect(dsn, database=name, user=user)
        await copied.close()
        await mine.close()
    admin = await asyncpg.connect(admin_dsn)
    names = await admin.fetch("select datname from pg_database union all select rolname from pg_roles")
    await admin.close()
    assert not [name for (name,) in names if name.startswith(role) or name == "another name"]


@pytest.fixture
async def given_role(admin_dsn: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Make a role with these rights, as a server of the user's own has it; return its DSN."""
    admin = await asyncpg.connect(admin_dsn)

    async def make(rights: str) -> str:
        await admin.execute(f"create role given login {rights}")
        return admin_dsn.replace("postgres@", "given@")

    yield make
    await admin.execute("drop role given")
    await admin.close()


async def test_a_role_that_is_no_superuser_can_have_isolated_databases(
    given_role: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    given = await given_role("createdb createrole")
    databases = ScratchDatabases(given, tmp_path)
    mine = await asyncpg.connect(await databases.get("own"))
    await mine.execute("create table t ()")
    await mine.execute(f'create database "{await mine.fetchval("select current_database()")}_test"')
    await mine.close()
    copied = await asyncpg.connect(await databases.get("copy", like="own"))
    assert await copied.fetchval("select count(*) from pg_tables where tablename = 't'") == 1
    await databases.close()
    left = await asyncpg.connect(given)
    assert not await left.fetch("select from pg_roles where starts_with(rolname, 'baton_scratch')")
    await left.close()
    copied.terminate()


async def test_a_role_that_may_make_no_role_is_told_what_it_needs(
    given_role: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    databases = ScratchDatabases(await given_role("createdb"), tmp_path)
    with pytest.raises(ScratchError, match=r"may not create one: .*\. It needs CREATEROLE \(docs/security\.md\)"):
        await databases.get("own")
    await databases.close()


async def test_a_tool_s_databases_are_reached_through_the_isolation(how: Isolation, isolated: Isolated) -> None:
    code = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SOCKET']);"
        "s.send(bytes.fromhex('0000000804d2162f')); print(s.recv(1))"
    )
    async with isolated(how) as scratch:
        folder = (await scratch.database("own")).partition("host=")[2]
        argv = [sys.executable, "-I", "-c", code]
        evidence, output = await scratch.tool("tool", argv, env={"SOCKET": f"{folder}/{SOCKET}"})
        unlinked, _ = await attack(scratch, "import os, sys; os.unlink(sys.argv[1])", f"{folder}/{SOCKET}")
        assert unlinked.exit_code or how.by == "limits"
    assert (evidence.exit_code, output) == (0, "b'N'\n")


@asynccontextmanager
async def encrypted(folder: Path, socket: str) -> AsyncIterator[tuple[int, list[bool]]]:
    """Stand before a server as one that wants TLS; yield the port, and for each connection whether it was encrypted."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server"]
    await asyncio.to_thread(
        subprocess.run, [*made, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    seen: list[bool] = []

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(8)
        seen.append(asked == bytes.fromhex("0000000804d2162f"))
        writer.write(b"S")
        await writer.start_tls(context)
        behind, to_behind = await asyncio.open_unix_connection(socket)
        ways = [asyncio.create_task(_copy(reader, to_behind)), asyncio.create_task(_copy(behind, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        to_behind.close()
        writer.close()

    server = await asyncio.start_server(front, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()


async def test_the_way_to_a_server_is_encrypted_as_its_dsn_says(admin_dsn: str, tmp_path: Path) -> None:
    folder = admin_dsn.partition("host=")[2]
    async with encrypted(tmp_path, f"{folder}/{SOCKET}") as (port, seen):
        databases = ScratchDatabases(f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=require", tmp_path)
        mine = await asyncpg.connect(await databases.get("own"))
        assert await mine.fetchval("select 1") == 1
        await mine.close()
        await databases.close()
    assert seen == [True, True]


# ---- checks ---------------------------------------------------------------------------------------------------------


class Confused:
    """Reads a report that is not one."""

    name = "confused"
    after: tuple[str, ...] = ()

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        await attack(scratch, "open('report.json', 'w').write('{')")
        json.loads(scratch.left(scratch.tree / "report.json") or "{}")
        return Outcome(passed=True, summary="", evidence=())


async def test_a_report_that_was_written_over_fails_the_check_and_no_more(isolated: Isolated) -> None:
    async with isolated(await level(LIMITS)) as scratch:
        outcomes = await run_checks([Confused()], scratch, work(feature()))
    assert (outcomes["confused"].passed, outcomes["confused"].summary) == (False, "what it reads cannot be read")


@pytest.mark.slow
async def test_a_lock_that_nobody_here_wrote_may_not_run_code_when_it_is_installed(isolated: Isolated) -> None:
    async with isolated(await level(BUBBLEWRAP)) as scratch:
        (scratch.tree / "requirements-dev.lock").write_text("--index-url http://127.0.0.1:9/\nattrs==1\n")
        with pytest.raises(Exception, match="line 1 of the Python lock file is an option of the installer"):
            await scratch.python()
