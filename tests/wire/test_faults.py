"""Models misbehave over the wire: work ends verified or as a question to a person, whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults import Ending, Tally, lines, measure
from tests.wire.faults import FAULTS
from tests.wire.trials import CRASHED, QUESTION, VERIFIED, Verdict

SWIFT = [
    fault for fault in FAULTS if not fault.slow and fault.name not in {"a file of a megabyte", "code that never ends"}
]


@pytest.mark.slow
@pytest.mark.usefixtures("kit")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # google-genai, over a page for an error
async def test_misbehaving_models_end_verified_or_in_a_question(tmp_path: Path) -> None:
    """A few of all trials, drawn by lot; `python -m benchmarks.faults` does them all."""
    tally = await measure(tmp_path, SWIFT, seed=7, skills=0.01, runs=0.03)

    assert [(each.where, each.fault, each.verdict) for each in tally.wrong()] == []
    assert {each.verdict.outcome for each in tally.endings} == {VERIFIED, QUESTION}
    assert len(tally.endings) >= 10


def test_there_are_at_least_thirty_kinds_of_misbehaviour() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30


def test_a_trial_that_ends_otherwise_is_told() -> None:
    verdict = Verdict(outcome=CRASHED, wrong="KeyError: 'x'")
    ending = Ending(where="user-isolation", model="openai:gpt-5.2", fault="429", times="once", verdict=verdict)
    told = list(lines(Tally(endings=[ending])))

    assert "0 of 1 ended as they should; 0 times a fault had no occasion to strike" in told
    assert told[-1] == "CRASHED: 429, once, user-isolation, openai:gpt-5.2: KeyError: 'x'"
