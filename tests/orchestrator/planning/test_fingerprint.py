"""Note 9: LangGraph resumes into another graph without a word, and skips what it does not find."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agents.toolchains.registry import Toolchains
from handoff.codec import parse
from handoff.feature import read_feature
from handoff.prd_report import NOT_YET
from orchestrator.planning.choices import built_in
from orchestrator.planning.fingerprint import Fingerprint, compare, fingerprint
from orchestrator.planning.pipeline import Pipeline, digest
from orchestrator.planning.plan import make_plan
from schemas.contract import contract_of
from schemas.feature import Feature, Gap
from schemas.stack import Stack
from skills.core.registry import Registry
from tests.support.outside_labels import ARCHIVE
from tests.support.small_agents import PRD, Kit


def feature(text: str = PRD) -> Feature:
    return read_feature(parse(contract_of("feature-prd"), text), built_in())


@pytest.fixture
def small(tmp_path: Path) -> Kit:
    (tmp_path / "skills").mkdir()
    return Kit(tmp_path / "skills")


def taken(small: Kit, pipeline: Pipeline | None = None, text: str = PRD) -> Fingerprint:
    pipeline = pipeline or small.pipeline()
    return fingerprint(pipeline, make_plan(feature(text), pipeline, Registry((small.skills,), built_in=False)))


def test_a_run_goes_on_if_nothing_changed(small: Kit) -> None:
    assert compare(taken(small), taken(small), {"one-agent"}).rule == "continues"


def test_another_prd_refuses(small: Kit) -> None:
    found = compare(taken(small), taken(small, text=PRD.replace("Thing", "Item")), set())
    assert (found.rule, found.reasons) == ("refuses", ("the PRD is understood in another way now",))


@pytest.mark.parametrize(
    ("done", "rule", "reason"),
    [
        ({"one-agent"}, "continues", "skill make-one of one-agent changed: its step is done"),
        (set(), "migrates", "skill make-one of one-agent changed: its step is done with what is there now"),
    ],
)
@pytest.mark.parametrize("name", ["SKILL.md", "blueprint.py", "templates/new.j2"])
def test_any_file_of_a_skill_counts_until_its_step_is_done(
    small: Kit, name: str, done: set[str], rule: str, reason: str
) -> None:
    before = taken(small)
    with (small.skills / "make_one" / name).open("a") as file:
        file.write("\n# more\n")
    found = compare(before, taken(small), done)
    assert (found.rule, found.reasons) == (rule, (reason,))


def test_an_aspect_from_outside_counts_as_every_skill_that_loops_over_it(small: Kit) -> None:
    before = taken(small)
    shutil.copytree(ARCHIVE / "archive", small.skills / "archive")
    found = compare(before, taken(small), {"one-agent"})
    assert found.rule == "migrates"
    assert "skill make-one of one-agent changed: its step is done" in found.reasons


def without_reads(pipeline: Pipeline) -> Pipeline:
    one, two, three = pipeline.agents
    return Pipeline.of((one, replace(two, reads=()), three))


def renamed(pipeline: Pipeline) -> Pipeline:
    one, two, three = pipeline.agents
    return Pipeline.of((one, replace(two, name="renamed-agent"), three))


def reordered(pipeline: Pipeline) -> Pipeline:
    one, two, three = pipeline.agents
    return Pipeline.of((two, one, three))


@pytest.mark.parametrize(
    ("change", "done", "rule"),
    [
        (without_reads, {"one-agent"}, "migrates"),
        (without_reads, {"one-agent", "two-agent"}, "refuses"),
        (renamed, {"one-agent"}, "migrates"),
        (renamed, {"one-agent", "two-agent"}, "refuses"),
        (reordered, {"one-agent"}, "migrates"),
    ],
)
def test_a_changed_pipeline_refuses_only_if_something_done_no_longer_fits(
    small: Kit, change: Callable[[Pipeline], Pipeline], done: set[str], rule: str
) -> None:
    assert compare(taken(small), taken(small, change(small.pipeline())), done).rule == rule


def test_an_agent_that_came_in_before_one_that_is_done_refuses(small: Kit) -> None:
    one, two, three = small.pipeline().agents
    before = taken(small, Pipeline.of((two, three)))
    found = compare(before, taken(small, Pipeline.of((one, two, three))), {"two-agent"})
    assert found.rule == "refuses"
    assert "one-agent came into the pipeline before two-agent, whose step is done" in found.reasons


def test_a_handoff_that_no_longer_satisfies_its_contract_refuses(small: Kit) -> None:
    before = taken(small)
    after = before.model_copy(update={"contracts": {**before.contracts, "one-agent": "another"}})
    assert compare(before, after, {"one-agent"}).rule == "migrates"
    found = compare(before, after, {"one-agent"}, ["one-agent"])
    assert found.reasons == ("the handoff that one-agent left does not satisfy its contract as it is now",)


def test_another_baton_goes_on_and_says_so(small: Kit) -> None:
    before = taken(small)
    found = compare(before.model_copy(update={"baton": "0.0.9"}), before, set())
    assert found.rule == "continues"
    assert found.reasons == (f"Baton is {before.baton} now, was 0.0.9",)
    assert compare(before.model_copy(update={"graph": 0}), before, set()).rule == "migrates"


BEGUN_EARLIER = {  # the stack as it was when runs began with eight parts, each always there
    "backend": "Python", "framework": "FastAPI", "database": "PostgreSQL", "orm": "SQLAlchemy", "frontend": "React",
    "authentication": "JWT", "background_tasks": "none", "dependency_manager": "uv",
}  # fmt: skip


def of_stack(small: Kit, **chosen: str) -> str:
    described = feature()
    stack = Stack({**described.stack.root, **chosen})
    plan = make_plan(described.model_copy(update={"stack": stack}), small.pipeline(), small.registry())
    return fingerprint(small.pipeline(), plan).feature


def test_parts_that_came_later_do_not_change_what_an_unchanged_prd_means(small: Kit) -> None:
    assert len(feature().stack.root) > len(BEGUN_EARLIER)
    before = digest({**feature().model_dump(mode="json"), "stack": {**BEGUN_EARLIER}})
    assert of_stack(small) == of_stack(small, cache="none", feature_flags="none", payments="none") == before


def test_a_prd_with_gaps_means_what_it_meant_before_gaps_had_kinds(small: Kit) -> None:
    said = {"text": "Todo, Search: title", "reason": NOT_YET}
    described = feature().model_copy(update={"gaps": (Gap(kind="search", subject="Todo", **said),)})
    before = digest({**described.model_dump(mode="json"), "stack": {**BEGUN_EARLIER}, "gaps": [{**said}]})

    plan = make_plan(described, small.pipeline(), small.registry())
    assert fingerprint(small.pipeline(), plan).feature == before


@pytest.mark.parametrize("chosen", [{"cache": "Redis"}, {"ids": "uuid"}, {"payments": "Stripe"}, {"frontend": "none"}])
def test_another_choice_is_another_meaning(small: Kit, chosen: dict[str, str]) -> None:
    assert of_stack(small, **chosen) != of_stack(small)


def test_a_toolchain_counts_until_the_step_that_it_binds_is_done(small: Kit, tmp_path: Path) -> None:
    place = tmp_path / "chains" / "odd" / "toolchain.py"
    place.parent.mkdir(parents=True)
    bindings = '{"one-agent": Binding()}'
    place.write_text(
        "from agents.contracts import Binding, Toolchain\n"
        f'TOOLCHAIN = Toolchain(name="odd", when=(), provides=(), bindings={bindings})\n'
    )
    pipeline = replace(small.pipeline(), toolchains=Toolchains([tmp_path / "chains"]))
    before = taken(small, pipeline)
    with place.open("a") as file:
        file.write("# more\n")
    after = taken(small, pipeline)

    assert compare(before, after, {"one-agent"}).rule == "continues"
    found = compare(before, after, set())
    reason = "toolchain odd of one-agent changed: its step is done with what is there now"
    assert (found.rule, found.reasons) == ("migrates", (reason,))
    begun_before_there_were_any = before.model_copy(update={"toolchains": {}})
    assert compare(begun_before_there_were_any, after, set()).rule == "continues"
