"""A tool that the machine ended says so: what ran out, where, and what to do. Each with a tool that runs into it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agents.checks import machine
from agents.checks.diagnostics import machine_trouble, why
from agents.checks.environments.environments import Environments
from agents.checks.outcomes import failed_tool
from agents.checks.process import Finished, run_process
from agents.checks.python.tools import UnitTestsCheck
from agents.checks.time_limit import TimeLimit
from agents.toolchains.fastapi.toolchain import ENVIRONMENT
from tests.support.agent_material import ScratchIn, feature, work, write_tree

ROOT = Path(__file__).parents[2]
NOBODY = 65534
UNHURRIED = TimeLimit()
AS_NOBODY = f"import os, resource, subprocess; os.getuid() or os.setuid({NOBODY}); "  # limits do not stop root
ENDS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.{})"
KILLS_ITSELF = ENDS_ITSELF.format("SIGKILL")


async def reason_of(code: str, folder: Path, limit: TimeLimit = UNHURRIED) -> str:
    """Run Python as a tool, and return why it ended badly; its first line is the summary."""
    finished = await run_process([sys.executable, "-c", code], cwd=folder, env=dict(os.environ), limit=limit)
    assert finished.exit_code, finished.output
    return why(finished, "demo", [folder]) or f"no reason, but {finished}"


# ---- ends that the output does not tell ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        KILLS_ITSELF,
        f"import sys, subprocess as s; sys.exit(128 - s.call([sys.executable, '-c', '{KILLS_ITSELF}']))",
    ],
    ids=["killed", "its child killed"],
)
async def test_a_tool_that_was_killed_may_have_run_out_of_memory(code: str, tmp_path: Path) -> None:
    summary, facts, advice = (await reason_of(code, tmp_path)).splitlines()
    assert summary == "`demo` was killed by the system (out of memory?)"
    assert re.fullmatch(r"Now: [\d.]+ GB of [\d.]+ GB memory available.*\.", facts)
    assert advice == "Free memory, raise the limit, or run less at once, then retry the run."


def test_a_kernel_that_killed_for_memory_leaves_no_doubt() -> None:
    killed = Finished(exit_code=-9, seconds=1, output="", oom_kills=1)
    assert (why(killed, "demo", []) or "").startswith("`demo` was killed by the system (out of memory)\n")
    beside = Finished(exit_code=1, seconds=1, output="worker 'gw0' crashed", oom_kills=1)
    assert (why(beside, "demo", []) or "").startswith(
        "`demo` failed while the system killed processes for want of memory"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
    ],
)
def test_the_kernel_s_count_of_kills_is_read_in_both_versions(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert machine.kills_in(tmp_path) == 2
    assert machine.kills_in(tmp_path / "none") == 0


@pytest.mark.parametrize(
    ("membership", "file"),
    [
        ("0::/user/baton\n", "user/baton/memory.events"),
        ("0::/not/seen/from/the/container\n", "memory.events"),
        ("9:name=systemd:/\n4:cpu,memory:/baton\n0::/\n", "memory/baton/memory.oom_control"),
    ],
)
def test_the_control_group_is_found_where_a_machine_or_container_has_it(
    membership: str, file: str, tmp_path: Path
) -> None:
    (tmp_path / "cgroup").write_text(membership)
    place = tmp_path / "fs" / file
    place.parent.mkdir(parents=True)
    place.touch()
    assert machine._memory_group(tmp_path / "cgroup", tmp_path / "fs") == place.parent
    assert machine._memory_group(tmp_path / "none", tmp_path / "fs") is None


async def test_a_tool_that_crashed_is_told_by_its_signal(tmp_path: Path) -> None:
    assert (await reason_of(ENDS_ITSELF.format("SIGSEGV"), tmp_path)).startswith(
        "`demo` was ended by SIGSEGV\nIt crashed"
    )
    busy = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
    assert "processor time than the limit (ulimit -t)" in await reason_of(busy, tmp_path)


async def test_a_tool_that_hangs_says_for_how_long_and_where_to_look(tmp_path: Path) -> None:
    reason = await reason_of("import time; time.sleep(600)", tmp_path, TimeLimit(idle=0.5))
    summary, facts, advice = reason.splitlines()
    assert summary == "`demo` made no progress"
    assert facts.startswith("It was ended, with all it had started: no progress for 0.5 s: it printed nothing and used")
    assert "it never printed" in facts
    assert "The end of its log shows how far it got" in advice
    assert "`baton retry RUN --check-timeout SECONDS`" in advice


@pytest.mark.parametrize(("code", "exits"), [("print('MemoryError')", 0), ("import sys; sys.exit('3 failed')", 1)])
async def test_a_tool_that_ended_by_its_own_doing_has_no_such_reason(code: str, exits: int, tmp_path: Path) -> None:
    finished = await run_process([sys.executable, "-c", code], cwd=tmp_path, env=dict(os.environ), limit=UNHURRIED)
    assert (finished.exit_code, why(finished, "demo", [tmp_path])) == (exits, None)


# ---- limits that the output tells, deep in it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "title", "facts", "advice"),
    [
        (
            "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 29,) * 2); bytearray(1 << 30)",
            "out of memory",
            "memory available",
            "Free memory",
        ),
        ("open('/dev/full', 'w').write('x' * 9999)", "the disk is full", "free", "Make room, or set BATON_HOME"),
        (
            "from resource import *; setrlimit(RLIMIT_NOFILE, (9, 9)); [open('/dev/null') for _ in range(9)]",
            "too many open files",
            "the limit is",
            "`ulimit -n`",
        ),
        (
            "from resource import *; setrlimit(RLIMIT_FSIZE, (9, 9)); f = open('f', 'w'); f.write('x' * 99); f.flush()",
            "a file would be too large",
            "limit",
            "`ulimit -f`",
        ),
        (
            f"{AS_NOBODY} resource.setrlimit(resource.RLIMIT_NPROC, (0, 0)); subprocess.run(['true'])",
            "no further process or thread can be started",
            "limit",
            "`ulimit -u`",
        ),
        (f"{AS_NOBODY} open('closed/file', 'w')", "permission denied", "free", "Give whoever runs Baton the right"),
    ],
    ids=["memory", "disk", "files", "file size", "processes", "permission"],
)
async def test_a_limit_that_a_tool_ran_into_is_named(
    code: str, title: str, facts: str, advice: str, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    summary, said, now, last = (await reason_of(code, tmp_path)).splitlines()
    assert summary == f"`demo` ran into a limit of the machine: {title}"
    assert said.startswith("It says: ")
    assert facts in now
    assert last.startswith(advice) or advice in last
    assert last.endswith(", then retry the run.")


@pytest.mark.slow
async def test_node_s_full_heap_is_out_of_memory(tmp_path: Path, environments: Environments) -> None:
    node = await environments.node_itself()
    argv = [
        str(node.bin / "node"),
        "--max-old-space-size=16",
        "-e",
        "const a = []; for (;;) a.push(new Array(1e4).fill({}))",
    ]
    finished = await run_process(argv, cwd=tmp_path, env={}, limit=UNHURRIED)
    reason = why(finished, "vitest", [tmp_path]) or ""
    assert reason.startswith("`vitest` ran into a limit of the machine: out of memory\nIt says: FATAL ERROR: "), reason


# ---- disks that are full or read-only, for a tool and for Baton itself --------------------------------------------

# Runs in a mount namespace of its own. `place` is a disk of 64 kB, its mount options the first argument.
ON_A_SMALL_DISK = """
import asyncio, os, subprocess, sys
from pathlib import Path
from agents.checks.environments.environments import Environments
from agents.checks.errors import ScratchError
from agents.checks.scratch import Scratch

