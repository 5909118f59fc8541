from __future__ import annotations

import pytest

from schemas.feature import Kind
from skills.edge_case_tester.texts import lengths
from tests.support.core_build import field


@pytest.mark.parametrize(
    ("kind", "rule", "longest"),
    [
        ("string", None, 255), ("string", 80, 80), ("string", 400, 400), ("text", None, None), ("text", 5000, 5000),
        ("email", None, 320), ("email", 50, 50), ("url", 5000, 2048),
    ],
)  # fmt: skip
def test_a_text_is_as_long_as_its_rule_says_or_its_column_holds(
    kind: Kind, rule: int | None, longest: int | None
) -> None:
    assert lengths(field("x", kind, max_length=rule)).longest == longest
