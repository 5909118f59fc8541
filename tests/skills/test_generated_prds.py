"""Whatever a PRD of the documented language says, template skills make files that can be an app.

The lot is the same on each run, so that a change which has nothing to do with it cannot fail. `prd_levels` looks
further.
"""

import pytest
from hypothesis import HealthCheck, given, settings

from schemas.handoffs import Column, Index, Table
from tests.support.prd_levels import LEVELS, faults_of, made_faults


@pytest.mark.slow
@settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(LEVELS["made"].texts)
def test_skills_make_sound_files_of_what_is_accepted(text: str) -> None:
    assert made_faults(text) == []


def test_what_no_app_may_have_is_seen() -> None:
    """The level is not blind: each kind of fault that it looks for is found where it is."""
    files = [
        ("app/unused.py", "import os\n"),
        ("app/Unused.py", ""),
        ("app/loose.py", "x=1\n"),
        ("tests/broken.py", 'x = "\\d"\n'),
        ("frontend/src/a.ts", 'export const a = "(";\nexport const b = (`}`;\n'),
    ]
    columns = (Column(name="a" * 64, type="text", nullable=True),) * 2
    table = Table(name="things", entity=None, columns=columns, indexes=(Index(name="things", columns=("a",)),))
    assert {fault.kind for fault in faults_of(files, [table])} == {
        "a path that two skills claim",
        "a name that PostgreSQL would cut",
        "a column or a check twice in a table",
        "a table, an index or a key of another's name",
        "syntax in tests",
        "ruff F401 in app",
        "ruff W605 in tests",
        "ruff format in app",
        "brackets in frontend/src",
    }


def test_a_plural_that_is_a_word_of_python_is_no_name_in_the_suite() -> None:
    """`A` is in the table `as`, `Byte` in `bytes`."""
    rows = "| Field | Type | Required | Rules |\n|---|---|---|---|\n| title | string | yes | unique |"
    entities = "\n\n".join(f"### {name}\n\n{rows}" for name in ("A", "Byte"))
    assert made_faults(f"# Feature PRD: Shop\n\n## Entities\n\n{entities}\n| a | A | yes | unique |\n") == []
