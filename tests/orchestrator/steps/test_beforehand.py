"""An API contract and an architect's handoff that are in the workspace before the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.contracts import Reads
from handoff.problems import HandoffInvalid
from handoff.store import HandoffStore
from orchestrator import Orchestrator
from orchestrator.planning.pipeline import Pipeline
from orchestrator.storage.runs import RunRefused
from schemas.handoffs import ApiContract, ApiOperation, ArchitectOutput, Decision
from skills.design.agreement import DesignContradicted
from tests.support.small_agents import PRD, Kit

pytestmark = pytest.mark.slow

AGREED = ".claude/handoff/api-contract.md"
SCHEMA = ".claude/handoff/database-agent-output.md"
LIST = ApiOperation(
    method="GET",
    path="/api/v1/things",
    operation_id="list_things",
    auth_required=True,
    scopes="none",
    response_status=200,
    response="ThingPage",
)
STATS = LIST.model_copy(update={"path": "/api/v1/stats", "operation_id": "read_stats", "response": None})
GAP = "The endpoint `GET /api/v1/stats` exists."


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    (tmp_path / "prd.md").write_text(PRD)
    return Kit(tmp_path / "skills")


def engine(kit: Kit, workspace: Path) -> Orchestrator:
    """An engine whose second agent builds the API."""
    one, two, three = kit.agents()
    beforehand = (
        Reads(contract="architect-output", name="architect", required=False),
        Reads(contract="api-contract", name="agreed", required=False),
    )
    pipeline = Pipeline.of((one, replace(two, reads=(*two.reads, *beforehand)), three))
    return Orchestrator(workspace, pipeline=pipeline, registry=kit.registry())


def agree(workspace: Path, *endpoints: ApiOperation) -> None:
    HandoffStore(workspace).write("api-contract", ApiContract(task="Small", endpoints=endpoints))


async def test_a_contract_that_the_prd_keeps_is_read_by_the_agent_that_builds_the_api(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    agree(workspace, LIST)
    async with engine(kit, workspace) as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md")).result()
    assert result.status == "completed"
    read = HandoffStore(workspace).read("python-backend-agent-output").provenance
    assert read is not None
    assert AGREED in read.reads


async def test_what_the_contract_and_the_architect_add_is_a_gap_of_the_run(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    agree(workspace, LIST, STATS)
    decided = ArchitectOutput(task="Small", decisions=(Decision(subject="Log lines", choice="JSON"),))
    HandoffStore(workspace).write("architect-output", decided)
    async with engine(kit, workspace) as orchestrator:
        result = await (await orchestrator.start(tmp_path / "prd.md")).result()
    assert result.status == "completed with gaps"
    assert [gap.text for gap in result.gaps] == ["Log lines: JSON", GAP]


OTHER = LIST.model_copy(update={"operation_id": "find_things"})


async def test_a_contract_against_the_prd_refuses_the_run_with_the_workspace_untouched(
    kit: Kit, tmp_path: Path
) -> None:
    workspace = tmp_path / "w"
    agree(workspace, OTHER)
    async with engine(kit, workspace) as orchestrator:
        with pytest.raises(DesignContradicted) as refused:
            await orchestrator.start(tmp_path / "prd.md")
        assert await orchestrator.runs(workspace=workspace) == []
    assert "`operation_id` is `find_things`; the PRD leads to `list_things`" in str(refused.value)
    assert [path.name for path in workspace.rglob("*") if path.is_file()] == ["api-contract.md"]


async def test_a_contract_that_cannot_be_read_refuses_the_run(kit: Kit, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    agree(workspace, LIST)
    (workspace / AGREED).write_text("# API Contract\n\n**Task:** Small\n\n## Endpoints\n\n### FETCH /things\n")
    async with engine(kit, workspace) as orchestrator:
        with pytest.raises(HandoffInvalid, match="api-contract"):
            await orchestrator.start(tmp_path / "prd.md")


async def test_a_contract_against_a_prd_that_comes_later_is_asked_about(kit: Kit, tmp_path: Path) -> None:
    workspace, prose = tmp_path / "w", tmp_path / "prose.md"
    prose.write_text("# Feature PRD: Small\n\nThings have names.\n")
    agree(workspace, OTHER)
    async with engine(kit, workspace) as orchestrator:
        run = await orchestrator.start(prose)
        (question,) = (await run.result()).questions
        await run.answer(question.id, str(tmp_path / "prd.md"))
        (about,) = (await (await orchestrator.resume(run.id)).result()).questions
        assert "api-contract.md:" in about.text
        assert "`operation_id` is `find_things`; the PRD leads to `list_things`" in about.text
        assert not (workspace / "one").exists()

        agree(workspace, LIST)
        await run.answer(about.id, str(tmp_path / "prd.md"))
        result = await (await orchestrator.resume(run.id)).result()
    assert result.status == "completed"


async def test_an_endpoint_that_is_added_while_the_run_waits_is_asked_about(kit: Kit, tmp_path: Path) -> None:
    workspace, donor = tmp_path / "w", tmp_path / "donor"
    async with kit.engine(donor) as orchestrator:
        await (await orchestrator.start(tmp_path / "prd.md", agents=["one-agent"])).result()
    async with engine(kit, workspace) as orchestrator:
        run = await orchestrator.start(tmp_path / "prd.md", agents=["two-agent"])
        (question,) = (await run.result()).questions
        assert question.text.startswith("Where is the schema?")

        for name in ("one", SCHEMA):
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (donor / name).rename(workspace / name)
        agree(workspace, STATS)
        await run.answer(question.id, "done")
        with pytest.raises(RunRefused, match="understood in another way"):
            await orchestrator.resume(run.id)
    assert not (workspace / "two").exists()
