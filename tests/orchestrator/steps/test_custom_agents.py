"""An imported agent works in a pipeline: its step is done outside, guarded, and handed over under its own contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from handoff.store import HandoffStore
from orchestrator import Orchestrator
from orchestrator.interop.import_ import import_project
from orchestrator.interop.project import MAPPING, SKILLS, project_at
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.policy import Policy
from skills.core.registry import Registry
from tests.orchestrator.cli.test_cli_commands import baton
from tests.orchestrator.interop.test_import import AGENT, SKILL, put
from tests.support.small_agents import Kit

GUIDE = (Path(__file__).parents[3] / "docs" / "claude-code.md").read_text("utf-8")


def imported(root: Path) -> None:
    """Import the agent and the skill of the guide, with the guide's own project file."""
    put(root, ".claude/agents/copy-editor.md", AGENT)
    put(root, ".claude/skills/house-style/SKILL.md", SKILL)
    (mapping,) = re.findall(r"^```yaml file=\.baton/project\.yaml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    put(root, MAPPING, mapping)
    import_project(root)
    assert yaml.safe_load((root / MAPPING).read_text()) == yaml.safe_load(mapping)  # nothing is new


def test_the_guides_project_file_is_that_of_a_pipeline(tmp_path: Path) -> None:
    imported(tmp_path)
    project = project_at(tmp_path)
    assert project is not None
    assert project.workflows.pipeline().before("copy-editor") == ("python-backend-agent",)
    assert project.registry.skill("house-style").agents == ("copy-editor",)


@pytest.mark.slow
async def test_an_own_agent_works_after_those_it_reads_and_leaves_its_own_handoff(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    imported(workspace)
    project = project_at(workspace)
    assert project is not None
    pipeline = Pipeline.of((*kit.pipeline().agents, project.workflows.pipeline().step("copy-editor").agent))
    registry = Registry((kit.skills, workspace / SKILLS), built_in=False)
    async with Orchestrator(workspace, pipeline=pipeline, registry=registry) as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(outside=("copy-editor",)))
        first = await run.result()
        assert [each.node for each in first.questions] == ["copy-editor"], first.problems
        folder = workspace / ".claude/handoff/outside/copy-editor"
        assert "Be brief." in (folder / "task.md").read_text()
        assert "Short words." in (folder / "task.md").read_text()
        put(workspace, "docs/guide.md", "Short.\n")
        draft = folder / "copy-editor-handoff.md"
        text = draft.read_text().replace("status: draft", "status: done")
        draft.write_text(text.replace("## Created", "Read it aloud.\n\n## Created"))
        result = await (await engine.resume(run.id)).result()
    assert result.status == "completed", result.problems
    handoff = HandoffStore(workspace).read("copy-editor-handoff")
    assert handoff.data.model_dump()["notes"] == "Read it aloud."
    assert handoff.provenance is not None
    assert list(handoff.provenance.files) == ["docs/guide.md"]
    assert ".claude/handoff/python-backend-agent-output.md" in handoff.provenance.reads
    checked = baton("handoff", "check", workspace / ".claude/handoff/copy-editor-handoff.md")
    assert checked.stdout.endswith("copy-editor-handoff.md: copy-editor-handoff: fine\n")
