"""What every test may count on, and which tests are slow."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# A shell has its background jobs ignore Ctrl-C; tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No verdict depends on the machine's speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A test with one of these runs PostgreSQL, a tool in an environment of its own, or a service in a process.
REAL_PARTS = {"admin_dsn", "baton_home", "embedded", "postgres", "scratch_in", "serve", "service"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs real parts as slow, so that `-m "not slow"` takes seconds."""
    for item in items:
        if REAL_PARTS & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.slow)
