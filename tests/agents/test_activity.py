"""A tool is ended when it makes no progress or would never end, not because a clock says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from agents.checks.activity import Processes, Seen, Supervision
from agents.checks.sandbox.isolation import Isolation
from agents.checks.scratch import Scratch
from agents.checks.time_limit import IDLE, Overdue, TimeLimit, chosen_limit, scaled_limit
from tests.agents.test_sandbox import BUBBLEWRAP, LAUNCHER, Isolated, isolated, level
from tests.support.agent_material import ScratchIn

__all__ = ["isolated"]  # a fixture

# ---- the decision, in virtual time ----------------------------------------------------------------------------------

NOTHING = Seen(cpu=0.0, at_work=False)


class Tool:
    """A tool as it is seen from outside, `seconds` after its start."""

    def __init__(self, limit: TimeLimit) -> None:
        self.now, self.bytes, self.seen = 0.0, 0, NOTHING
        self.supervision = Supervision(limit, lambda: self.seen, lambda: self.bytes, lambda: self.now)

    def goes_on(self, seconds: float, *, prints_each: float = 0, seen: Seen = NOTHING) -> Overdue | None:
        """Let time pass in the steps in which it is looked at; return why the tool was ended, if it was."""
        until, printed = self.now + seconds, self.now
        while self.now < until:
            self.now += self.supervision.pause
            self.seen = seen
            if prints_each and self.now - printed >= prints_each:
                self.bytes, printed = self.bytes + 1, self.now
            if overdue := self.supervision.overdue():
                return overdue
        return None


LIMIT = TimeLimit(idle=300, total=7200, source="7200 s")


@pytest.mark.parametrize(
    ("prints_each", "seen"),
    [
        (290, NOTHING),
        (0, Seen(cpu=0.02, at_work=False)),  # a thousand others want the processor, too
        (0, Seen(cpu=0.0, at_work=True)),
    ],
    ids=["it prints now and then", "it works a little", "it waits for its turn"],
)
def test_what_makes_progress_goes_on_up_to_the_limit(prints_each: float, seen: Seen) -> None:
    tool = Tool(LIMIT)
    assert tool.goes_on(7000, prints_each=prints_each, seen=seen) is None
    overdue = tool.goes_on(300, prints_each=prints_each, seen=seen)
    assert overdue is not None
    assert (overdue.reached, overdue.seconds) == ("total", 7200)
    assert "still running after 7200 s" in str(overdue)
    assert str(overdue).endswith("the limit is 7200 s")


def test_what_makes_no_progress_is_ended_long_before_the_limit() -> None:
    tool = Tool(LIMIT)
    assert tool.goes_on(600, prints_each=5) is None
    overdue = tool.goes_on(600)
    assert overdue is not None
    assert (overdue.reached, overdue.seconds, overdue.silent) == ("idle", 900, 300)
    assert str(overdue).startswith("no progress for 300 s: it printed nothing and used no processor time")
    assert "ended after 900 s, 300 s after its last output" in str(overdue)


def test_waking_up_to_look_at_something_is_no_progress() -> None:
    overdue = Tool(LIMIT).goes_on(600, seen=Seen(cpu=0.0001, at_work=False))
    assert overdue is not None
    assert overdue.reached == "idle"
    assert "it never printed" in str(overdue)


def test_time_in_which_baton_itself_was_stopped_does_not_count() -> None:
    tool = Tool(LIMIT)
    for _ in range(20):
        tool.now += 3600
        assert tool.supervision.overdue() is None


def test_the_limit_grows_with_the_files_that_a_tool_may_work_on(tmp_path: Path) -> None:
    for name in ("app/a.py", "tests/b.py", "node_modules/c.js", ".venv/d.py", "app/__pycache__/e.pyc"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True, parents=True)
        place.touch()
    limit = scaled_limit(tmp_path)
    assert (limit.total, limit.idle) == (1800 + 2 * 30, IDLE)
    assert limit.source == "1800 s, and 30 s for each of the 2 files that it may work on"
    assert chosen_limit(20 * 3600) == TimeLimit(total=72000, idle=3600, source="the one chosen for this run")


# ---- real processes -------------------------------------------------------------------------------------------------

PRINTS_SLOWLY = "import time\nfor n in range(16): print(n, flush=True); time.sleep(0.3)"
COMPUTES = "import time\nwhile time.process_time() < 3.5: pass"
# The one that works is a grandchild, in a session of its own, and its parent sleeps.
HAS_IT_COMPUTED = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {COMPUTES!r}], start_new_session=True)"
)
SLEEPS = "print('hello', flush=True); import time; time.sleep(600)"
NEVER_ENDS = "import time\nwhile True: print('x', flush=True); time.sleep(0.05)"

Place = Callable[[TimeLimit], AbstractAsyncContextManager[Scratch]]


@pytest.fixture(params=["plain", BUBBLEWRAP, LAUNCHER])
async def place(request: pytest.FixtureRequest, tmp_path: Path, scratch_in: ScratchIn, isolated: Isolated) -> Place:
    """Make a scratch, isolated or not, with a time limit."""
    how: Isolation | None = None if request.param == "plain" else await level(request.param)
    if how is None:
        return lambda limit: scratch_in(tmp_path / "tree", limit)
    return lambda limit: isolated(how, limit=limit)


def python(code: str) -> Sequence[str]:
    return [sys.executable, "-I", "-c", code]


@pytest.mark.parametrize("code", [PRINTS_SLOWLY, HAS_IT_COMPUTED], ids=["prints slowly", "computes in silence"])
async def test_a_tool_that_makes_progress_is_left_alone_for_longer_than_it_may_be_idle(code: str, place: Place) -> None:
    async with place(TimeLimit(idle=3)) as scratch:
        evidence, output = await scratch.tool("demo", python(code))
    assert (evidence.exit_code, evidence.reason) == (0, None), output
    assert evidence.seconds > 3


async def test_a_tool_that_sleeps_is_ended_and_its_log_says_why(place: Place) -> None:
    async with place(TimeLimit(idle=1)) as scratch:
        evidence, output = await scratch.tool("demo", python(SLEEPS))
    assert evidence.exit_code == 124
    assert (
        "hello\n\n[stopped: no progress for 1 s: it printed nothing and used no processor time (ended after" in output
    )
    assert "after its last output" in output
    summary, facts, advice = (evidence.reason or "").splitlines()
    assert summary == f"`{evidence.tool}` made no progress"
    assert "no progress for 1 s" in facts
    assert "`baton retry RUN --check-timeout SECONDS`" in advice
    assert facts in Path(evidence.log).read_text()


async def test_a_tool_that_would_never_end_is_ended_at_the_limit(place: Place) -> None:
    async with place(TimeLimit(total=1, source="1 s, as the test wants it")) as scratch:
        evidence, output = await scratch.tool("demo", python(NEVER_ENDS))
    assert evidence.exit_code == 124
    assert "[stopped: still running after 1 s" in output
    assert "the limit is 1 s, as the test wants it" in output
    assert (evidence.reason or "").startswith(f"`{evidence.tool}` did not end in time\n")


def test_a_process_that_lost_its_parent_is_still_seen() -> None:
    begun = subprocess.Popen(
        ["sh", "-c", '("$@" &); read end', "sh", *python(COMPUTES)], stdin=subprocess.PIPE, start_new_session=True
    )
    processes = Processes(begun.pid)
    cpu = 0.0
    while cpu < 2:  # more than the shell takes, less than what it started
        time.sleep(0.05)
        cpu += processes.look().cpu
    os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()