options, what = sys.argv[1:]
place, elsewhere = Path("place").absolute(), Path("elsewhere").absolute()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k" + options, "none", place], check=True)

async def tool(logs):
    tree = place if logs is elsewhere else elsewhere
    scratch = Scratch(run_id="r", tree=tree, logs=logs, environments=Environments(elsewhere), admin_dsn="")
    async with scratch:
        code = "print('hi', flush=True); open('f', 'w').write('x' * 99999)"
        evidence, _ = await scratch.tool("demo", [sys.executable, "-c", code])
        print(evidence.reason)
        print(Path(evidence.log).read_text(), end="")

async def environment():
    Path("lock").touch()
    await Environments(place / "cache").python(Path("lock"))

try:
    if options != ",ro" and what != "tool":
        (place / "filled").write_bytes(b"x" * {"log": 65536, "environment": 57344}[what])
    asyncio.run({"tool": lambda: tool(elsewhere), "log": lambda: tool(place), "environment": environment}[what]())
except ScratchError as error:
    print("ScratchError:", error)
"""


def on_a_small_disk(folder: Path, what: str, options: str = "") -> str:
    """Return what the script prints, or skip where even root may not mount."""
    (folder / "script.py").write_text(ON_A_SMALL_DISK)
    for name in ("place", "elsewhere"):
        (folder / name).mkdir()
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this machine admits no mount namespaces, in which disks can be made full")
    argv = [*namespace, sys.executable, "script.py", options, what]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_tool_that_filled_the_disk_says_which_and_leaves_its_log(tmp_path: Path) -> None:
    printed = on_a_small_disk(tmp_path, "tool")
    reason, log = printed.split("hi\nTraceback")
    assert reason.startswith("`python")
    assert " ran into a limit of the machine: the disk is full\nIt says: OSError: [Errno 28] No space left" in reason
    assert f"Now: `{tmp_path}/place`: 0 bytes of 65.5 kB free; `" in reason  # the full one first
    assert "Make room, or set BATON_HOME and TMPDIR to folders on another disk, then retry the run." in reason
    assert log.rstrip().endswith(f"{reason.strip()}]")


def test_a_tool_on_a_read_only_disk_says_which(tmp_path: Path) -> None:
    printed = on_a_small_disk(tmp_path, "tool", ",ro")
    assert "limit of the machine: the file system is read-only\nIt says: OSError: [Errno 30] Read-only file" in printed
    assert f"`{tmp_path}/place`: 65.5 kB of 65.5 kB free, read-only" in printed


@pytest.mark.parametrize(
    ("what", "options", "told"),
    [
        ("log", "", "check `demo` cannot go on: the disk is full: [Errno 28]"),
        ("environment", "", "a Python environment cannot be installed: `uv venv --quiet --relocatable …` ended with"),
        ("environment", ",ro", "installing the app's Python packages cannot go on: the file system is read-only"),
    ],
)
def test_baton_itself_tells_which_disk_is_full_or_read_only(what: str, options: str, told: str, tmp_path: Path) -> None:
    printed = on_a_small_disk(tmp_path, what, options)
    assert printed.startswith(f"ScratchError: {told}")
    assert ("read-only" if options else "the disk is full") in printed
    assert "place" in printed
    assert printed.rstrip().endswith("to folders on another disk, then retry the run.")


# ---- what Baton itself cannot have ---------------------------------------------------------------------------------

WITHOUT_A_LIMIT_TO_SPARE = """
import asyncio, os, resource, sys
from pathlib import Path
from agents.checks.environments.environments import Environments
from agents.checks.errors import ScratchError
from agents.checks.scratch import Scratch

