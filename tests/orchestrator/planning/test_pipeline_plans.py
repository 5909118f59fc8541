from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.contracts import Reads
from handoff.codec import parse
from handoff.feature import read_feature
from orchestrator.planning.choices import built_in
from orchestrator.planning.compatibility import ContractsDoNotFit, refuse_unfit
from orchestrator.planning.pipeline import AgentUnknown, Pipeline
from orchestrator.planning.plan import make_plan
from schemas.contract import contract_of
from schemas.feature import Feature
from skills.core.registry import Registry
from tests.support.small_agents import DATABASE_READ, PRD, Kit, write_skill


@pytest.fixture
def small(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def registry(kit: Kit) -> Registry:
    return Registry((kit.skills,), built_in=False)


def feature(text: str = PRD) -> Feature:
    return read_feature(parse(contract_of("feature-prd"), text), built_in())


def test_a_subset_keeps_the_order_and_a_wrong_name_gets_the_nearest(small: Kit) -> None:
    pipeline = small.pipeline()
    assert pipeline.subset(["three-agent", "one-agent"]).names == ("one-agent", "three-agent")
    with pytest.raises(AgentUnknown, match="did you mean `two-agent`"):
        pipeline.subset(["tow-agent"])


def test_a_plan_says_why_each_agent_and_skill_works_or_does_not(small: Kit) -> None:
    manifest = small.skills / "make_two" / "SKILL.md"
    manifest.write_text(manifest.read_text().replace("agent: two-agent", "agent: two-agent\n  when: frontend=none"))
    plan = make_plan(feature(), small.pipeline(), registry(small))
    two = plan.step("two-agent")
    assert not two.active
    assert two.reason == "needs frontend none, the stack has React"
    assert plan.step("one-agent").active
    assert [skill.name for skill in plan.skills["one-agent"]] == ["make-one"]
    assert plan.skills["two-agent"] == ()


def test_contracts_that_fit_are_accepted(small: Kit) -> None:
    refuse_unfit(small.pipeline(), registry(small))


def test_a_skill_that_reads_more_than_is_written_is_refused_with_the_field(small: Kit) -> None:
    blueprint = small.skills / "make_two" / "blueprint.py"
    blueprint.write_text(
        blueprint.read_text().replace(
            "class Input(Document):",
            "class Schema(Document):\n    task: str\n    owner: str\n\n\nclass Input(Document):\n    database: Schema",
        )
    )
    with pytest.raises(ContractsDoNotFit, match="make-two") as refused:
        refuse_unfit(small.pipeline(), registry(small))
    assert "owner" in str(refused.value)


def test_an_agent_that_needs_what_a_later_one_writes_is_refused(small: Kit) -> None:
    one, two, three = small.pipeline().agents
    turned = Pipeline.of((two, one, three))
    with pytest.raises(ContractsDoNotFit, match="two-agent reads `database-agent-output`, which one-agent"):
        refuse_unfit(turned, registry(small))
    itself = replace(one, reads=(DATABASE_READ,))
    with pytest.raises(ContractsDoNotFit, match="it itself"):
        refuse_unfit(Pipeline.of((itself,)), registry(small))
    optional = replace(one, reads=(Reads(contract="test-agent-output", name="test", required=False),))
    refuse_unfit(Pipeline.of((optional, two, three)), registry(small))


def test_a_skill_is_added_by_adding_a_folder(small: Kit) -> None:
    write_skill(small.skills, "make-more", "one-agent", "one/more")
    plan = make_plan(feature(), small.pipeline(), registry(small))
    assert [skill.name for skill in plan.skills["one-agent"]] == ["make-more", "make-one"]
