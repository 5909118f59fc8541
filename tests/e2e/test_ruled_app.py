"""A business rule becomes part of an app: a scripted model, and all else as in any run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from handoff.store import read_file
from orchestrator import Orchestrator
from orchestrator.planning.model_policy import ModelUse
from orchestrator.planning.policy import Policy
from orchestrator.records.events import Event, WorkReturned
from orchestrator.records.result import RunResult
from schemas.handoffs import BusinessRule, PythonBackendAgentOutput, TestAgentOutput, Unimplemented
from skills.model.scripted import Script, ScriptedModel, submit
from tests.support import ruled_app
from tests.support.ruled_app import BACKEND, KEPT, LEFT, OTHER, PRD, RULE, RULES_FILE, SUITE, TESTS_FILE

LEFT_GAP = Unimplemented(text=OTHER, reason="the model left it: It needs a scheduler and a mail server.")

pytestmark = pytest.mark.slow


class Ruled(NamedTuple):
    workspace: Path
    result: RunResult
    events: Sequence[Event]


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Ruled:
    """What comes of a model that first names a test which shows nothing."""
    allowed = f"{TESTS_FILE}::test_a_booking_of_8_hours_is_made"
    hasty = submit(gaps=[{**KEPT, "tests": [allowed]}, LEFT])
    script: Script = [BACKEND[0], hasty, submit(gaps=[KEPT, LEFT]), *SUITE]
    return asyncio.run(_run(tmp_path_factory.mktemp("ruled"), script))


async def _run(folder: Path, script: Script) -> Ruled:
    (folder / "prd.md").write_text(PRD)
    async with Orchestrator(folder / "app", model=ScriptedModel(script)) as orchestrator:
        run = await orchestrator.start(folder / "prd.md", policy=Policy(model=ModelUse()))
        result = await run.result()
        return Ruled(folder / "app", result, [event async for event in run.events()])


def test_the_run_completes_without_the_gap_that_was_implemented(ruled: Ruled) -> None:
    assert ruled.result.problems == ()
    assert ruled.result.status == "completed with gaps"
    assert ruled.result.gaps == (LEFT_GAP,)
    assert (ruled.workspace / RULES_FILE).read_text() == ruled_app.RULES


def test_handoffs_say_where_the_rule_lives_and_which_tests_hold_it(ruled: Ruled) -> None:
    names = ("test_a_longer_booking_is_refused", "test_a_booking_cannot_be_made_longer")
    rule = BusinessRule(text=RULE, files=(RULES_FILE,), tests=tuple(f"{TESTS_FILE}::{name}" for name in names))
    for contract, kind in (
        ("python-backend-agent-output", PythonBackendAgentOutput),
        ("test-agent-output", TestAgentOutput),
    ):
        handoff = read_file(ruled.workspace / f".claude/handoff/{contract}.md", contract).data
        assert isinstance(handoff, kind)
        assert handoff.business_rules == (rule,)
        assert handoff.not_implemented == (LEFT_GAP,)


def test_a_test_that_does_not_need_the_rule_went_back_to_the_model(ruled: Ruled) -> None:
    (returned,) = [event for event in ruled.events if isinstance(event, WorkReturned)]
    assert returned.skills == ("python-api-patterns",)
    assert "`test_a_booking_of_8_hours_is_made` does not fail" in "\n".join(returned.problems).replace(
        f"{TESTS_FILE}::", ""
    )
