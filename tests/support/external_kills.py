"""Kill a run at each moment of taking work done outside: `python outside_kills.py SKILLS PRD FOLDER EVERY`.

It runs until the work is asked for, leaves it, and forks for each moment: the child goes on and is killed there, then
what is left is taken up again. Prints a JSON line a moment, the last one of a run that was never killed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from orchestrator import Orchestrator
from orchestrator.planning.policy import Policy
from tests.support.crash_points import Moments
from tests.support.small_agents import Kit

importlib.import_module("orchestrator.runtime.langgraph.driver")  # before the forks: LangGraph takes its time


async def begin(kit: Kit, prd: Path, workspace: Path) -> str:
    """Run until the work is asked for, and leave it."""
    async with kit.engine(workspace) as engine:
        run = await engine.start(prd, policy=Policy(outside=("two-agent",)))
        await run.result()
    (workspace / "two").mkdir()
    (workspace / "two/names.py").write_text("NAMES = [ 1 ]\n")
    (draft,) = (workspace / ".claude/handoff/outside/two-agent").glob("python*.md")
    draft.write_text(draft.read_text().replace("status: draft", "status: done"))
    return run.id


async def go_on(kit: Kit, workspace: Path, run_id: str) -> dict[str, Any]:
    """Go on with the run as long as it takes; return what can be compared of it."""
    async with kit.engine(workspace) as engine:
        if not (await engine.run(run_id)).status.startswith("completed"):
            await (await engine.resume(run_id)).result()
        return await told(engine, run_id, workspace)


async def told(engine: Orchestrator, run_id: str, workspace: Path) -> dict[str, Any]:
    files = {path.relative_to(workspace).as_posix(): path for path in workspace.rglob("*") if path.is_file()}
    events = [each.type async for each in engine.events(run_id)]
    return {
        "status": (await engine.run(run_id)).status,
        "files": sorted(name for name in files if "/history/" not in name),
        "kept": sum("/history/python-backend" in name for name in files),
        "names": files["two/names.py"].read_text(),
        "questions": len(await engine.questions(run_id)),
        "published": events.count("handoff_published"),
    }


def killed(kit: Kit, workspace: Path, run_id: str, moment: int, places: tuple[str, ...]) -> int:
    """Go on in a child that is killed at a moment; return its exit status, 0 if it got through before."""
    child = os.fork()
    if child == 0:
        Moments(moment, places)
        asyncio.run(go_on(kit, workspace, run_id))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(kit: Kit, prd: Path, folder: Path, every: int) -> None:
    moment, code = 1, -1
    while code:
        workspace = folder / str(moment)
        run_id = asyncio.run(begin(kit, prd, workspace))
        code = killed(kit, workspace, run_id, moment, (str(workspace),))
        came_to = asyncio.run(go_on(kit, workspace, run_id))
        sys.stdout.write(json.dumps({"moment": moment, "killed": code, "came_to": came_to}) + "\n")
        moment += every


if __name__ == "__main__":
    main(Kit(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
