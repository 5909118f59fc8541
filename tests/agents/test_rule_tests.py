"""The tests of a business rule have to fail without it: real pytest, in the environment of real apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.checks.python.rule_tests import RuleTestsCheck, fails
from agents.checks.rules import rules_to_try
from agents.contracts import Outcome
from agents.toolchains.fastapi.toolchain import ENVIRONMENT
from schemas.handoffs import BusinessRule
from skills.core.contribution import Contribution
from tests.support.agent_material import ScratchIn, feature, work, write_tree

RULE = "def check(name: str) -> None:\n    if name == 'Inbox':\n        raise ValueError(name)\n"
NO_RULE = "def check(name: str) -> None:\n    return None\n"
TESTS = """
import pytest

from app.rules import check


def test_inbox_is_refused() -> None:
    with pytest.raises(ValueError):
        check("Inbox")


@pytest.mark.parametrize("name", ["Inbox", "a b"])
def test_some_are_refused(name: str) -> None:
    check(name + "s")
    if name == "Inbox":
        with pytest.raises(ValueError):
            check(name)


def test_others_are_not() -> None:
    check("Work")


@pytest.mark.skip
def test_nothing() -> None:
    raise AssertionError
"""
TREE = {"app/__init__.py": "", "app/rules.py": RULE, "tests/unit/test_rules.py": TESTS}


async def tried(folder: Path, scratch_in: ScratchIn, *names: str, without: str = NO_RULE) -> Outcome:
    write_tree(folder, TREE)
    rule = BusinessRule(
        text="No list is called Inbox.",
        files=("app/rules.py",),
        tests=tuple(f"tests/unit/test_rules.py::{name}" for name in names),
    )
    baseline = {"app/rules.py": without, "tests/unit/test_rules.py": ""}
    done = work(feature(), outputs={"rules": Contribution(business_rules=(rule,), baseline=baseline)})
    async with scratch_in(folder) as scratch:
        outcome = await RuleTestsCheck(environment=ENVIRONMENT).run(scratch, done)
    assert (folder / "app/rules.py").read_text() == RULE
    assert (folder / "tests/unit/test_rules.py").read_text() == TESTS
    return outcome


@pytest.mark.slow
async def test_tests_that_fail_without_the_rule_pass_the_check(tmp_path: Path, scratch_in: ScratchIn) -> None:
    outcome = await tried(tmp_path / "t", scratch_in, "test_inbox_is_refused", "test_some_are_refused")
    assert outcome.passed, outcome.problems
    assert outcome.summary == "2 tests fail without their rule"


@pytest.mark.slow
async def test_tests_that_pass_or_are_skipped_without_the_rule_are_named(tmp_path: Path, scratch_in: ScratchIn) -> None:
    names = ("test_inbox_is_refused", "test_others_are_not", "test_nothing")
    outcome = await tried(tmp_path / "t", scratch_in, *names)
    assert not outcome.passed
    assert [problem.partition(" ")[0] for problem in outcome.problems] == [
        "`tests/unit/test_rules.py::test_others_are_not`",
        "`tests/unit/test_rules.py::test_nothing`",
    ]
    assert outcome.problems[0] == (
        "`tests/unit/test_rules.py::test_others_are_not` does not fail without the rule that it is named for, so it"
        " does not test it: “No list is called Inbox.”. Without the rule, `app/rules.py` is as the template left it."
    )


@pytest.mark.slow
async def test_a_test_that_is_not_there_fails_the_check(tmp_path: Path, scratch_in: ScratchIn) -> None:
    outcome = await tried(tmp_path / "t", scratch_in, "test_of_a_dream")
    assert not outcome.passed
    assert outcome.summary == "the rules' tests could not be run without the rules"
    assert "test_of_a_dream" in outcome.problems[0]


@pytest.mark.slow
async def test_a_file_that_cannot_be_imported_without_the_rule_fails(tmp_path: Path, scratch_in: ScratchIn) -> None:
    assert (await tried(tmp_path / "t", scratch_in, "test_others_are_not", without="")).passed


def test_a_failed_test_is_known_by_its_name_its_cases_and_its_file() -> None:
    said = "FAILED tests/a.py::test_one[x y] - ValueError\nERROR tests/b.py - ImportError\n"
    assert fails("tests/a.py::test_one", said)
    assert fails("tests/b.py::test_any", said)
    assert not fails("tests/a.py::test_on", said)


def test_rules_are_tried_where_it_is_known_how_the_app_was_without_them() -> None:
    rule = BusinessRule(text="No.", files=("a.py",), tests=("t.py::test",))
    untested = BusinessRule(text="Maybe.", files=("a.py",), tests=())
    outputs = {
        "known": Contribution(business_rules=(rule, untested), baseline={"a.py": ""}),
        "unknown": Contribution(business_rules=(rule,)),
    }
    assert rules_to_try(work(feature(), outputs=outputs)) == (rule,)
