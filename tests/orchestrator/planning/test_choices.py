"""What the built-in skills make of every pair of choices: a whole stack, or a refusal with the reason."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from agents.toolchains.registry import Toolchains
from handoff.feature import feature_of
from handoff.problems import HandoffInvalid
from orchestrator.planning.choices import built_in, catalogue_of
from orchestrator.planning.plan import Plan, StackIncomplete, make_plan
from orchestrator.planning.workflows import Workflows
from schemas.feature import Feature
from schemas.handoffs import FeaturePrd, PrdChoice, PrdEntity, PrdField
from schemas.parts import Part
from schemas.stack import Stack
from skills.core.registry import Registry
from tests.support import core_build, front_build

ROOT = Path(__file__).parents[3]
REGISTRY, PIPELINE = Registry(), Workflows().pipeline()
Pair = tuple[tuple[Part, str], tuple[Part, str]]
CHOICES = [(part, choice) for part in built_in().parts for choice in part.choices]
PAIRS: list[Pair] = [(one, other) for one, other in combinations(CHOICES, 2) if one[0] != other[0]]


def prd(*rows: tuple[str, str]) -> FeaturePrd:
    name = PrdField(name="name", type="string", required=True, rules="1..80 chars")
    thing = PrdEntity(name="Thing", fields=(name,))
    stack = tuple(PrdChoice(part=part, choice=choice) for part, choice in rows)
    return FeaturePrd(title="Things", stack=stack, entities=(thing,))


def understood(pair: Pair) -> Feature | HandoffInvalid:
    try:
        return feature_of(prd(*((part.name, choice) for part, choice in pair)), built_in())
    except HandoffInvalid as error:
        return error


def check_reasons(refused: HandoffInvalid, pair: Pair) -> None:
    """Check that every problem names a choice of the pair, and why it cannot be."""
    for problem in refused.problems:
        assert any(f"`{choice}`" in problem.message for _, choice in pair), pair
        assert re.search(r"is not implemented yet$|needs (the specialist|\w+ )", problem.message), pair


def check_whole(plan: Plan) -> None:
    """Check that every agent that the stack needs works, and that each choice is made by one skill at most."""
    stack = plan.feature.stack
    idle = {name for name, skills in plan.skills.items() if not skills}
    assert idle == ({"frontend-agent"} if stack["frontend"] == "none" else set())
    active = [skill for skills in plan.skills.values() for skill in skills]
    made = Counter(choice for skill in active for choice in skill.provides if stack[choice.part] == choice.choice)
    assert [choice for choice, skills in made.items() if skills > 1] == []


def check_paths(feature: Feature) -> None:
    """Check that no two skills claim a path; those of one agent are merged, which refuses it."""
    back = core_build.build(feature).files
    front = front_build.files(feature) if feature.stack["frontend"] != "none" else {}
    assert back.keys().isdisjoint(front)


def test_every_pair_of_choices_is_a_whole_stack_or_refused_with_the_reason() -> None:
    built: set[str] = set()
    for pair in PAIRS:
        feature = understood(pair)
        if isinstance(feature, HandoffInvalid):
            check_reasons(feature, pair)
            continue
        gaps = {gap.text for gap in feature.gaps}
        for part, choice in pair:
            assert feature.stack[part.key] == choice or f"{part.name}: {choice}" in gaps
        check_whole(make_plan(feature, PIPELINE, REGISTRY))
        if str(feature.stack) not in built:
            built.add(str(feature.stack))
            check_paths(feature)
    assert built


def test_a_plan_that_lacks_an_agent_the_stack_needs_is_refused_with_the_reason() -> None:
    feature = feature_of(prd(), built_in())
    django = feature.model_copy(update={"stack": Stack({**feature.stack.root, "framework": "Django"})})
    with pytest.raises(StackIncomplete) as refused:
        make_plan(django, PIPELINE, REGISTRY)
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [
        "database-agent",
        "python-backend-agent",
        "test-agent",
    ]
    assert "needs framework FastAPI, the stack has Django" in str(refused.value)


def test_the_guide_says_what_can_be_chosen_and_what_nobody_provides() -> None:
    guide = (ROOT / "docs/prd-format.md").read_text("utf-8")
    _, table = guide.split("| Nobody provides yet |\n|---|---|---|---|\n")
    rows = [re.findall(r"[^|]+", row) for row in table.partition("\n\n")[0].splitlines()]
    told = [(name.strip(), *(re.findall(r"`([^`]+)`", cell) for cell in cells)) for name, *cells in rows]
    catalogue = built_in()
    assert told == [
        (
            part.name,
            list(catalogue.available(part)),
            [catalogue.default(part)],
            [choice for choice in part.choices if choice not in catalogue.available(part)],
        )
        for part in catalogue.parts
    ]


def test_the_guides_example_brings_parts_with_a_default_of_their_own(tmp_path: Path) -> None:
    guide = (ROOT / "docs/extending.md").read_text("utf-8")
    section = re.split(r"^## ", guide.partition("## A stack choice\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    ((path, text),) = re.findall(r"^```markdown file=(\S+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(text, "utf-8")
    registry = Registry([tmp_path])
    (row,) = re.findall(r"^\| (Payments) \| (Stripe) \|$", section, re.MULTILINE)

    feature = feature_of(prd(row), catalogue_of(registry, Toolchains()))
    assert (feature.stack["payments"], feature.stack["currency"]) == ("Stripe", "EUR")
    assert "stripe-payments" in {
        skill.name for skill in make_plan(feature, PIPELINE, registry).skills["python-backend-agent"]
    }
    assert feature_of(prd(), catalogue_of(registry, Toolchains())).stack["payments"] == "none"
    django = Stack({**feature.stack.root, "framework": "Django"})
    (refused,) = (each for each in catalogue_of(registry, Toolchains()).conflicts(django) if each.choice == "Stripe")
    assert f"``{refused}``" in section


def test_a_skill_of_another_folder_brings_a_choice_and_a_part(tmp_path: Path) -> None:
    folder = tmp_path / "stripe_checkout"
    folder.mkdir()
    metadata = "  agent: python-backend-agent\n  when: payments=Stripe\n  provides: payments=Stripe cache=Redis\n"
    front = f"name: stripe-checkout\ndescription: Takes payments.\nlicense: Apache-2.0\nmetadata:\n{metadata}"
    (folder / "SKILL.md").write_text(f"---\n{front}---\n\nTake payments.\n")
    registry = Registry([tmp_path])

    feature = feature_of(prd(("Payments", "stripe"), ("Cache", "Redis")), catalogue_of(registry, Toolchains()))
    plan = make_plan(feature, PIPELINE, registry)
    assert "stripe-checkout" in {skill.name for skill in plan.skills["python-backend-agent"]}
    with pytest.raises(HandoffInvalid, match="Cache `Redis` needs payments Stripe, the stack has none"):
        feature_of(prd(("Cache", "Redis")), catalogue_of(registry, Toolchains()))
