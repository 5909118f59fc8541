"""Code that means harm does none: each attack is a real process, under each isolation that claims to stop it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from agents.checks.environments.environments import Environments
from agents.checks.environments.versions import tool_label
from agents.checks.evidence import Evidence
from agents.checks.python.mypy_seed import _configuration, _third_party_modules
from agents.checks.python.tools import measure_annotations
from agents.checks.sandbox import isolation as isolating
from agents.checks.sandbox.isolation import Isolation, isolation
from agents.checks.sandbox.untrusted_files import write_derived
from agents.checks.scratch import Scratch
from agents.checks.time_limit import TimeLimit
from tests.support.agent_material import LOCKS

BUBBLEWRAP, LAUNCHER, LIMITS = "bubblewrap", "launcher", "limits"

# Where limits are all there is, nothing of this is claimed.
walled = pytest.mark.parametrize("how", [BUBBLEWRAP, LAUNCHER], indirect=True)

Isolated = Callable[..., AbstractAsyncContextManager[Scratch]]


async def level(name: str) -> Isolation:
    """Return a level of isolation as far as this machine has it, or skip."""
    if name == LIMITS:
        return Isolation(escapes=frozenset({"read", "write", "connect", "signal", "environment"}))
    found = await isolation() if name == BUBBLEWRAP else await without_bubblewrap()
    if name == BUBBLEWRAP and not found.bwrap:
        pytest.skip("bubblewrap is not installed here, or not allowed")
    return found


_without: list[Isolation] = []  # tried once


async def without_bubblewrap() -> Isolation:
    if _without:
        return _without[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", lambda _: None)
        _without.append(await isolating._try_all())
    return _without[0]


def needs(how: Isolation, asset: str, what: str) -> None:
    if not next(each.held for each in how.assets() if each.name == asset):
        pytest.skip(f"this machine cannot keep tools from {what} so; `baton doctor` says it")


@pytest.fixture(params=[BUBBLEWRAP, LAUNCHER, LIMITS])
async def how(request: pytest.FixtureRequest) -> Isolation:
    return await level(request.param)


@pytest.fixture
def isolated(tmp_path: Path, environments: Environments, admin_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Isolated:
    """Make a scratch whose tools are isolated, with limits in the words of BATON_CHECK_LIMITS."""

    @asynccontextmanager
    async def make(how: Isolation, limits: str = "", limit: TimeLimit | None = None) -> AsyncIterator[Scratch]:
        monkeypatch.setenv("BATON_CHECK_LIMITS", limits)
        (tmp_path / "tree").mkdir(exist_ok=True)
        async with Scratch(
            run_id="attacked",
            tree=tmp_path / "tree",
            logs=tmp_path / "logs",
            environments=environments,
            admin_dsn=admin_dsn,
            locks=LOCKS,
            isolation=how,
            limit=limit,
        ) as scratch:
            yield scratch

    return make


async def attack(scratch: Scratch, code: str, *arguments: object) -> tuple[Evidence, str]:
    argv = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    return await scratch.tool("attack", argv)


@contextmanager
def listener() -> Iterator[socket.socket]:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        yield listening


def started(argv: list[str], **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=subprocess.PIPE, env={**os.environ, **env})


def bystander(**env: str) -> subprocess.Popen[bytes]:
    """Start a process of ours that waits for the end of its input, and so for being left."""
    return started(["cat"], **env)


def living(marker: str) -> list[str]:
    """Return the processes of this machine whose command line has the marker."""
    found = subprocess.run(["pgrep", "-af", marker], capture_output=True, text=True, check=False).stdout
    return [line for line in found.splitlines() if "pgrep" not in line]


async def gone(marker: str) -> bool:
    """Wait a little for killed processes to be no more."""
    for _ in range(200):
        if not living(marker):
            return True
        await asyncio.sleep(0.05)
    return False


# ---- what a tool may do ---------------------------------------------------------------------------------------------


async def test_an_isolated_tool_works_in_the_tree_and_in_its_temporary_folder(
    how: Isolation, isolated: Isolated
) -> None:
    code = (
        "import os, socket, tempfile; open('made', 'w').write('1'); tempfile.NamedTemporaryFile().write(b'x');"
        "server = socket.create_server(('127.0.0.1', 0)) if os.environ['LOOPBACK'] else None;"
        "server and socket.create_connection(server.getsockname());"
        "print(os.getcwd(), sorted(os.environ)); raise SystemExit(3)"
    )
    async with isolated(how) as scratch:
        loopback = "1" if how.bwrap or how.namespaces or not how.landlock else ""
        argv = [sys.executable, "-I", "-c", code]
        evidence, output = await scratch.tool("tool", argv, env={"LOOPBACK": loopback})
        assert (evidence.exit_code, evidence.reason) == (3, None), output
        assert (scratch.tree / "made").read_text() == "1"


async def test_how_a_tool_ended_is_told_through_the_isolation(how: Isolation, isolated: Isolated) -> None:
    async with isolated(how) as scratch:
        crashed, _ = await attack(scratch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        missing = scratch.tool("tool", ["no-such-program"])
        with pytest.raises(Exception, match="check `tool` cannot run `no-such-program`: No such file or directory"):
            await missing
    assert (crashed.exit_code, (crashed.reason or "").partition("\n")[0]) == (
        -11,
        f"`{crashed.tool}` was ended by SIGSEGV",
    )


async def test_a_tool_gets_no_secret_of_whoever_runs_baton(
    how: Isolation, isolated: Isolated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "very-secret")
    async with isolated(how) as scratch:
        _, output = await attack(scratch, "import os; print(dict(os.environ))")
    assert "very-secret" not in output
    assert "BATON_RUN" in output


@walled
async def test_baton_s_own_environment_cannot_be_read_in_proc(how: Isolation, isolated: Isolated) -> None:
    needs(how, "environment", "reading /proc")
    code = "import sys; print(open(f'/proc/{sys.argv[1]}/environ', 'rb').read())"
    with bystander(KEY="very-secret") as process:
        async with isolated(how) as scratch:
            evidence, output = await attack(scratch, code, process.pid)
    assert evidence.exit_code
    assert "very-secret" not in output


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["home", "another run", "baton's home"])
@walled
async def test_a_tool_reads_and_changes_nothing_outside(
    place: str, how: Isolation, isolated: Isolated, tmp_path: Path
) -> None:
    needs(how, "files", "files")
    folder = {"home": Path.home() / ".baton-attack", "another run": tmp_path / "other" / "tree"}.get(place)
    folder = folder or tmp_path / "baton" / "postgres"
    folder.mkdir(parents=True)
    secret, planted = folder / "id_rsa", folder / "planted"
    secret.write_text("very-secret")
    code = (
        "import sys, os\n"
        "for what in (lambda: print(open(sys.argv[1]).read()), lambda: open(sys.argv[1], 'w').write('broken'),"
        " lambda: open(sys.argv[2], 'w').write('planted'), lambda: os.rename('mine', sys.argv[1]),"
        " lambda: os.link(sys.argv[1], 'link'), lambda: print(os.listdir(os.path.dirname(sys.argv[1])))):\n"
        "    try: what()\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    try:
        async with isolated(how) as scratch:
            (scratch.tree / "mine").touch()
            _, output = await attack(scratch, code, secret, planted)
        assert "very-secret" not in output
        assert output.count("Error") == 6, output
        assert (secret.read_text(), planted.exists()) == ("very-secret", False)
    finally:
        secret.unlink()
        folder.rmdir()


@pytest.mark.parametrize("planted", ["link", "link to a folder", "pipe", "device", "huge"])
async def test_baton_follows_nothing_that_a_tool_planted(
    planted: str, how: Isolation, isolated: Isolated, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "report.json").write_text('"very-secret"')
    plant = {
        "link": "os.symlink(out + '/report.json', 'made/report.json')",
        "link to a folder": "os.rmdir('made'); os.symlink(out, 'made')",
        "pipe": "os.mkfifo('made/report.json')",
        "device": "os.symlink('/dev/zero', 'made/report.json')",
        "huge": "open('made/report.json', 'w').truncate(10**9)",
    }[planted]
    async with isolated(how) as scratch:
        code = f"import os, sys; out = sys.argv[1]; os.mkdir('made'); {plant}"
        evidence, output = await attack(scratch, code, tmp_path / "outside")
        assert not evidence.exit_code, output
        assert scratch.left(scratch.tree / "made" / "report.json") is None


@pytest.mark.parametrize("planted", ["os.symlink(out + '/file', 'made/file')", "os.symlink(out, 'made')"])
async def test_baton_writes_through_nothing_that_a_tool_planted(
    planted: str, isolated: Isolated, tmp_path: Path
) -> None:
    """The first is replaced, the second refused."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    async with isolated(await level(LIMITS)) as scratch:
        plant = f"'made/' in {planted!r} and os.mkdir('made'); {planted}"
        evidence, output = await attack(scratch, f"import os, sys; out = sys.argv[1]; {plant}", tmp_path / "outside")
        assert not evidence.exit_code, output
        with suppress(OSError):
            write_derived(scratch.tree / "made" / "file", scratch.tree, b"planted")
    assert (tmp_path / "outside" / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file"]


async def test_baton_reads_no_endless_file_of_the_tree(tmp_path: Path) -> None:
    """Where it looks at what a tool may have left beside the app's own files."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "zeros.py").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "app" / "pipe.py")
    os.mkfifo(tmp_path / "pyproject.toml")
    _, missing = measure_annotations(sorted((tmp_path / "app").iterdir()), tmp_path)
    assert missing == ["app/pipe.py: not a plain file", "app/zeros.py: not a plain file"]
    assert (_configuration(tmp_path), _third_party_modules(tmp_path, ["app"])) == ("{}", [])
    (tmp_path / "node_modules" / "vite").mkdir(parents=True)
    os.mkfifo(tmp_path / "node_modules" / "vite" / "package.json")
    assert tool_label(["vite"], None, tmp_path) == "vite"


# ---- network and processes ------------------------------------------------------------------------------------------


@walled
async def test_a_tool_reaches_no_listener_of_the_machine(how: Isolation, isolated: Isolated) -> None:
    needs(how, "network", "the network")
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5).send(b'x')"
    with listener() as listening:
        async with isolated(how) as scratch:
            evidence, output = await attack(scratch, code, listening.getsockname()[1])
        assert evidence.exit_code, output
        with pytest.raises(BlockingIOError):
            listening.accept()


@walled
async def test_a_tool_reaches_no_other_address(how: Isolation, isolated: Isolated) -> None:
    """The one where clouds hand out their credentials."""
    needs(how, "network", "the network")
    code = "import socket; socket.create_connection(('169.254.169.254', 80), 5)"
    async with isolated(how) as scratch:
        evidence, output = await attack(scratch, code)
    assert evidence.exit_code
    assert "Network is unreachable" in output or "Permission denied" in output


@walled
async def test_a_tool_cannot_end_processes_of_baton(how: Isolation, isolated: Isolated) -> None:
    needs(how, "processes", "other processes")
    code = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGKILL)"
    with bystander() as process:
        async with isolated(how) as scratch:
            evidence, _ = await attack(scratch, code, process.pid)
        assert evidence.exit_code
        assert process.poll() is None


async def test_a_daemon_does_not_outlive_its_tool(how: Isolation, isolated: Isolated, tmp_path: Path) -> None:
    """It leaves the group, the session and its parent, closes what it holds, and hides whose it is."""
    marker = f"daemon-of-{tmp_path.name}"
    code = (
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.closerange(0, 99)\n"
        "    os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]], {})\n"
        "import time; time.sleep(1)"
    )
    async with isolated(how) as scratch:
        evidence, output = await attack(scratch, code, marker)
        assert not evidence.exit_code, output
    assert await gone(marker), living(marker)


async def test_a_tool_that_sleeps_forever_is_ended_with_all_it_hid(
    how: Isolation, isolated: Isolated, tmp_path: Path
) -> None:
    marker = f"sleeper-of-{tmp_path.name}"
    sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen([sys.executable, '-c', {sleep!r}, sys.argv[1]], start_new_session=True, env={{}});"
        "time.sleep(600)"
    )
    async with isolated(how, limit=TimeLimit(idle=1)) as scratch:
        evidence, _ = await attack(scratch, code, marker)
    assert evidence.exit_code == 124
    assert (evidence.reason or "").startswith(f"`{evidence.tool}` made no progress\n")
    assert await gone(marker), living(marker)


async def test_a_baton_that_is_killed_takes_its_isolated_tools_along(tmp_path: Path, how: Isolation) -> None:
    marker = f"tool-of-{tmp_path.name}"
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from agents.checks.sandbox.isolation import Isolation\n"
        "from agents.checks.sandbox.limits import CheckLimits\n"
        "from agents.checks.sandbox.sandbox import Sandbox\n"
        "from agents.checks.time_limit import TimeLimit\n"
        f"place, how = Path({str(tmp_path)!r}), {how!r}\n"
        "env = {'HOME': str(place), 'PATH': '/usr/bin:/bin'}\n"
        f"argv = [sys.executable, '-I', '-c', 'import time; open(\"up\", \"w\"); time.sleep(600)', {marker!r}]\n"
        "asyncio.run(Sandbox(how, CheckLimits()).run(argv, cwd=place, env=env, limit=TimeLimit(), write=[place]))\n"
    )
    root = str(Path(__file__).parents[2])
    with started([sys.executable, "-c", code], PYTHONPATH=root) as baton:
        async with asyncio.timeout(600):
            while not (tmp_path / "up").exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.05)
        baton.send_signal(signal.SIGKILL)
    assert await gone(marker), living(marker)
