"""Of any PRD that is read, all is understood or something is refused, with its place.

The lot is the same on each run, so that a change which has nothing to do with it cannot fail. `prd_levels`
looks further.
"""

from hypothesis import HealthCheck, given, settings

from tests.support.prd_levels import LEVELS, plan_faults


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(LEVELS["plan"].texts)
def test_a_prd_is_understood_or_refused_with_its_place(text: str) -> None:
    assert plan_faults(text) == []
