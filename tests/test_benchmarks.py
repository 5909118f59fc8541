"""Each benchmark runs, with as little as it can be given. What it measures is not looked at: the machine may be busy.

Not here: `benchmarks.faults`, `benchmarks.soak` and `benchmarks.tokens`, tested with what they are about.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import checkpoint, cold_start, handoff, load, run
from orchestrator.storage.home import home

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder that PostgreSQL's own user may enter, too."""
    with tempfile.TemporaryDirectory(prefix="baton-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def collected() -> Iterator[None]:
    """Leave the garbage collector as it was."""
    before = gc.get_threshold()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_runs_are_measured_beside_their_tools(place: Path) -> None:
    (place / "home").mkdir()
    (place / "home/cache").symlink_to(home() / "cache")  # or every package would be fetched again
    folder = place / "measured"
    folder.mkdir()
    report = asyncio.run(run.measure(folder, place / "home", rounds=1, agents=["database-agent"], entities=2))
    told = "\n".join(run.lines(report))
    assert "wall / floor" in told
    assert "database-agent/migrations" in told
    assert "did not end well" not in told
    assert report.checkpoints > 0


def test_checkpoints_are_measured_beside_the_official_saver_s(capsys: pytest.CaptureFixture[str]) -> None:
    async def measure() -> None:
        async with checkpoint.both_savers() as savers:
            await checkpoint.report(savers, 1, quick=True, sizes=checkpoint.SIZES[:1], at_once=[2])

    with collected():
        asyncio.run(measure())
    assert "2 runs at once" in capsys.readouterr().out


def test_many_runs_are_measured_beside_bare_graphs(capsys: pytest.CaptureFixture[str]) -> None:
    with collected():
        asyncio.run(load.main(runs=4, at_once=2, rounds=1, history=10))
    told = capsys.readouterr().out
    assert "ratio" in told
    assert "after 10 finished runs" in told


def test_reading_a_handoff_is_measured_beside_bare_parsers(capsys: pytest.CaptureFixture[str]) -> None:
    handoff.main(rounds=1, sizes=[10])
    assert "ratio" in capsys.readouterr().out


def test_the_start_of_a_deployed_app_is_measured_beside_a_bare_one(place: Path) -> None:
    """With this environment: another would have to be installed first."""
    (place / "source").mkdir()
    medians = asyncio.run(cold_start.compare(Path(sys.executable), place, runs=1))
    assert set(medians) == {"Baton", "bare LangGraph"}
    assert all(each["import"] > 0 for each in medians.values())
