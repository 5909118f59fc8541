"""The prompts for gaps of one PRD, as a model gets them: `golden/gap_prompts/<skill>.md`.

python -m tests.support.golden_prompts     writes them anew, with the others
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from agents.contracts import Agent
from agents.ownership import owns
from schemas.base import JSON, Document
from schemas.handoffs import BusinessRule, DatabaseAgentOutput, PythonBackendAgentOutput
from skills.core.contribution import Contribution, merge
from skills.core.executor import TemplateExecutor, run_template
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext
from skills.model.executor import ModelExecutor
from skills.model.gaps import gaps_of
from skills.model.hybrid import HybridExecutor
from skills.model.scripted import Asked, ScriptedModel, submit
from tests.support.bound_agents import PYTHON_BACKEND, TEST
from tests.support.core_build import example

GOLDEN = Path(__file__).parents[1] / "skills/golden" / "gap_prompts"
PRD = "room-bookings"
Materials = Mapping[str, Document | JSON]


def gap_prompts() -> Iterator[tuple[str, str]]:
    """Yield the prompt of each built-in skill that takes gaps, as Markdown for a reviewer."""
    offered = offered_last(PRD)
    yield "python-api-patterns", _prompt(PYTHON_BACKEND, Registry().skill("python-api-patterns"), offered)
    yield "edge-case-tester", _prompt(TEST, Registry().skill("edge-case-tester"), {**offered, **_backend(offered)})


def offered_last(prd: str) -> Materials:
    """Return what a step offers the last backend skill for an example."""
    feature = example(prd)
    facts = run_template(Registry().skill("database-schema-expander"), {"feature": feature}).model_dump()
    database = DatabaseAgentOutput(
        task=prd, files=(), tables=facts["tables"], migrations=facts["migrations"], verification=()
    )
    made: dict[str, Contribution] = {}
    offered: dict[str, Document | JSON] = {"feature": feature, "database": database, "assembled": Contribution()}
    for selection in Registry().select(feature.stack):
        name = selection.skill.name
        if selection.active and PYTHON_BACKEND.name in selection.skill.agents and name != "python-api-patterns":
            made[name] = run_template(selection.skill, offered)
            offered["assembled"] = merge(tuple(made.items()))
    return offered


def _backend(offered: Materials) -> dict[str, Document | JSON]:
    """Return a handoff that says that all its gaps are implemented."""
    skill = Registry().skill("python-api-patterns")
    rules = (
        BusinessRule(text=gap.text, files=("app/services/rules/booking_rules.py",), tests=())
        for gap in gaps_of(skill.blueprint().places, offered)
    )
    handoff = PythonBackendAgentOutput(
        task=PRD,
        timestamp="2026-01-01T00:00:00Z",
        files=(),
        api_contract=run_template(skill, offered).model_dump()["endpoints"],
        for_frontend_agent=(),
        dependencies_added=(),
        business_rules=tuple(rules),
    )
    return {"backend": handoff, "assembled": Contribution()}


def _prompt(agent: Agent, skill: Skill, offered: Materials) -> str:
    return _as_markdown(skill.name, asyncio.run(_asked(agent, skill, offered)))


async def _asked(agent: Agent, skill: Skill, offered: Materials) -> Asked:
    """Return what a model is asked that implements nothing."""
    places = skill.blueprint().places
    gaps = range(1, len(gaps_of(places, offered)) + 1)
    claims = [{"gap": number, "implemented": False, "why_not": "Not now."} for number in gaps]
    follow = places is not None and places.work == "follow"
    model = ScriptedModel([submit(why="None does.") if follow else submit(gaps=claims)])
    with tempfile.TemporaryDirectory() as tree:
        bench = SkillContext(
            agent=agent.name, tree=Path(tree), owned=partial(owns, agent), owns=agent.owns, excludes=agent.excludes
        )
        await HybridExecutor(TemplateExecutor(), ModelExecutor(model)).execute(skill, offered, bench)
    return model.asked[0]


def _as_markdown(name: str, asked: Asked) -> str:
    system, message = (str(each.text) for each in asked.messages)
    of = f"`{name}` for the gaps of examples/{PRD}.md"
    parts = [
        f"<!-- The prompt of {of}. Written by `python -m tests.support.golden_prompts`. -->",
        "<!-- ======== system ======== -->",
        system,
        "<!-- ======== message ======== -->",
        message,
    ]
    return "\n\n".join(parts) + "\n"


def write_gap_prompts() -> None:
    """Write every prompt, and remove those of skills that take no gaps any more."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for place in GOLDEN.glob("*.md"):
        place.unlink()
    for name, text in gap_prompts():
        (GOLDEN / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_gap_prompts()
