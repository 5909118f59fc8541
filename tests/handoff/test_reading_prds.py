"""People write PRDs by hand: layout is forgiven, content is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from handoff.codec import parse, render
from handoff.problems import HandoffInvalid
from handoff.store import as_data
from schemas.contract import contract_of
from schemas.handoffs import FeaturePrd, PrdChoice, PrdEntity, PrdField, PrdLabel, PrdNote

CONTRACT = contract_of("feature-prd")
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.md"))


def read(text: str) -> FeaturePrd:
    return FeaturePrd.model_validate(parse(CONTRACT, text, "prd.md").data)


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(HandoffInvalid) as caught:
        parse(CONTRACT, text, "prd.md")
    return [(problem.line, problem.message, problem.hint) for problem in caught.value.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_and_survives_being_written(path: Path) -> None:
    prd = read(path.read_text(encoding="utf-8"))

    assert prd.entities
    assert all(entity.fields for entity in prd.entities)
    assert read(render(CONTRACT, as_data(prd))) == prd


def test_an_entity_holds_its_description_labels_and_fields() -> None:
    prd = read(
        "# Feature PRD: Rooms\n\n## Entities\n\n### Room\n\nA room.\n\n**Access:** public read\n**Sort:** name\n\n"
        "| Field | Type | Required | Rules |\n|---|---|---|---|\n"
        "| name | enum(a, b) | yes | matches ^[a-z0-9_]+$; max 3 |\n"
        "| code | string | no | matches ^(a\\|b)*_x_$ |\n| note | `text` | no | |\n"
    )

    assert prd.entities == (
        PrdEntity(
            name="Room",
            description="A room.",
            labels=(PrdLabel(label="Access", value="public read"), PrdLabel(label="Sort", value="name")),
            fields=(
                PrdField(name="name", type="enum(a, b)", required=True, rules="matches ^[a-z0-9_]+$; max 3"),
                PrdField(name="code", type="string", rules="matches ^(a|b)*_x_$"),
                PrdField(name="note", type="text"),
            ),
        ),
    )


def test_letter_case_order_spacing_and_underlined_headings_are_forgiven() -> None:
    prd = read(
        "FEATURE prd:  Rooms\n===\n\n\n**slug** : rooms\n\nENTITIES\n--------\n\n### Room ###\n"
        "A room.\n**owner:**   YES\n\n"
        "|RULES|required |  type| field|\n|:--|:-:|--:|---|\n|max 3| True|string |name|\n||No|text|note|\n\n"
        "##  stack\n\npart | CHOICE\n--- | ---\nFrontend | none\n"
    )

    assert (prd.title, prd.slug, prd.stack) == ("Rooms", "rooms", (PrdChoice(part="Frontend", choice="none"),))
    assert prd.entities[0].description == "A room."
    assert prd.entities[0].labels == (PrdLabel(label="owner", value="YES"),)
    assert prd.entities[0].fields == (
        PrdField(name="name", type="string", required=True, rules="max 3"),
        PrdField(name="note", type="text"),
    )


def test_a_description_of_paragraphs_and_lists_is_kept_as_written() -> None:
    text = "One _two_ `three`.\nFour.\n\n- a\n  - b\n- c\n\n1. x\n\n> quoted\n\n**Note:** not a label here."

    assert read(f"# Feature PRD: X\n\n**Slug:** x\n\n{text}\n\n## Stack\n").description == text


def test_business_rules_are_sentences_as_written() -> None:
    rules = read(
        "# Feature PRD: X\n\n## Business Rules\n\n- `a_b` *must* be < 3.\n- Wrapped\n  text.\n* Last.\n"
    ).business_rules

    assert rules == ("`a_b` *must* be < 3.", "Wrapped text.", "Last.")


def test_sections_of_a_persons_own_are_kept_with_what_is_below_them() -> None:
    prd = read(
        "# Feature PRD: X\n\n## Background\n\nWhy.\n\n### Goals\n\n| a |\n|---|\n| b |\n\n"
        "## Stack\n\n| Part | Choice |\n|-|-|\n"
    )

    assert prd.notes == (PrdNote(heading="Background", text="Why.\n\n### Goals\n\n| a |\n|---|\n| b |"),)
    assert read(render(CONTRACT, as_data(prd))) == prd


def test_a_prd_of_prose_alone_is_a_document() -> None:
    prd = read("# Feature PRD: X\n\nPeople keep lists.\n")

    assert (prd.description, prd.entities) == ("People keep lists.", ())


def test_comments_and_rules_are_passed_over() -> None:
    prd = read(
        "<!-- template -->\n# Feature PRD: X\n\n<!-- here -->\n\n**Slug:** x\n\n---\n\n"
        "## Entities\n\nAs follows.\n\n### A\n\n---\n"
    )

    assert (prd.slug, prd.description, prd.entities) == ("x", "", (PrdEntity(name="A"),))


def test_a_misspelt_section_is_not_taken_for_a_section_of_ones_own() -> None:
    assert problems("# Feature PRD: X\n\n## Entites\n\n### A\n") == [
        (3, "unknown section `Entites`", "Did you mean `Entities`?")
    ]


def test_every_problem_is_told_with_its_line_in_order() -> None:
    found = problems(
        "# Feature PRD: X\n\n## Stack\n\n| Part | Choise |\n|---|---|\n| a | b |\n\n## Entities\n\n### A\n\n"
        "| Field | Type | Required | Rules |\n|---|---|---|---|\n| a | string | maybe | |\n| | text | no | |\n"
        "| b | string | no | matches ^(a|b)$ |\n\n## Stack\n"
    )

    assert found == [
        (5, "unknown column `Choise`", "Did you mean `Choice`?"),
        (15, "unreadable value of `required`", ""),
        (16, "`entities.0.fields.1.name` is empty", ""),
        (17, "the row has more cells than the table has columns", "Write a `|` inside a cell as `\\|`."),
        (19, "the section `Stack` stands here twice", "Keep one."),
    ]


def test_the_error_reads_so_that_a_stranger_can_act_on_it() -> None:
    with pytest.raises(HandoffInvalid) as caught:
        parse(
            CONTRACT,
            "# Feature PRD: X\n\n## Entities\n\n### A\n\n| Field | Type | Required |\n|-|-|-|\n| a | text | maybe |\n",
            "prd.md",
        )

    assert str(caught.value) == (
        "`prd.md` does not satisfy the contract `feature-prd` (1 problem):\n"
        "  prd.md:9: unreadable value of `required` [Entities, A]\n"
        "      got: maybe\n"
        "      expected: yes or no"
    )
