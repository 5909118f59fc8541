"""Free text is taken apart without a word being lost, whatever the language."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.prose import is_prose, statements

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.md"))


def said(text: str) -> list[str]:
    return [each.text for each in statements(text)]


def test_sentences_items_rows_headings_and_code_are_statements_of_their_own() -> None:
    text = (
        "# Rooms #\n\nStaff reserve rooms. A booking lasts\nat most 8 hours!\n\n- free or taken\n  for a day\n1) one\n"
        "* [x] two\n\n| A | B |\n|---|---|\n| c > d | e |\n\n> quoted > text\n\n---\n\n```py\n# x\n\ny = 1\n```\nend"
    )
    assert [(each.text, each.heading) for each in statements(text)] == [
        ("Rooms", True),
        ("Staff reserve rooms.", False),
        ("A booking lasts at most 8 hours!", False),
        ("free or taken for a day", False),
        ("one", False),
        ("two", False),
        ("| A | B |", True),
        ("| c > d | e |", False),
        ("quoted > text", False),
        ("```py\n# x\n\ny = 1\n```", False),
        ("end", False),
    ]
    assert [each.number for each in statements(text)] == list(range(1, 12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Eine Buchung dauert z. B. 8 Stunden. Dr. Huber will mehr.", 2),
        ('Er sagt: "Nein." Sie geht.', 2),
        ("Preis 3.50 EUR, Version 1.2.3, etc. und so fort.", 1),
        ("Fertig? Ja! Gut … Ende", 4),
        ("部屋を予約する。重複しない。", 2),
        ("Klar 👍 Weiter 🚀! Los.", 2),
        ("Кто бронирует? Сотрудники.", 2),
    ],
)
def test_sentences_end_where_they_do_in_any_language(text: str, expected: int) -> None:
    assert len(said(text)) == expected
    assert " ".join(said(text)).replace(" ", "") == text.replace(" ", "")


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters="\n"), max_size=300)
)
def test_no_letter_number_or_symbol_is_lost(text: str) -> None:
    """Numbers of list items are layout; everything else stands in exactly one statement, in order."""
    unnumbered = "".join("a" if each.isnumeric() or each in "xX" else each for each in text)
    kept = [each for each in "".join(said(unnumbered)) if each.isalpha()]
    assert kept == [each for each in unnumbered if each.isalpha()]


@pytest.mark.parametrize("text", ["", "\n \n", "---\n***\n", "# \n", "|---|\n"])
def test_layout_alone_says_nothing(text: str) -> None:
    assert statements(text) == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_structured_prd_is_no_prose(example: Path) -> None:
    assert not is_prose(example.read_text("utf-8"))


def test_text_without_entities_is_prose_unless_it_is_another_file_of_batons() -> None:
    assert is_prose("We need rooms.")
    assert is_prose("# Feature PRD: Rooms\n\n## Stack\n\n| Part | Choice |\n|---|---|\n| Frontend | none |\n")
    assert is_prose("---\ntitle: Notes\n---\nWe need rooms.")
    assert not is_prose("---\ncontract: database-agent-output\n---\n\n# Database Handoff\n")
