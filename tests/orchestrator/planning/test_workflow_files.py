"""Workflows and agents are found in folders; agents take their place by what they read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.contracts import Reads
from agents.registry import AgentInvalid, find_agents
from orchestrator.cli.main import app
from orchestrator.planning.compatibility import ContractsDoNotFit, refuse_unfit
from orchestrator.planning.pipeline import AgentUnknown, Pipeline
from orchestrator.planning.workflow import Workflow, WorkflowStep
from orchestrator.planning.workflows import WorkflowInvalid, Workflows, WorkflowUnknown
from schemas.contract import ContractInvalid, model_of, register
from schemas.handoffs import ArchitectOutput, DatabaseAgentOutput
from tests.support.small_agents import BACKEND_READ, PRD, PRD_READ, Kit
from tests.support.toy_house import build_house


@pytest.fixture
def small(tmp_path: Path) -> Kit:
    (tmp_path / "skills").mkdir()
    return Kit(tmp_path / "skills")


def test_the_built_in_agents_take_their_places_by_what_they_read() -> None:
    assert [step.name for step in Workflows().workflow().steps] == [
        "database-agent",
        "python-backend-agent",
        "frontend-agent",
        "test-agent",
    ]


def test_an_agent_whose_handoff_others_may_read_comes_before_them(small: Kit) -> None:
    one, two, three = small.agents()
    waits = replace(one, reads=(PRD_READ, replace(BACKEND_READ, required=False)))
    last = replace(two, reads=(PRD_READ,))
    placed = Workflow(name="w").placing((three, waits, last))
    assert [step.name for step in placed.steps] == ["two-agent", "one-agent", "three-agent"]


def test_an_agent_that_requires_what_another_workflow_starts_from_has_no_place(small: Kit) -> None:
    one, two, _ = small.agents()
    other = replace(two, reads=(Reads(contract="architect-output", name="architect"),))
    assert [step.name for step in Workflow(name="w").placing((one, other), ["architect-output"]).steps] == ["one-agent"]
    assert len(Workflow(name="w").placing((one, other)).steps) == 2


def test_a_step_reads_and_writes_what_it_says_and_else_what_its_agent_does(small: Kit) -> None:
    one, two, _ = small.agents()
    step = WorkflowStep(agent="two-agent", name="again", reads=("feature-prd", "test-agent-output"), writes="x-handoff")
    workflow = Workflow(name="w", steps=(WorkflowStep(agent="one-agent"), step))
    bound = Workflows(agents=(one, two)).bind(workflow).step("again").agent
    assert [(reads.contract, reads.name) for reads in bound.reads] == [
        ("feature-prd", "prd"),
        ("test-agent-output", "test-agent-output"),
    ]
    assert bound.writes == "x-handoff"


def test_steps_that_clash_are_refused_with_every_reason(small: Kit) -> None:
    one, *_ = small.agents()
    steps = (WorkflowStep(agent="one-agent"), WorkflowStep(agent="one-agent", skills=("make-two",)))
    pipeline = Workflows(agents=(one,)).bind(Workflow(name="w", steps=steps))
    with pytest.raises(ContractsDoNotFit) as refused:
        refuse_unfit(pipeline, small.registry())
    assert refused.value.problems == (
        "two steps are called `one-agent`",
        "one-agent uses the skill `make-two`, which one-agent does not have",
    )
    second = replace(one, name="second-agent")
    with pytest.raises(ContractsDoNotFit, match="second-agent writes `database-agent-output`, as one-agent does"):
        refuse_unfit(Pipeline.of((one, second)), small.registry())


def test_a_part_of_a_pipeline_is_named_by_agents_or_by_steps(small: Kit) -> None:
    one, two, _ = small.agents()
    steps = (WorkflowStep(agent="one-agent"), WorkflowStep(agent="two-agent"),
             WorkflowStep(agent="two-agent", name="more", writes="more-handoff"))  # fmt: skip
    pipeline = Workflows(agents=(one, two)).bind(Workflow(name="w", steps=steps))
    assert pipeline.subset(["two-agent"]).names == ("two-agent", "more")
    assert pipeline.subset(["more"]).names == ("more",)
    assert [step.name for step in pipeline.subset(["more"]).workflow.steps] == ["more"]
    with pytest.raises(AgentUnknown, match="no step is called `mor`; did you mean `more`"):
        pipeline.subset(["mor"])


def test_files_that_are_no_workflows_are_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: Bad Name\nsteps: 3\n")
    (tmp_path / "b.yaml").write_text("name: feature\n")
    (tmp_path / "c.yaml").write_text("name: c\nentry: architect-output\n")
    (tmp_path / "d.yaml").write_text("name: d\nsteps: [{agent: x, writes: nothing}]\n")
    with pytest.raises(WorkflowInvalid) as refused:
        Workflows([tmp_path], agents=())
    told = "\n".join(refused.value.problems)
    for part in (
        "`name`",
        "`steps`",
        "`feature` is already in",
        "starts from `architect-output`",
        "no handoff `nothing`",
    ):
        assert part in told


def test_a_workflow_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(WorkflowUnknown, match="did you mean `feature`"):
        Workflows().workflow("featrue")


def test_folders_that_hold_no_agents_are_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    odd = """
from agents.custom import own_agent
AGENT = own_agent("Odd One", title="Odd", reads=("feature-prd",), owns=("../x", ".git/**"), excludes=())
"""
    for name, text in (("a", "raise ValueError('x')"), ("b", "AGENT = 3"), ("c", odd)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agent.py").write_text(text)
    with pytest.raises(AgentInvalid) as refused:
        find_agents([tmp_path, tmp_path / "gone"], built_in=False)
    assert [problem.partition(": ")[2] for problem in refused.value.problems] == [
        "cannot be imported: ValueError: x",
        "must expose `ROLE`, an `agents.contracts.Role`, or `AGENT`, an `Agent`",
        "`name` is `Odd One`; it must be lower-case letters and digits in words joined by single hyphens",
        "`owns` has `../x`, which leaves the workspace with `..`; name paths of the workspace, as `docs/**`",
        "`owns` has `.git/**`, which uses the reserved name `.git`; name paths of the workspace, as `docs/**`",
        "no such folder of agents",
    ]


def test_a_contract_is_registered_once_and_cannot_be_taken(tmp_path: Path) -> None:
    build_house(tmp_path / "one")
    build_house(tmp_path / "two")
    for house in ("one", "two"):
        find_agents([tmp_path / house / ".baton/agents"], built_in=False)
    assert set(model_of("toy-review").model_fields) == {"task", "findings"}
    register("database-agent-output", DatabaseAgentOutput)
    with pytest.raises(ContractInvalid, match="another contract `database-agent-output`"):
        register("database-agent-output", ArchitectOutput)


def test_a_skill_may_be_of_several_agents(small: Kit) -> None:
    text = small.skills / "make_one/SKILL.md"
    text.write_text(text.read_text().replace("agent: one-agent", "agent: one-agent two-agent"))
    skill = small.registry().skill("make-one")
    assert skill.agents == ("one-agent", "two-agent")
    assert [step.name for step in small.pipeline().steps if step.uses(skill)] == ["one-agent", "two-agent"]


def test_commands_list_the_workflows_of_a_project_and_plan_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_house(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prd.md").write_text(PRD)
    listed = CliRunner().invoke(app, ["workflows"]).output
    notes = listed.partition("notes: Write notes about a feature.\n")[2].splitlines()
    assert notes[:2] == ["  starts from  feature-prd", "  draft (writer-agent): feature-prd → toy-notes"]
    found = {each["name"]: each for each in json.loads(CliRunner().invoke(app, ["workflows", "--json"]).output)}
    assert [step["name"] for step in found["notes"]["steps"]] == ["draft", "review", "polish"]
    planned = CliRunner().invoke(app, ["plan", "prd.md", "--workflow", "notes"]).output
    assert [line for line in planned.splitlines() if line.startswith("+")] == [
        "+ draft: 1 of its 1 skills apply",
        "+ review: 1 of its 1 skills apply",
        "+ polish: 1 of its 1 skills apply",
    ]
