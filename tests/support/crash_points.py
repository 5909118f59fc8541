"""Kill a run at its moments, then resume it: `python crash_points.py SKILLS PRD FOLDER FIRST STEP every|kinds`.

A moment is any of: a statement that writes to the database, before and after it is sent; a file that is opened for
writing, moved, made or removed in the workspace or among the run's own files; an event that is told. Its kind is what
it does to what: `kinds` kills at the first and the last moment of each kind, `every` at all of them. Of the chosen
moments it takes each STEP-th from the FIRST on, so that several programs can share them. It prepares once and forks for
each run, so a moment costs a fraction of a second. It prints a JSON line a moment.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import os
import re
import select
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from orchestrator import Orchestrator
from orchestrator.storage.event_log import EventLog
from orchestrator.storage.home import home, run_folder
from tests.support.small_agents import Kit

importlib.import_module("orchestrator.runtime.langgraph.driver")  # before the forks: LangGraph takes its time

_WRITES = re.compile(r"\s*(?P<kind>(?:INSERT INTO|UPDATE|DELETE FROM|COMMIT)\s*[\w.]*)", re.IGNORECASE)
_MOVES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}


class Moments:
    """Notes the kinds of this process's moments, in order; kills it at one of them, counted from 1."""

    def __init__(self, kill_at: int | None, places: tuple[str, ...]) -> None:
        self.kinds: list[str] = []
        self._kill_at = kill_at
        self._places = places
        sys.addaudithook(self._audit)
        for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
            self._around(asyncpg.Connection, name)
        original = EventLog._append

        @functools.wraps(original)
        def append(log: EventLog, event: Any) -> None:  # noqa: ANN401 - any event
            original(log, event)
            self.tick(f"told {event.type}")

        EventLog._append = append  # type: ignore[method-assign, assignment]  # a moment of its own

    def tick(self, kind: str) -> None:
        self.kinds.append(kind)
        if len(self.kinds) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _around(self, owner: Any, name: str) -> None:  # noqa: ANN401 - any class
        original = getattr(owner, name)

        @functools.wraps(original)
        async def waited(connection: Any, query: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
            writes = _WRITES.match(query)
            if writes:
                self.tick(f"before {writes['kind']}")
            result = await original(connection, query, *args, **kwargs)
            if writes:
                self.tick(f"after {writes['kind']}")
            return result

        setattr(owner, name, waited)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if (flags or 0) & (os.O_WRONLY | os.O_RDWR) and self._is_ours(path):
                self.tick(f"open {self._what(path)}")
        elif event in _MOVES and self._is_ours(args[0]):
            self.tick(f"{event} {self._what(args[0])}")

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._places)

    def _what(self, path: str | os.PathLike[str]) -> str:
        """Return the folder and the suffix of a path, without what differs from run to run."""
        place = next(place for place in self._places if os.fspath(path).startswith(place))
        below = Path(os.fspath(path)[len(place) :])
        return re.sub(r"[0-9a-f]{6,}|\d+", "N", f"{self._places.index(place)}{below.parent} {below.suffix}")


async def go(kit: Kit, prd: Path, workspace: Path) -> dict[str, Any]:
    """Start a run, or take up the one that is there; return what can be compared of it."""
    async with kit.engine(workspace) as engine:
        known = await engine.runs(workspace=workspace)
        if known and known[0].status.startswith("completed"):
            run_id = known[0].id
        else:
            run = await (engine.resume(known[0].id) if known else engine.start(prd))
            run_id = run.id
            await run.result()
        return await told(engine, run_id, workspace)


