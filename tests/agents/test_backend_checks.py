"""The Python Backend agent's guards and checks, on the app that the built-in skills really make."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agents.checks.openapi.check import OpenApiCheck
from agents.checks.python.tools import MypyCheck
from agents.checks.results import LiveSchema
from agents.checks.runner import run_checks
from agents.contracts import Agent, Proposal, Work
from agents.ownership import owns
from agents.toolchains.alembic.checks import OrmCheck
from agents.toolchains.fastapi.toolchain import API
from orchestrator.planning.choices import built_in
from orchestrator.steps.intake.intake import read_prd, understand
from schemas.base import Document
from schemas.feature import Feature
from schemas.handoffs import DatabaseAgentOutput, PythonBackendAgentOutput, Table
from skills.core.contribution import Contribution, merge
from skills.core.executor import run_template
from skills.core.formatting import format_python
from skills.core.registry import Registry
from tests.support.agent_material import ScratchIn, work, write_tree
from tests.support.bound_agents import DATABASE, PYTHON_BACKEND

TODO = "app/models/todo.py"
PRD = Path(__file__).parents[2] / "examples" / "todo-lists.md"

pytestmark = pytest.mark.slow


def made(agent: Agent, described: Feature, handoffs: dict[str, Document]) -> tuple[Work, dict[str, str]]:
    """Run the agent's skills; return the work and the files, settled in style."""
    outputs: dict[str, Contribution] = {}
    for selection in Registry().select(described.stack):
        if selection.active and agent.name in selection.skill.agents:
            materials = {**handoffs, "feature": described, "assembled": merge(list(outputs.items()))}
            outputs[selection.skill.name] = run_template(selection.skill, materials)
    merged = merge(list(outputs.items()))
    files = format_python(merged.files, {file.path: name for name, o in outputs.items() for file in o.files})
    return work(described, outputs=outputs, handoffs=handoffs), {file.path: file.content for file in files}


def database_handoff(done: Work) -> DatabaseAgentOutput:
    """Compose the handoff as if the live schema had been measured: other tests prove that it is the claimed one."""
    composed = DATABASE.compose(replace(done, measured=(LiveSchema(tables=done.facts(Table)),)))
    assert isinstance(composed, DatabaseAgentOutput)
    return composed


@pytest.fixture(scope="module")
def app() -> tuple[Work, dict[str, str]]:
    described = understand(read_prd(PRD), built_in())
    database, migrations = made(DATABASE, described, {})
    backend, files = made(PYTHON_BACKEND, described, {"database": database_handoff(database)})
    return backend, {**migrations, **files}


def test_the_guards_leave_the_app_alone(app: tuple[Work, dict[str, str]]) -> None:
    done, files = app
    own = {path: text for path, text in files.items() if not path.startswith("alembic")}
    proposal = Proposal(
        agent=PYTHON_BACKEND.name, files=own, owned=partial(owns, PYTHON_BACKEND), handoffs=done.handoffs
    )
    assert [str(violation) for guard in PYTHON_BACKEND.guards for violation in guard.violations(proposal)] == []


async def test_the_checks_pass_and_the_handoff_is_what_they_measured(
    app: tuple[Work, dict[str, str]], tmp_path: Path, scratch_in: ScratchIn
) -> None:
    done, files = app
    write_tree(tmp_path / "tree", files)
    async with scratch_in(tmp_path / "tree") as scratch:
        outcomes = await run_checks(PYTHON_BACKEND.checks, scratch, done)
        assert (scratch.tree / "openapi.json").is_file()
    assert [problem for outcome in outcomes.values() for problem in outcome.problems] == []
    measured = tuple(outcome.measured for outcome in outcomes.values() if outcome.measured is not None)
    handoff = PYTHON_BACKEND.compose(replace(done, measured=measured))
    assert isinstance(handoff, PythonBackendAgentOutput)
    assert "POST /api/v1/todos" in [f"{endpoint.method} {endpoint.path}" for endpoint in handoff.api_contract]
    assert len(handoff.for_frontend_agent) == len(handoff.api_contract)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("String(200)", "String(201)", "modify_type"),
        ('server_default="3"', 'server_default="4"', "modify_default"),
        ("notes: Mapped[str | None]", "notes: Mapped[str]", "modify_nullable"),
        ('ondelete="CASCADE"', 'ondelete="RESTRICT"', "remove_fk"),
    ],
)
async def test_a_model_that_is_not_the_schema_is_found(
    app: tuple[Work, dict[str, str]], tmp_path: Path, scratch_in: ScratchIn, old: str, new: str, said: str
) -> None:
    done, files = app
    assert old in files[TODO]
    write_tree(tmp_path / "tree", {**files, TODO: files[TODO].replace(old, new)})
    async with scratch_in(tmp_path / "tree") as scratch:
        outcome = await OrmCheck().run(scratch, done)
    assert not outcome.passed
    assert said in outcome.problems[0]


async def test_a_database_handoff_that_is_not_the_schema_is_found(
    app: tuple[Work, dict[str, str]], tmp_path: Path, scratch_in: ScratchIn
) -> None:
    done, files = app
    handoff = done.handoffs["database"]
    assert isinstance(handoff, DatabaseAgentOutput)
    write_tree(tmp_path / "tree", files)
    stale = handoff.model_copy(update={"tables": handoff.tables[:-1]})
    async with scratch_in(tmp_path / "tree") as scratch:
        outcome = await OrmCheck().run(scratch, replace(done, handoffs={"database": stale}))
    assert outcome.problems == (f"table `{handoff.tables[-1].name}`: in the database, but not claimed",)


async def test_an_endpoint_that_is_missing_and_a_type_that_is_wrong_are_found(
    app: tuple[Work, dict[str, str]], tmp_path: Path, scratch_in: ScratchIn
) -> None:
    done, files = app
    router = files["app/routers/todo.py"]
    changed = router.replace("@router.delete(", "@router.head(") + "\n\nwrong: int = 'text'\n"
    assert changed.count("@router.head(") == 1
    write_tree(tmp_path / "tree", {**files, "app/routers/todo.py": changed})
    async with scratch_in(tmp_path / "tree") as scratch:
        api = await OpenApiCheck(API).run(scratch, done)
        types = await MypyCheck("app").run(scratch, done)
    assert api.problems == ("DELETE /api/v1/todos/{todo_id}: planned, but the app has no such endpoint",)
    assert "Incompatible types in assignment" in types.problems[0]
