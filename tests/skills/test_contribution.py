"""What skills leave is merged, and read by type."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.base import Document
from schemas.handoffs import Endpoint
from skills.core.contribution import (
    ContributedFile,
    Contribution,
    ContributionConflict,
    Dependency,
    merge,
)
from skills.core.executor import request_of
from skills.core.registry import Registry
from skills.core.skill import Blueprint
from skills.python_app.parts import AppParts, Route, Setting


def setting(name: str, default: str = "1") -> Setting:
    return Setting(name=name, type="int", default=default, description="A number.")


def package(version: str) -> Dependency:
    return Dependency(ecosystem="python", name="limits", version=version, group="runtime")


class Planned(Contribution):
    """Facts without a key, and one that is no tuple."""

    endpoints: tuple[Endpoint, ...] = ()
    main: Setting | None = None
    words: tuple[str, ...] = ()


ENDPOINT = Endpoint(method="GET", path="/a", auth_required=False, scopes="none", response_status=200)


def test_facts_are_what_the_contract_adds_and_the_packages_but_no_files_of_a_baseline() -> None:
    file = ContributedFile(path="a.py", content="")
    output = Planned(
        files=(file,), dependencies=(package(">=1"),), endpoints=(ENDPOINT,), main=setting("A"), baseline={"b.py": ""}
    )

    assert output.facts(Endpoint) == (ENDPOINT,)
    assert output.facts(Setting) == (setting("A"),)
    assert output.facts(Dependency) == (package(">=1"),)
    assert output.facts(ContributedFile) == (file,)


def test_facts_of_several_skills_are_one_if_they_have_a_key_and_are_equal() -> None:
    first = AppParts(settings=(setting("A"), setting("B")), dependencies=(package(">=1"),))
    second = AppParts(settings=(setting("B"), setting("C")), dependencies=(package(">=1"),))
    merged = merge((("first", first), ("second", second), ("third", Planned(endpoints=(ENDPOINT, ENDPOINT)))))

    assert [each.name for each in merged.facts(Setting)] == ["A", "B", "C"]
    assert merged.facts(Endpoint) == (ENDPOINT, ENDPOINT)
    assert merged.dependencies == (package(">=1"),)
    assert merge((("all", merged), ("again", second))).facts(Setting) == merged.facts(Setting)


CONFLICTS: dict[str, Callable[[str], Contribution]] = {
    "setting `A`": lambda by: AppParts(settings=(setting("A", str(len(by))),)),
    "route `app.routers.a`": lambda by: AppParts(routes=(Route(module="app.routers.a", versioned=by == "one"),)),
    "dependency `python:limits`": lambda by: Contribution(dependencies=(package(f">={len(by)}"),)),
    "file `a.py`": lambda _: Contribution(files=(ContributedFile(path="a.py", content="same"),)),
}


@pytest.mark.parametrize("what", CONFLICTS)
def test_two_skills_that_state_one_key_in_two_ways_contradict_each_other(what: str) -> None:
    make = CONFLICTS[what]
    with pytest.raises(ContributionConflict) as caught:
        merge((("one", make("one")), ("three", make("three"))))

    assert str(caught.value) == f"{what} is claimed by both `one` and `three`"


def test_facts_of_two_types_may_have_one_key() -> None:
    one, two = AppParts(settings=(setting("app.a"),)), AppParts(routes=(Route(module="app.a"),))
    merged = merge((("one", one), ("two", two)))

    assert (merged.facts(Setting), merged.facts(Route)) == (one.settings, two.routes)


def test_a_skill_sees_of_what_was_assembled_the_facts_that_its_contract_has_fields_for() -> None:
    class Wanted(Document):
        assembled: AppParts

    class Plain(Document):
        assembled: Contribution

    file = ContributedFile(path="a.py", content="")
    before = AppParts(files=(file,), settings=(setting("A"),), dependencies=(package(">=1"),))
    assembled = merge((("parts", before), ("plan", Planned(endpoints=(ENDPOINT,), main=setting("B")))))
    skill = Registry().skill("python-api-patterns")

    def seen(contract: type[Document]) -> Document:
        blueprint = Blueprint(input=contract, output=Contribution, contribute=None)
        return request_of(skill, blueprint, {"assembled": assembled})

    wanted = before.model_copy(update={"settings": (setting("A"), setting("B"))})
    assert seen(Wanted) == Wanted(assembled=wanted)
    assert seen(Plain) == Plain(assembled=Contribution(files=before.files, dependencies=before.dependencies))
