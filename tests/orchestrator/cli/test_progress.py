"""What a run says off a terminal while something takes long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from orchestrator.cli import progress
from orchestrator.records.events import CheckFinished, CheckStarted, Event


class _Long:
    """A check that goes on until something was said of it, twice; then nothing for as long."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *, silent: bool) -> None:
        self.said, self._capsys, self._silent = "", capsys, silent

    async def events(self, _after: int) -> AsyncIterator[Event]:
        yield CheckStarted(agent="a", step="one", check="pytest")
        for _ in range(2):
            await self._wait("at work: one: pytest ")
        yield CheckFinished(agent="a", step="one", check="pytest", passed=True, summary="fine", seconds=1.0)
        self._read()
        await asyncio.sleep(0.1)
        self._read()

    async def _wait(self, text: str) -> None:
        seen = len(self.said)
        while not self._silent and text not in self.said[seen:]:
            await asyncio.sleep(0.01)
            self._read()

    def _read(self) -> None:
        self.said += self._capsys.readouterr().out


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_QUIET", 0.01)


def test_a_long_check_is_named_again_and_again_until_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    long = _Long(capsys, silent=False)
    asyncio.run(progress.Watcher(json=False).watch(long.events))
    assert "at work" not in long.said.partition("check pytest: passed")[2]


def test_lines_of_json_are_events_alone(capsys: pytest.CaptureFixture[str]) -> None:
    long = _Long(capsys, silent=True)
    asyncio.run(progress.Watcher(json=True).watch(long.events))
    assert [line[0] for line in long.said.splitlines()] == ["{", "{"]