async def main(limit):
    place = Path.cwd()
    async with Scratch(run_id="r", tree=place, logs=place, environments=Environments(place), admin_dsn="") as scratch:
        await asyncio.to_thread(int)  # as a Baton that runs has threads
        if limit == resource.RLIMIT_NPROC and os.getuid() == 0:
            os.setuid(65534)  # root is above this limit
        resource.setrlimit(limit, (0, 0))
        try:
            await scratch.tool("demo", ["true"])
        except ScratchError as error:
            print(type(error).__name__, error.transient, error, flush=True)
        os._exit(0)  # asyncio ends its executor in a thread, which cannot be had here

asyncio.run(main(getattr(resource, sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("RLIMIT_NPROC", "MachineBusy True check `demo` cannot go on: no further process or thread can be started: "),
        ("RLIMIT_NOFILE", "ScratchError False check `demo` cannot go on: too many open files: "),
    ],
)
def test_a_machine_that_starts_no_tool_is_an_error_with_the_way_out(limit: str, told: str) -> None:
    """Only the one that passes when others end is transient."""
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-c", WITHOUT_A_LIMIT_TO_SPARE, limit]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # whoever root becomes is to see it
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout.startswith(told), done.stderr
    assert "Now: the limit is 0.\nRaise the limit (`ulimit -" in done.stdout


def test_another_error_of_the_system_goes_through() -> None:
    with pytest.raises(FileNotFoundError), machine_trouble("a check", []):
        Path("/no/such/file").read_bytes()


# ---- what a check makes of it --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_check_whose_tool_is_killed_fails_with_the_reason_first(tmp_path: Path, scratch_in: ScratchIn) -> None:
    test = f"def test_much() -> None:\n    {KILLS_ITSELF}\n"
    write_tree(tmp_path / "tree", {"tests/unit/test_much.py": test})
    async with scratch_in(tmp_path / "tree") as scratch:
        outcome = await UnitTestsCheck("tests/unit", ENVIRONMENT).run(scratch, work(feature()))
    assert not outcome.passed
    assert outcome.summary == "`pytest` was killed by the system (out of memory?)"
    assert outcome.problems[0].startswith(f"{outcome.summary}\nNow: ")
    assert outcome.evidence[0].exit_code == -9
    assert outcome.summary in Path(outcome.evidence[0].log).read_text()


async def test_a_check_whose_tool_finds_faults_says_what_it_found(tmp_path: Path, scratch_in: ScratchIn) -> None:
    async with scratch_in(tmp_path / "tree") as scratch:
        evidence, output = await scratch.tool("demo", [sys.executable, "-c", "import sys; sys.exit('2 faults')"])
    outcome = failed_tool("demo finds faults", evidence, output)
    assert (outcome.summary, outcome.problems) == ("demo finds faults", ("2 faults",))
