"""An instance says how far it isolates what a model wrote, and that it cannot check it where that is not enough."""

from __future__ import annotations

import pytest

from agents.checks.sandbox.isolation import Isolation
from orchestrator.vertex.capabilities import _isolation, _look

CHECKS = "a model's work: isolated"


async def test_an_instance_says_what_isolates_and_what_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATON_ISOLATION", raising=False)
    monkeypatch.setattr(
        "agents.checks.sandbox.isolation._tried", lambda: Isolation(landlock=True, escapes=frozenset({"connect"}))
    )
    found = await _look(CHECKS, _isolation())
    assert (found.possible, found.detail) == (True, "Landlock and limits; network: tools can reach any network")


async def test_an_instance_that_must_isolate_and_cannot_says_that_it_cannot_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATON_ISOLATION", "required")
    monkeypatch.setattr("agents.checks.sandbox.isolation._tried", Isolation)
    found = await _look(CHECKS, _isolation())
    assert not found.possible
    assert found.detail.startswith("checks must run isolated (BATON_ISOLATION=required)")
    monkeypatch.setenv("BATON_ISOLATION", "off")
    assert (await _look(CHECKS, _isolation())).detail == "not isolated, by BATON_ISOLATION"
