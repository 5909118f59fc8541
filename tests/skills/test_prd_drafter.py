"""What a model may make of statements, and what it is told of the format."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from handoff.catalogue import Catalogue, Provider
from handoff.codec import parse
from handoff.feature import read_feature
from handoff.prd_labels import PrdLabels
from orchestrator.planning.choices import built_in
from orchestrator.steps.intake.draft import materials_of
from schemas.contract import contract_of
from schemas.handoffs import FeaturePrd
from schemas.stack import Choice
from skills.core.contribution import ContributedFile
from skills.core.registry import Registry
from skills.prd_drafter.blueprint import NumberedStatement, Output, Placed
from skills.prd_drafter.draft import BACKGROUND, DESCRIPTION, FILE, RULE, TITLE, Draft, judged

INSTRUCTIONS = Registry().skill("prd-drafter").instructions()
FORMAT = (Path(__file__).parents[2] / "docs" / "prd-format.md").read_text("utf-8")
PRD = contract_of("feature-prd")
WRITTEN = """# Feature PRD: Rooms

## Entities

### Room

**Sort:** name

| Field | Type | Required | Rules |
|---|---|---|---|
| name | string | yes | |
"""
EXTENSION_POINTS = (TITLE, DESCRIPTION, RULE, BACKGROUND, "Room", "Room.name", "Room.Sort")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).map(str.strip)
STATEMENTS = st.lists(st.tuples(TEXTS.filter(bool), st.booleans()), min_size=3, max_size=12)


def output(*placed: Placed, text: str = WRITTEN) -> Output:
    return Output(files=(ContributedFile(path=FILE, content=text),), placed=placed)


def test_the_example_that_a_model_is_shown_is_a_prd() -> None:
    (example,) = re.findall(r"```markdown\n(.*?)```", INSTRUCTIONS, re.DOTALL)
    assert [entity.name for entity in read_feature(parse(PRD, example), built_in()).entities] == ["Room", "Booking"]


def test_a_model_is_told_every_label() -> None:
    assert [label for label in PrdLabels().names if f"**{label}:**" not in INSTRUCTIONS] == []


def test_a_model_is_told_what_a_stack_can_be_of_others_skills_too() -> None:
    told = materials_of((), built_in())["choices"]
    assert isinstance(told, dict)
    assert (told["Frontend"], told["Database"]) == (["React", "none"], ["PostgreSQL"])
    assert told["Dependency manager"] == ["uv", "pip", "poetry"]  # what is not made is a gap
    assert "GraphQL" not in told  # there is nothing to choose

    solid = Provider(name="solid", kind="skill", provides=(Choice("frontend", "Solid"), Choice("graphql", "Yoga")))
    more = materials_of((), Catalogue((*built_in().providers, solid)))["choices"]
    assert more == {**told, "Frontend": ["React", "none", "Solid"], "GraphQL": ["none", "Yoga"]}


def test_a_model_is_told_every_type_and_every_rule() -> None:
    tables = re.findall(r"### (?:Types|Rules)\n(.*?)(?=\n##)", f"{FORMAT}\n### ", re.DOTALL)
    first = [row.split(" | ")[0] for table in tables for row in re.findall(r"^\| `.*$", table, re.MULTILINE)]
    words = {re.split(r"[ (\[]", each)[0] for cell in first for each in re.findall(r"`([^`]+)`", cell)}
    assert {"decimal", "enum", "slug", "unique", "matches"} <= words
    assert [
        word for word in words if f"`{word}" not in INSTRUCTIONS and word not in {"a..b", "Tag", "restrict", "set"}
    ] == []


@given(
    STATEMENTS,
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3), st.sets(st.sampled_from(EXTENSION_POINTS), min_size=1))),
)
def test_whatever_a_model_claims_no_statement_is_lost(
    texts: list[tuple[str, bool]], claims: list[tuple[int, int, set[str]]]
) -> None:
    """Each has a place in the entities, or stands in the PRD word for word; and the PRD is read as it was made."""
    said = tuple(
        NumberedStatement(number=at, text=text, heading=heading) for at, (text, heading) in enumerate(texts, start=1)
    )
    named = (Placed(first=1, places=("Room.name",)), Placed(first=2, places=("Room.Sort",)))
    more = [
        Placed(first=first, last=min(first + run, len(said)), places=tuple(sorted(places)))
        for first, run, places in claims
        if first <= len(said)
    ]
    draft = judged(output(*named, *more), said, built_in())
    assert isinstance(draft, Draft)
    assert FeaturePrd.model_validate(parse(PRD, draft.text).data) == draft.prd
    prd = draft.prd
    described = [prd.description, *(entity.description for entity in prd.entities)]
    kept = "\n".join([prd.title, *described, *prd.business_rules, *(note.text for note in prd.notes), draft.text])
    for each in said:
        structured = [
            place for place in draft.placed.get(each.number, ()) if place in {TITLE, "Room.name", "Room.Sort"}
        ]
        assert structured or each.text in kept
    unplaced = [each.text for each in said if each.number not in draft.placed and not each.heading]
    assert [text for text in unplaced if text not in prd.business_rules] == []


def test_what_the_reader_answered_is_no_rule_of_the_feature() -> None:
    said = (
        NumberedStatement(number=1, text="Rooms have names."),
        NumberedStatement(number=2, text="No, sort them.", by="the reader"),
    )
    draft = judged(output(Placed(first=1, places=("Room.name", "Room.Sort"))), said, built_in())
    assert isinstance(draft, Draft)
    assert draft.prd.business_rules == ()


def test_a_draft_that_is_not_there_is_told() -> None:
    assert judged(Output(), (NumberedStatement(number=1, text="Rooms."),), built_in()) == (
        "`/feature-prd.md` was not written",
    )
