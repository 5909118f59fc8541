"""Kill runs at random, again and again: `python -m benchmarks.soak --kills 200 [--seconds N] [--seed N]`.

Two processes at a time begin and take up runs of small agents, on one embedded PostgreSQL. Each is sent SIGKILL at a
random time, some while another one resumes the same run, and now and then PostgreSQL is killed, too. In the end nobody
disturbs the run, and its workspace, handoffs and events must equal those of a run that was never killed; no step may
have been done twice. What differs is printed with the seed that led to it, and the exit code is 1.

The crash matrix (`tests/orchestrator/runtime/test_crash_matrix.py`) kills at each moment known to matter; this one at
any.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.storage.embedded import Embedded
from tests.support.crash_points import Child, files_of, go
from tests.support.killable_home import own_home, postmaster_id
from tests.support.small_agents import PRD, Kit

WORKERS = 2
MOST_KILLS = 4  # of one run
SERVER_KILLED = 0.15  # of the times that a run is worked on
RIVALS = 0.2  # of them, too: another process wants the same run
STEPS = {"intake": 1, "one-agent": 1, "two-agent": 1, "three-agent": 1}
LONGER = 1.3  # times what an undisturbed run takes: the last moment at which one is killed
PATIENCE = 120.0  # seconds for a run that nobody disturbs


@dataclass
class Counts:
    """What happened; `differences` are texts."""

    runs: int = 0
    kills: int = 0
    servers_killed: int = 0
    rivals: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Mapping[str, Any]) -> None:
        self.runs += other["runs"]
        self.kills += other["kills"]
        self.servers_killed += other["servers_killed"]
        self.rivals += other["rivals"]
        self.differences += other["differences"]


class Soak:
    """One worker: run after run, each killed some times."""

    def __init__(self, folder: Path, name: str, seed: str) -> None:
        self._folder = folder
        self._name = name
        self._seed = seed
        self._kit = Kit(folder / "skills")
        self._prd = folder / "prd.md"
        self._server = Embedded.at(Path(os.environ["BATON_HOME"]))
        self.counts = Counts()

    def until(self, kills: int, deadline: float) -> Counts:
        """Go on until so many processes were killed, or the deadline on the monotonic clock."""
        whole, seconds = self._whole()
        while self.counts.kills < kills and time.monotonic() < deadline:
            seed = f"{self._seed}/{self._name}/{self.counts.runs}"
            workspace = self._folder / f"{self._name}-{self.counts.runs}"
            before = self.counts.kills
            ended = self._disturbed(random.Random(seed), workspace, LONGER * seconds)  # noqa: S311 - not for secrets
            found = differences(ended, whole, self.counts.kills - before)
            self.counts.differences += [f"seed {seed}, workspace {workspace}: {each}" for each in found]
            self.counts.runs += 1
        return self.counts

    def _whole(self) -> tuple[dict[str, Any], float]:
        """Return what a run comes to that nobody disturbs, and the seconds it takes when all is warm."""
        for attempt in ("first", "second"):
            started = time.monotonic()
            whole = self._finish(self._folder / f"{self._name}-{attempt}")
        return whole, time.monotonic() - started

    def _finish(self, workspace: Path) -> dict[str, Any]:
        child = self._begin(workspace)
        if not child.answers(PATIENCE):
            os.kill(child.pid, signal.SIGKILL)
        code, ended = child.ended()
        return {**ended, "code": code, "files": files_of(workspace)}

    def _begin(self, workspace: Path) -> Child:
        return Child(lambda: asyncio.run(go(self._kit, self._prd, workspace)))

    def _disturbed(self, chance: random.Random, workspace: Path, longest: float) -> dict[str, Any]:
        for _ in range(chance.randint(1, MOST_KILLS)):
            at_work = [self._begin(workspace)]
            if chance.random() < RIVALS:
                at_work.append(self._begin(workspace))
                self.counts.rivals += 1
            moments: list[tuple[float, Child | None]] = [(chance.uniform(0, longest), child) for child in at_work]
            if chance.random() < SERVER_KILLED:
                moments.append((chance.uniform(0, longest), None))
            self._kill_at(moments)
        return self._finish(workspace)

    def _kill_at(self, moments: Sequence[tuple[float, Child | None]]) -> None:
        """Kill each child, or the server, at its moment after now, unless the child is done by then."""
        started = time.monotonic()
        for moment, child in sorted(moments, key=lambda each: each[0]):
            left = started + moment - time.monotonic()
            if child is None:
                time.sleep(max(0.0, left))
                self._kill_server()
            elif not child.answers(left):
                os.kill(child.pid, signal.SIGKILL)
        for _, child in moments:
            if child is not None:
                self.counts.kills += child.ended()[0] == -signal.SIGKILL

    def _kill_server(self) -> None:
        with suppress(OSError, ValueError, IndexError):  # it is just being started again
            os.kill(postmaster_id(self._server), signal.SIGKILL)
            self.counts.servers_killed += 1


def differences(ended: Mapping[str, Any], whole: Mapping[str, Any], kills: int) -> list[str]:
    """Return what is wrong with a run that was killed so often, compared with one that was not."""
    if ended["code"] != 0:
        why = ended.get("error", f"if by a signal, it took longer than {PATIENCE:.0f} s")
        return [f"the last process ended with {ended['code']}: {why}"]
    found = [
        f"{name} is {json.dumps(ended[name])}, should be {json.dumps(whole[name])}"
        for name in ("status", "owner", "files", "handoffs", "events")
        if ended[name] != whole[name]
    ]
    done = Counter(row["step"] for row in ended["attempts"] if row["status"] == "published")
    begun = [row for row in ended["attempts"] if row["status"] == "begun"]
    if done != STEPS or len(begun) > kills or any(row["receipt"] for row in begun):
        found.append(f"a step was done twice, or not at all: {json.dumps(ended['attempts'])}")
    return found


def work(folder: Path, name: str, seed: str, kills: int, seconds: float) -> None:
    """Be a worker; print the counts."""
    counts = Soak(folder, name, seed).until(kills, time.monotonic() + seconds)
    print(json.dumps(asdict(counts)))


def soak(kills: int, seconds: float, seed: str) -> Counts:
    """Return what so many kills came to."""
    total = Counts()
    with own_home() as home:
        os.environ["BATON_HOME"] = str(home)
        os.environ.pop("BATON_DATABASE_URL", None)
        (home / "skills").mkdir()
        (home / "prd.md").write_text(PRD, encoding="utf-8")
        Kit(home / "skills")
        server = Embedded.at(home)
        server.start()
        words = [sys.executable, "-m", "benchmarks.soak", "--seed", seed, "--seconds", str(seconds)]
        share = ["--kills", str(-(-kills // WORKERS)), "--folder", str(home)]
        workers = [
            subprocess.Popen([*words, *share, "--worker", str(number)], stdout=subprocess.PIPE, text=True)
            for number in range(WORKERS)
        ]
        said = [worker.communicate()[0] for worker in workers]
        server.leave()
    for worker, text in zip(workers, said, strict=True):
        if worker.returncode == 0:
            total.add(json.loads(text))
        else:
            total.differences.append(f"a worker ended with {worker.returncode}")
    return total


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--kills", type=int, default=200, help="processes to kill")
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop after so long, however many were killed")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of the times at which they are killed")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        work(given.folder, given.worker, given.seed, given.kills, given.seconds)
        return 0
    started = time.monotonic()
    total = soak(given.kills, given.seconds, given.seed)
    print(
        f"seed {given.seed}: {total.runs} runs, {total.kills} processes killed, PostgreSQL killed"
        f" {total.servers_killed} times, {total.rivals} times two at one run; {len(total.differences)} differences"
        f" ({time.monotonic() - started:.0f} s)"
    )
    for each in total.differences:
        print(each)
    return 1 if total.differences else 0


if __name__ == "__main__":
    sys.exit(main())
