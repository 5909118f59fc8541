"""The guide's toolchain, in a folder outside the tree, at work for an agent and a skill that Baton does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents import custom
from agents.contracts import Reads, Role
from agents.toolchains.registry import Toolchains
from handoff.store import HandoffStore
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.plan import ToolchainMissing
from orchestrator.planning.policy import Policy
from orchestrator.records.result import RunResult
from skills.core.registry import Registry
from tests.support.small_agents import PRD

GUIDE = (Path(__file__).parents[3] / "docs" / "extending.md").read_text("utf-8")
STACK = "\n## Stack\n\n| Part | Choice |\n|---|---|\n| Docs | Handbook |\n"
WRITER = Role(
    name="writer-agent",
    title="Writer",
    reads=(Reads(contract="feature-prd", name="prd"),),
    writes="writer-agent-handoff",
    compose=custom.compose,
    claims=custom.claims,
)
SKILL = """---
name: page-writer
description: Writes a page an entity.
license: Apache-2.0
metadata:
  agent: writer-agent
  when: docs={choice}
  provides: docs={choice}
---

Write a page an entity.
"""
BLUEPRINT = """
from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Contribution


class Input(Document):
    feature: Feature


class Output(Contribution):
    pass


def contribute(request, templates):
    pages = [f"- [{{entity.name}}]({{entity.singular}}.md)" for entity in request.feature.entities]
    files = {{"index.md": "# Pages\\n\\n" + "\\n".join(pages) + "\\n"}}
    files |= {{f"{{entity.singular}}{suffix}": f"{heading}{{entity.name}}\\n" for entity in request.feature.entities}}
    return Output(files=tuple(ContributedFile(path=f"handbook/{{path}}", content=files[path]) for path in files))
"""


def engine(tmp_path: Path, *, suffix: str = ".md", heading: str = "# ", choice: str = "Handbook") -> Orchestrator:
    """Return an engine with that agent alone, for the workspace `w`; put a PRD that asks for a handbook beside it."""
    chains = re.findall(r"^```python file=(handbook/\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    skill = {"SKILL.md": SKILL.format(choice=choice), "blueprint.py": BLUEPRINT.format(suffix=suffix, heading=heading)}
    for place, text in (*((f"toolchains/{path}", text) for path, text in chains),
                        *((f"skills/page_writer/{path}", text) for path, text in skill.items())):  # fmt: skip
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text, "utf-8")
    (tmp_path / "prd.md").write_text(PRD + STACK.replace("Handbook", choice))
    pipeline = Pipeline.of((WRITER,), toolchains=Toolchains([tmp_path / "toolchains"]))
    registry = Registry([tmp_path / "skills"], built_in=False)
    return Orchestrator(tmp_path / "w", pipeline=pipeline, registry=registry)


async def built(tmp_path: Path, **twist: str) -> RunResult:
    async with engine(tmp_path, **twist) as opened:
        return await (await opened.start(tmp_path / "prd.md")).result()


@pytest.mark.slow
async def test_it_says_what_the_agent_owns_and_its_check_is_run(tmp_path: Path) -> None:
    result = await built(tmp_path)
    assert result.status == "completed", result.problems
    assert {"handbook/index.md", "handbook/thing.md"} <= set(result.files)
    handoff = HandoffStore(tmp_path / "w").read("writer-agent-handoff").data.model_dump()
    assert [(each["check"], each["result"]) for each in handoff["verification"]] == [("links", "passed, 2 pages")]


@pytest.mark.slow
async def test_what_its_check_finds_is_not_published(tmp_path: Path) -> None:
    result = await built(tmp_path, suffix=".txt")
    assert result.status == "failed"
    assert "check `links`: links lead nowhere\nhandbook/index.md: thing.md" in result.problems[0]
    assert not (tmp_path / "w" / "handbook").exists()


@pytest.mark.slow
async def test_what_its_guard_finds_is_not_published(tmp_path: Path) -> None:
    result = await built(tmp_path, heading="")
    assert result.status == "failed"
    assert "handbook/thing.md:1: no heading [one-heading]" in result.problems[0]
    assert not (tmp_path / "w" / "handbook").exists()


@pytest.mark.slow
async def test_a_stack_that_no_toolchain_is_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainMissing, match="no toolchain says what `writer-agent` may write"):
        await built(tmp_path, choice="Wiki")
    assert not (tmp_path / "w" / "handbook").exists()


@pytest.mark.slow
async def test_its_check_runs_isolated_on_what_people_made(tmp_path: Path) -> None:
    async with engine(tmp_path) as opened:
        run = await opened.start(tmp_path / "prd.md", policy=Policy(outside=("writer-agent",)))
        assert [each.kind for each in (await run.result()).questions] == ["outside"]
        left = tmp_path / "w" / ".claude/handoff/outside/writer-agent"
        assert "- `handbook/**`" in (left / "task.md").read_text()
        draft = left / "writer-agent-handoff.md"
        draft.write_text(draft.read_text().replace("status: draft", "status: done"))
        page = tmp_path / "w" / "handbook" / "index.md"
        page.parent.mkdir()
        page.write_text("# Pages\n\n- [Thing](thing.md)\n")
        refused = await (await opened.resume(run.id)).result()
        assert "handbook/index.md: thing.md" in refused.questions[0].text
        page.write_text("# Pages\n")
        assert (await (await opened.resume(run.id)).result()).status == "completed"
