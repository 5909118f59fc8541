"""Which skills do their work again, and what stays."""

from __future__ import annotations

from orchestrator.steps.execute import Round
from orchestrator.steps.repair import LONGEST_PROBLEM, MOST_PROBLEMS, briefly, next_round, responsible
from skills.core.contribution import ContributedFile, Contribution


def made(*paths: str) -> Contribution:
    return Contribution(files=tuple(ContributedFile(path=path, content="") for path in paths))


# Templates made `frame` and `last`; a model made `lists` and `tags`.
ROUND = Round(
    outputs={
        "frame": made("app/main.py"),
        "lists": made("app/lists.py"),
        "tags": made("app/tags.py"),
        "last": made("app/all.py"),
    },
    modelled={"lists", "tags"},
)


def test_problems_go_back_to_the_skill_whose_file_they_name() -> None:
    assert responsible(ROUND, ("app/tags.py:3: too long",)) == ("tags",)
    assert responsible(ROUND, ("app/tags.py:3: too long", "app/lists.py: unused")) == ("lists", "tags")


def test_problems_that_name_no_file_of_a_model_go_back_to_all_that_it_made() -> None:
    assert responsible(ROUND, ("2 tests failed",)) == ("lists", "tags")
    assert responsible(ROUND, ("app/main.py:1: cannot import",)) == ("lists", "tags")


def test_what_stands_is_kept_and_templates_after_what_changes_are_done_again() -> None:
    again = next_round(ROUND, ("tags",), ("too long",))
    assert set(again.kept) == {"frame", "lists"}
    assert {name: rework.problems for name, rework in again.rework.items()} == {"tags": ("too long",)}
    assert again.rework["tags"].contribution == ROUND.outputs["tags"]
    assert again.modelled == {"lists", "tags"}


def test_work_of_a_model_that_comes_later_stands_too() -> None:
    assert set(next_round(ROUND, ("lists",), ("too long",)).kept) == {"frame", "tags"}


def test_a_model_is_told_briefly() -> None:
    long = "x" * (3 * LONGEST_PROBLEM)
    told = briefly("/home/b/trees/one", ["check: bad\n/home/b/trees/one/app/a.py:1\nlog: /home/b/logs/one.log", long])
    assert told[0] == "check: bad\napp/a.py:1"
    assert len(told[1]) < LONGEST_PROBLEM + 100
    assert "8,000 characters left out" in told[1]
    many = briefly("/t", [str(number) for number in range(MOST_PROBLEMS + 5)])
    assert many[-1] == "… and 5 more problems"
