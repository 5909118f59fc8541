"""Measure one `baton run` from outside: wall, Baton's own processor time and memory, and when no tool was running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.storage import postgres
from orchestrator.storage.database import connect

_LOOK = 0.02  # seconds between looks at the process
_TICK = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_CHECKPOINTS = """
SELECT (SELECT coalesce(sum(octet_length(checkpoint) + octet_length(metadata)), 0)
        FROM baton.checkpoints WHERE starts_with(thread_id, $1))
     + (SELECT coalesce(sum(octet_length(value)), 0) FROM baton.checkpoint_writes WHERE starts_with(thread_id, $1))
     + (SELECT coalesce(sum(octet_length(value)), 0) FROM baton.checkpoint_values WHERE starts_with(thread_id, $1))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One run. Seconds; `peak` in bytes (VmHWM of Baton's own process); `load` is the 1-minute load average after it.

    `own_cpu` is the processor time of Baton's own process, `tools_cpu` that of every process it waited for. `idle` is
    the wall during which no check was under way: before the first, between two, after the last.
    """

    run: str
    status: str
    seconds: float
    own_cpu: float
    tools_cpu: float
    idle: tuple[float, float, float]
    checks: Mapping[str, float]
    peak: int
    load: float


def measure_run(prd: Path, workspace: Path, home: Path, agents: Sequence[str] = ()) -> Measured:
    """Run `baton run` in a process of its own and measure it.

    Raises:
        RuntimeError: The run did not complete.
    """
    argv = [str(Path(sys.executable).with_name("baton")), "run", str(prd), "--workspace", str(workspace), "--json"]
    if agents:
        argv += ["--agents", ",".join(agents)]
    output = workspace.with_name(f"{workspace.name}.jsonl")
    env = {**os.environ, "BATON_HOME": str(home)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have bytecode; without it Baton's imports take twice as long
    with output.open("wb") as lines:
        begun, started = time.time(), time.perf_counter()
        process = subprocess.Popen(argv, stdout=lines, env=env)
        peak = 0
        # The process stays a zombie while it is looked at: that is when its counters are final.
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            peak = max(peak, _high_water(process.pid))
            time.sleep(_LOOK)
        seconds = time.perf_counter() - started
        own, children = _processor_seconds(process.pid)
        process.wait()
    events = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    if process.returncode or not events:
        raise RuntimeError(f"`{' '.join(argv)}` ended with {process.returncode}; see {output}")
    spans = list(_spans(events))
    return Measured(
        run=next(event["run"] for event in events if event.get("type") == "run_started"),
        status=events[-1]["status"],
        seconds=seconds,
        own_cpu=own,
        tools_cpu=children,
        idle=_idle(begun, begun + seconds, [(start, end) for _, start, end in spans]),
        checks={name: end - start for name, start, end in spans},
        peak=peak,
        load=os.getloadavg()[0],
    )


async def checkpoint_bytes(home: Path, run: str) -> int:
    """Return how many bytes of checkpoints the database holds for a run."""
    async with postgres.serve(home) as server, connect(server) as pool:
        return int(await pool.fetchval(_CHECKPOINTS, f"{run}."))  # a thread for each time it was begun anew


def _spans(events: Iterable[Mapping[str, str]]) -> Iterable[tuple[str, float, float]]:
    """Yield (`agent/check`, start, end) of every check, as seconds since the epoch."""
    started: dict[str, float] = {}
    for event in events:
        name = f"{event.get('agent')}/{event.get('check')}"
        if event.get("type") == "check_started":
            started[name] = _epoch(event["at"])
        elif event.get("type") == "check_finished" and name in started:
            yield name, started[name], _epoch(event["at"])


def _idle(begun: float, ended: float, spans: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the seconds without any span: before the first, between two, after the last."""
    covered, last = 0.0, begun
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, last))
        last = max(last, end)
    before = min(start for start, _ in spans) - begun
    after = ended - last
    return before, ended - begun - covered - before - after, after


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _high_water(pid: int) -> int:
    """Return the most memory the process ever held, in bytes; 0 once it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KIB
    return 0


def _processor_seconds(pid: int) -> tuple[float, float]:
    """Return the processor seconds of a process itself, and of the children it waited for (user and system)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) / _TICK for field in fields[11:15])
    return user + system, children_user + children_system