async def told(engine: Orchestrator, run_id: str, workspace: Path) -> dict[str, Any]:
    record = await engine.run(run_id)
    ledger = (await engine._engine.opened()).ledger
    attempts = await ledger.database.fetch(
        "SELECT step, attempt, status, receipt IS NOT NULL AS receipt FROM baton.steps WHERE run_id = $1"
        " ORDER BY step, attempt",
        run_id,
    )
    handoffs = await ledger.database.fetch("SELECT step FROM baton.handoffs WHERE run_id = $1 ORDER BY step", run_id)
    events = [
        json.loads(event.model_dump_json(exclude={"at", "seconds", "sha256"})) async for event in engine.events(run_id)
    ]
    text = json.dumps(events).replace(run_id, "RUN").replace(str(workspace), "WORKSPACE")
    return {
        "status": record.status,
        "owner": record.owner,
        "events": json.loads(text),
        "attempts": [dict(row) for row in attempts],
        "handoffs": [row["step"] for row in handoffs],
    }


class Child:
    """A forked process that does `work`."""

    def __init__(self, work: Callable[[], dict[str, Any]]) -> None:
        self._read_end, write_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(self._read_end)
                with os.fdopen(write_end, "w") as answer:
                    try:
                        answered, code = work(), 0
                    except BaseException:  # noqa: BLE001 - it ends here either way, and its parent must know
                        answered = {"error": traceback.format_exc()}
                    json.dump(answered, answer)
            finally:
                os._exit(code)
        os.close(write_end)

    def answers(self, seconds: float) -> bool:
        """Wait so long for the answer; return whether it comes."""
        return bool(select.select([self._read_end], [], [], max(0.0, seconds))[0])

    def ended(self) -> tuple[int, dict[str, Any]]:
        """Return how it ended (an exit code, or minus a signal), and what `work` returned or its `error`."""
        with os.fdopen(self._read_end) as answer:
            text = answer.read()
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code, json.loads(text) if code >= 0 else {}


def in_child(work: Callable[[], dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Do `work` in a forked process; return as `Child.ended` does."""
    return Child(work).ended()


def run_once(kit: Kit, prd: Path, workspace: Path, kill_at: int | None) -> tuple[int, dict[str, Any]]:
    places = (str(workspace), str(run_folder(home(), "")))

    def work() -> dict[str, Any]:
        moments = Moments(kill_at, places)
        return {**asyncio.run(go(kit, prd, workspace)), "kinds": moments.kinds}

    return in_child(work)


def files_of(workspace: Path) -> dict[str, str]:
    """Return the files, without front matter and what it says of time and run."""
    found = {}
    for path in sorted(workspace.rglob("*")):
        if path.is_file():
            text = path.read_text()
            body = text.split("---\n", 2)[2] if text.startswith("---\n") else text
            lines = (line for line in body.splitlines() if "imestamp" not in line)
            found[path.relative_to(workspace).as_posix()] = "\n".join(lines)
    return found


def ends_of_each_kind(kinds: Sequence[str]) -> list[int]:
    """Return the first and the last moment of each kind, counted from 1, in order."""
    first = {kind: moment for moment, kind in reversed([*enumerate(kinds, 1)])}
    last = {kind: moment for moment, kind in enumerate(kinds, 1)}
    return sorted({*first.values(), *last.values()})


def main(skills: Path, prd: Path, folder: Path, first: int, step: int, which: str) -> None:
    """Print what a whole run comes to, then what each killed one does."""
    kit = Kit(skills)
    _, whole = run_once(kit, prd, folder / "whole", None)
    print(json.dumps({"moment": 0, "killed": False, **whole, "files": files_of(folder / "whole")}), flush=True)  # noqa: T201 - a program
    kinds = whole["kinds"]
    moments = range(1, len(kinds) + 1) if which == "every" else ends_of_each_kind(kinds)
    for moment in moments[first - 1 :: step]:
        workspace = folder / f"at-{moment}"
        code, _ = run_once(kit, prd, workspace, moment)
        _, resumed = run_once(kit, prd, workspace, None)
        files = files_of(workspace)
        line = {"moment": moment, "killed": code == -signal.SIGKILL, **resumed, "files": files}
        print(json.dumps(line), flush=True)  # noqa: T201 - a program
        shutil.rmtree(workspace, ignore_errors=True)


if __name__ == "__main__":
    given_skills, given_prd, given_folder = map(Path, sys.argv[1:4])
    main(given_skills, given_prd, given_folder, int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
