"""What a killed run left running is ended before the run goes on, whatever it does about it, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agents.checks import orphans
from agents.checks.orphans import end_orphans
from agents.checks.process import RUN_MARKER

ROOT = Path(__file__).parents[2]

# Baton: runs one tool that never ends, for the run named on the command line.
BATON = """
import asyncio, sys
from pathlib import Path
from agents.checks.environments.environments import Environments
from agents.checks.scratch import Scratch

async def main(run, place, tool):
    scratch = Scratch(run_id=run, tree=place, logs=place, environments=Environments(place), admin_dsn="")
    async with scratch:
        await scratch.tool("tool", [sys.executable, tool, str(scratch.home)])

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
"""

# The tool: has a child in its group without the run's mark, and one that left the group and ignores SIGTERM.
TOOL = """
import os, signal, subprocess, sys, time
ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
left = subprocess.Popen([sys.executable, "-c", ignoring], start_new_session=True, stdout=subprocess.PIPE)
left.stdout.readline()
bare = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={})
with open("pids.part", "w") as file:
    print(os.getpid(), left.pid, bare.pid, file=file)
    print(sys.argv[1], file=file)
os.rename("pids.part", "pids")
time.sleep(600)
"""


class Tools:
    """The tools of a Baton that was killed: their pids and their temporary folder."""

    def __init__(self, place: Path, run: str) -> None:
        place.mkdir()
        (place / "baton.py").write_text(BATON)
        (place / "tool.py").write_text(TOOL)
        argv = [sys.executable, "baton.py", run, str(place), str(place / "tool.py")]
        with subprocess.Popen(argv, cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}) as baton:
            eventually((place / "pids").exists)
            baton.send_signal(signal.SIGKILL)
        pids, home = (place / "pids").read_text().splitlines()
        self.processes = [psutil.Process(int(pid)) for pid in pids.split()]
        self.home = Path(home)

    @property
    def living(self) -> int:
        return sum(lives(process) for process in self.processes)


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600  # only what hangs takes so long
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Callable[[str], Tools]]:
    made: list[Tools] = []

    def make(run: str) -> Tools:
        made.append(Tools(tmp_path / run, run))
        return made[-1]

    yield make
    for process in (process for tools in made for process in tools.processes if lives(process)):
        process.kill()


@pytest.mark.slow
async def test_the_tools_of_a_killed_run_are_ended_with_all_they_started(killed: Callable[[str], Tools]) -> None:
    """One of them ignores SIGTERM in a session of its own, one has not even the run's mark."""
    tools = killed("run-1")
    assert tools.living == 3
    assert tools.home.is_dir()

    assert await end_orphans("run-1") == 3
    assert tools.living == 0
    assert not tools.home.exists()
    assert await end_orphans("run-1") == 0


@pytest.mark.slow
async def test_the_tools_of_another_run_are_left_alone(killed: Callable[[str], Tools]) -> None:
    """Not even of one whose id begins alike."""
    ours, theirs = killed("run-1"), killed("run-12")
    await end_orphans("run-1")
    assert (ours.living, theirs.living) == (0, 3)
    assert theirs.home.is_dir()
    await end_orphans("run-12")


def test_baton_and_what_started_it_are_never_ended(tmp_path: Path) -> None:
    """Even if they carry the run's mark, as when a tool of the run runs Baton."""
    (tmp_path / "nested.py").write_text(
        "import asyncio, subprocess, sys\n"
        "from agents.checks.orphans import end_orphans\n"
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(argv, start_new_session=True)\n"
        "print(asyncio.run(end_orphans('run-1')), child.wait())\n"
    )
    script = f"{sys.executable} nested.py; echo survived"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), RUN_MARKER: "run-1"},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.split() == ["1", str(-signal.SIGTERM), "survived"], done.stderr


def test_a_pid_that_is_another_process_by_now_is_not_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        stale = psutil.Process(other.pid)
        monkeypatch.setattr(stale, "_ident", (other.pid, 1.0))  # as a process is known that had the pid before
        orphans._signal_and_wait([stale], signal.SIGKILL, 0.5)
        assert other.poll() is None
        other.kill()


async def test_nothing_left_is_nothing_to_do() -> None:
    folder = Path(tempfile.mkdtemp(prefix=orphans.home_prefix("run-2")))
    assert await end_orphans("run-1") == 0
    assert folder.is_dir()
    assert await end_orphans("run-2") == 0
    assert not folder.exists()
