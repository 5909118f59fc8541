"""A toolchain is a folder: what it binds to a role is what an agent owns, and how its work is guarded and checked."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agents.binding import BindingsConflict, bind
from agents.checks.python.tools import RuffCheck
from agents.contracts import Agent, Binding
from agents.custom import own_agent
from agents.toolchains.registry import BUILT_IN, ToolchainInvalid, Toolchains
from orchestrator.interop.project import TOOLCHAINS, project_at
from orchestrator.planning.choices import built_in
from orchestrator.planning.pipeline import agents_of
from orchestrator.planning.workflows import Workflows
from schemas.stack import Stack
from tests.support.bound_agents import DATABASE, PYTHON_BACKEND, TEST

DATABASE_ROLE = Workflows().pipeline().step("database-agent").agent
DIESEL = """
from agents.contracts import Binding, Toolchain
from skills.core.conditions import choices, conditions

TOOLCHAIN = Toolchain(
    name="{name}",
    when=conditions("{when}"),
    provides=choices("orm=Diesel"),
    bindings={{"database-agent": Binding(owns=("migrations/**",))}},
)
"""
DIESEL_ODD = DIESEL.format(name="diesel", when="orm=Diesel")


def written(parent: Path, folder: str = "diesel", *, name: str = "diesel", when: str = "orm=Diesel") -> None:
    (parent / folder).mkdir(parents=True)
    (parent / folder / "toolchain.py").write_text(DIESEL.format(name=name, when=when))


def stack(**chosen: str) -> Stack:
    return Stack({**built_in().stack().root, **chosen})


def test_a_role_owns_nothing_before_it_is_bound() -> None:
    assert not isinstance(DATABASE_ROLE, Agent)
    assert bind(DATABASE_ROLE, ()).owns == ()


def test_what_a_role_owns_follows_the_stack(tmp_path: Path) -> None:
    written(tmp_path)
    toolchains = Toolchains([tmp_path])
    assert bind(DATABASE_ROLE, toolchains.select(stack())).owns == ("alembic/**", "alembic.ini")
    assert bind(DATABASE_ROLE, toolchains.select(stack(orm="Diesel"))).owns == ("migrations/**",)


def test_toolchains_of_one_stack_add_up(tmp_path: Path) -> None:
    written(tmp_path, when="orm!=Prisma")
    agent = bind(DATABASE_ROLE, Toolchains([tmp_path]).select(stack()))
    assert agent.owns == ("alembic/**", "alembic.ini", "migrations/**")
    assert agent.locks == DATABASE.locks


def test_toolchains_of_one_stack_bind_no_check_and_no_lock_twice() -> None:
    (alembic,) = (each for each in Toolchains().toolchains if each.name == "alembic")
    locks = {"python": "other.lock", "node": "package-lock.json"}
    other = Binding(checks=(RuffCheck("sql"),), locks=locks)
    with pytest.raises(BindingsConflict) as refused:
        bind(DATABASE_ROLE, (alembic, replace(alembic, name="sql", bindings={"database-agent": other})))
    assert str(refused.value) == (
        "toolchains that work together bind the same to `database-agent`: the check `ruff` (`alembic` and `sql`);"
        " the lock file for python (`alembic` and `sql`). Have one of them leave it to the other, or give one a `when`"
        " that rules the other out."
    )


def test_every_agent_is_kept_to_its_own_paths_first_of_all() -> None:
    for agent in (*agents_of(Workflows().pipeline().bound(built_in().stack())), bind(DATABASE_ROLE, ())):
        assert [guard.name for guard in agent.guards[:2]] == ["path-escape", "ownership"]


def test_a_project_s_own_toolchains_are_those_of_its_folder(tmp_path: Path) -> None:
    written(tmp_path / TOOLCHAINS)
    project = project_at(tmp_path)
    assert project is not None
    steps = project.workflows.pipeline().bound(stack(orm="Diesel"))
    bound = {step.name: step.agent for step in steps}
    assert bound["database-agent"].owns == ("migrations/**",)
    assert bound["frontend-agent"].owns == ("frontend/**",)


def test_an_agent_of_a_project_s_own_is_bound_by_nothing() -> None:
    own = own_agent("database-agent", title="Own", reads=(), owns=("docs/**",), excludes=())
    assert bind(own, Toolchains().toolchains) is own


def test_business_rules_can_be_tried_where_templates_leave_places_for_them() -> None:
    assert all(agent.rule_tests is not None for agent in (PYTHON_BACKEND, TEST))


def test_roles_name_no_tool_and_no_path() -> None:
    words = r"alembic|fastapi|vite|pytest|mypy|ruff|\bapp/|owns=|checks=|guards="
    for folder in ("database", "python_backend", "frontend", "test"):
        text = (BUILT_IN.parent / folder / "agent.py").read_text("utf-8")
        assert re.findall(words, text, re.IGNORECASE) == [], folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nowhere", r"cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("TOOLCHAIN = 1", r"`TOOLCHAIN` must be an `agents\.contracts\.Toolchain`"),
        (
            DIESEL.format(name="diesel", when="orm"),
            r"cannot be imported: ValueError: `when` has `orm`; conditions read",
        ),
        (
            DIESEL.format(name="alembic", when="orm=Diesel"),
            r"a toolchain called `alembic` is already in .*; rename one",
        ),
        ("raise SystemExit(3)", r"cannot be imported: ImportError: it ends the process"),
        (DIESEL_ODD.replace("migrations/**", "../x/**"), r"`owns` has `\.\./x/\*\*`, which leaves the workspace"),
        (DIESEL_ODD.replace("migrations/**", ".git/**"), r"`database-agent`: .* uses the reserved name `\.git`"),
        (DIESEL_ODD.replace('("migrations/**",)', '"migrations/**"'), r"`owns` must be a tuple of patterns"),
        (DIESEL_ODD.replace('conditions("orm=Diesel")', '"orm=Diesel"'), r"`when` must be conditions"),
        (DIESEL_ODD.replace('choices("orm=Diesel")', '"orm=Diesel"'), r"`provides` must be choices"),
    ],
)
def test_a_toolchain_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "toolchain.py").write_text(text)
    with pytest.raises(ToolchainInvalid, match=problem) as refused:
        Toolchains([tmp_path, tmp_path / "none"])
    assert f"{tmp_path / 'none'}: no such folder of toolchains" in refused.value.problems


def test_a_toolchain_binds_roles_that_there_are() -> None:
    roles = {role.name for role in Workflows().pipeline().agents}
    assert {name for each in Toolchains().toolchains for name in each.bindings} == roles


def test_checks_of_an_agent_have_names_of_their_own() -> None:
    for agent in agents_of(Workflows().pipeline().bound(built_in().stack())):
        names = [check.name for check in agent.checks]
        assert len(names) == len(set(names))
