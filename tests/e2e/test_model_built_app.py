"""A whole run whose every skill a model does, through a provider's own package: nobody can tell it from templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.running_app import EXAMPLES, Built
from tests.wire.providers import MODELS
from tests.wire.whole import app, run

pytestmark = pytest.mark.slow


def test_a_model_builds_the_app_that_templates_build(todo: Built, tmp_path: Path) -> None:
    """With one provider; `python -m tests.wire.whole` does it with all."""
    made = run(EXAMPLES / "todo-lists.md", tmp_path / "app", "--model", MODELS[0], "--all-model")

    assert (made.exit_code, made.result["status"], made.refused) == (0, "completed", ())
    assert {each["by"] for each in made.result["work"]} == {MODELS[0]}
    assert made.app == app(todo.workspace)
