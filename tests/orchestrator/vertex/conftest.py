"""An app on a database of its own, with small agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.vertex.app import BatonApp
from tests.support.small_agents import Kit


@pytest.fixture
def app(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatonApp]:
    monkeypatch.setenv("BATON_WORKSPACES", str(tmp_path / "workspaces"))
    monkeypatch.setenv("BATON_ARTIFACTS", str(tmp_path / "artifacts"))
    app = BatonApp(pipeline=kit.pipeline(), registry=kit.registry())
    yield app
    app.close()
