"""What a model is told is a fraction of what is known by then."""

from __future__ import annotations

import pytest

from benchmarks.tokens import TARGET, lines, measure, ratio


@pytest.mark.slow
async def test_a_model_reads_a_quarter_of_what_a_shared_history_holds() -> None:
    """With templates, it reads what it takes to implement the PRD's business rules, and nothing more."""
    measured = await measure("room-bookings")

    assert ratio(measured) <= TARGET
    assert [read.skill for read in measured if read.hybrid] == ["python-api-patterns"]
    assert "hybrid / all-model 0.0" in "\n".join(lines("room-bookings", measured))
