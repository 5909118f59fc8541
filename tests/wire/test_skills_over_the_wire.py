"""The providers' own packages do skills against servers that speak their protocols and refuse what they would."""

from __future__ import annotations

import logging

import pytest

from skills.model.executor import ModelExecutor
from tests.wire.conftest import Serve
from tests.wire.hand import Hand
from tests.wire.workplaces import in_order, workplaces

# A skill without an input, and one that states free JSON.
TELLING = {"password-security", "python-api-patterns"}


@pytest.mark.slow
async def test_what_comes_over_the_wire_is_what_the_template_makes(
    serve: Serve, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the provider: same files, same statements; nothing was refused, and nobody complained."""
    caplog.set_level(logging.WARNING)
    loopback = serve(Hand())
    for place in workplaces():
        if place.skill.name in TELLING:
            output = await ModelExecutor(model).execute(place.skill, place.materials, place.bench)
            assert in_order(output) == in_order(place.output)
            spent = place.bench.meter.skills[place.bench.agent, place.skill.name]
            assert (spent.estimated, spent.output_tokens > 0) == (0, True)
    assert loopback.refused == []
    assert {each.provider for each in loopback.asked} == {model.partition(":")[0]}
    assert caplog.messages == []
