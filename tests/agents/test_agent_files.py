"""Each agent's prose is a valid Claude Code subagent file, and says what its code does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agents.contracts import Agent
from skills.core.registry import Registry
from tests.support.bound_agents import DATABASE, FRONTEND, PYTHON_BACKEND, TEST

FOLDER = Path(__file__).parents[2] / "agents"
AGENTS = {"database": DATABASE, "frontend": FRONTEND, "python_backend": PYTHON_BACKEND, "test": TEST}


def prose(folder: str) -> tuple[dict[str, str], str]:
    _, front, body = (FOLDER / folder / "agent.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


@pytest.mark.parametrize(("folder", "agent"), AGENTS.items())
def test_the_front_matter_is_a_subagent_s(folder: str, agent: Agent) -> None:
    front, _ = prose(folder)
    assert front.keys() == {"name", "description", "tools", "model"}
    assert front["name"] == agent.name
    assert set(front["tools"].split(", ")) <= {"Read", "Write", "Edit", "Glob", "Grep", "Bash"}
    assert front["model"] in {"sonnet", "opus", "haiku", "inherit"}


@pytest.mark.parametrize(("folder", "agent"), AGENTS.items())
def test_the_prose_names_what_the_code_reads_asks_writes_and_owns(folder: str, agent: Agent) -> None:
    _, body = prose(folder)
    for heading in ("Identity", "Skills", "Boundaries", "Handoff protocol", "File ownership", "Conventions"):
        assert f"\n## {heading}\n" in body
    assert "### NEVER" in body
    assert f".claude/handoff/{agent.writes}.md" in body
    for reads in agent.reads:
        assert f".claude/handoff/{reads.contract}.md" in body
        assert reads.question in body
    for pattern in agent.owns:
        assert pattern.removesuffix("**") in body


@pytest.mark.parametrize(("folder", "agent"), AGENTS.items())
def test_the_prose_lists_the_skills_that_work_for_the_agent(folder: str, agent: Agent) -> None:
    _, body = prose(folder)
    used = {skill.name for skill in Registry().skills if agent.name in skill.agents}
    listed = {
        line.split("|")[1].strip(" `") for line in body.partition("## Skills")[2].partition("## ")[0].splitlines()[4:-1]
    }
    assert listed == used


def test_the_backend_asks_the_seed_s_question_for_a_missing_schema() -> None:
    question = next(reads.question for reads in PYTHON_BACKEND.reads if reads.name == "database")
    assert question == "I need the database schema. Was the Database Agent phase completed?"


def test_published_migrations_are_fixed() -> None:
    assert DATABASE.fixed == ("alembic/versions/**",)
