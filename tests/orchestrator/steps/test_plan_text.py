"""What people see of a plan before they approve of it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.plan import Plan, make_plan
from orchestrator.planning.workflows import Workflows
from orchestrator.steps.intake.intake import read_prd, understand
from orchestrator.steps.intake.plan_text import plan_text
from skills.core.registry import Registry

REGISTRY = Registry()
PRD = """# Feature PRD: Todo lists

## Entities

### Todo

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | 1..200 chars |
| tags | Tag[] | no | |

Operations: list, create, read

### Tag

| Field | Type | Required | Rules |
|---|---|---|---|
| label | string | yes | 1..20 chars |

## Business Rules

- A todo is never late.
"""


def planned(tmp_path: Path) -> Plan:
    (tmp_path / "prd.md").write_text(PRD)
    pipeline = Workflows().pipeline()
    feature = understand(read_prd(tmp_path / "prd.md"), catalogue_of(REGISTRY, pipeline.toolchains))
    return make_plan(feature, pipeline, REGISTRY)


def test_a_plan_shows_the_tables_endpoints_and_pages_and_what_will_be_missing(tmp_path: Path) -> None:
    shown = plan_text(planned(tmp_path), REGISTRY.aspects)
    for line in (
        "  - react-pages: ",
        "    todos: title",
        "    todos_tags",
        "    /api/v1/todos: GET, POST",
        "    /api/v1/tags/{tag_id}: GET, PATCH, DELETE",
        "    /, /sign-in, /sign-up",
        "    /tags, /tags/new, /tags/:id, /tags/:id/edit",
        "What will be missing:\n  A todo is never late. (",
    ):
        assert line in shown, shown
    modelled = plan_text(planned(tmp_path), REGISTRY.aspects, modelled=True)
    assert "the model is asked to:\n  A todo is never late. (" in modelled


def test_a_step_shows_what_it_makes_alone(tmp_path: Path) -> None:
    shown = plan_text(planned(tmp_path), REGISTRY.aspects, only="database-agent")
    assert "    todos: title" in shown
    assert "/api/v1" not in shown
    assert "react-pages" not in shown
