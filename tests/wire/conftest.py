"""A loopback server that the providers' packages are pointed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.orchestrator.conftest import baton_home, embedded, kit, server  # noqa: F401  # fixtures of the small runs
from tests.wire.exchange import Player
from tests.wire.providers import APIS, MODELS, environment
from tests.wire.server import Loopback

Serve = Callable[[Player], Loopback]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server with a player; every provider is reached there until the test ends."""
    with ExitStack() as stack:

        def start(player: Player) -> Loopback:
            loopback = stack.enter_context(Loopback(APIS, player))
            for name, value in environment(loopback.url, tmp_path).items():
                monkeypatch.setenv(name, value)
            return loopback

        yield start


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)
