"""The agent and the workflow of `docs/extending.md` work as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from agents.registry import find_agents, skill_folders
from orchestrator import Orchestrator
from orchestrator.planning.workflows import Workflows
from skills.core.registry import Registry
from tests.support.small_agents import Kit

GUIDE = (Path(__file__).parents[3] / "docs/extending.md").read_text("utf-8")


async def test_the_guides_agent_works_in_the_guides_workflow_and_in_the_built_in_one(kit: Kit, tmp_path: Path) -> None:
    for path, text in re.findall(
        r"^```\w+ file=((?:agents|workflows)/\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    found = find_agents([tmp_path / "agents"], built_in=False)
    workflows = Workflows([tmp_path / "workflows"], agents=(*kit.agents(), *found))
    registry = Registry((kit.skills, *skill_folders(found)), built_in=False)
    assert [step.name for step in workflows.workflow().steps] == [
        "one-agent",
        "two-agent",
        "three-agent",
        "settings-reviewer",
    ]

    async with Orchestrator(tmp_path / "app", workflow="settings", workflows=workflows, registry=registry) as engine:
        result = await (await engine.start(tmp_path / "prd.md")).result()
        assert result.status == "completed", result.problems
        assert {handoff.step: handoff.agent for handoff in result.handoffs} == {
            "one-agent": "one-agent",
            "settings-reviewer": "settings-reviewer",
            "second-look": "settings-reviewer",
        }
        assert {(each.severity, each.file) for each in result.findings} == {("advice", "docs/settings/review.md")}
