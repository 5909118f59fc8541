"""PostgreSQL is killed under a run that works: the run waits for it, goes on, and comes to the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.storage.embedded import Embedded
from tests.orchestrator.runtime.test_engine_runs import files_of
from tests.support.crash_points import told
from tests.support.killable_home import kill_postmaster, own_home
from tests.support.small_agents import PRD, Kit

pytestmark = pytest.mark.slow

EVERY = 4  # of a run's events, one at which the server is killed


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with own_home() as home:
        yield home


@pytest.fixture
def small(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """As `kit`, on an embedded server that may be killed."""
    monkeypatch.setenv("BATON_HOME", str(home))
    monkeypatch.delenv("BATON_DATABASE_URL", raising=False)
    (tmp_path / "prd.md").write_text(PRD)
    (tmp_path / "skills").mkdir()
    return Kit(tmp_path / "skills")


async def run(kit: Kit, workspace: Path, home: Path, kill_at: set[int]) -> dict[str, Any]:
    async with kit.engine(workspace) as engine:
        run = await engine.start(workspace.parent / "prd.md")
        number = 0
        async for _ in run.events():
            if number in kill_at:
                await asyncio.to_thread(kill_postmaster, Embedded.at(home))
            number += 1
        await run.result()
        return {**await told(engine, run.id, workspace), "files": files_of(workspace), "count": number}


async def test_a_run_goes_on_whenever_its_database_is_killed(small: Kit, home: Path, tmp_path: Path) -> None:
    whole = await run(small, tmp_path / "whole", home, set())
    assert whole["status"] == "completed"
    for moment in range(0, whole["count"], EVERY):
        assert await run(small, tmp_path / f"killed-{moment}", home, {moment}) == whole, f"killed at {moment}"


async def test_a_run_goes_on_however_often_its_database_is_killed(small: Kit, home: Path, tmp_path: Path) -> None:
    whole = await run(small, tmp_path / "whole", home, set())
    assert await run(small, tmp_path / "killed", home, set(range(0, whole["count"], EVERY))) == whole


async def test_runs_side_by_side_go_on_when_their_database_is_killed(small: Kit, home: Path, tmp_path: Path) -> None:
    async with small.engine(tmp_path) as engine:
        runs = [await engine.start(tmp_path / "prd.md", workspace=tmp_path / f"shop-{number}") for number in range(5)]
        for _ in range(3):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(kill_postmaster, Embedded.at(home))
            await (await engine._engine.opened()).ledger.database.fetchval("SELECT 1")
        results = [await run.result() for run in runs]
    assert [result.status for result in results] == ["completed"] * 5
