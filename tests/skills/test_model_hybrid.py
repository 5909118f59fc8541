"""Templates do what they can, a model the gaps: in the places left for them, and taken at its word for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from agents.ownership import owns
from handoff.prd_report import NOT_YET, PROSE_RULE
from schemas.base import JSON, Document
from schemas.feature import BUSINESS_RULE, Feature, Gap
from schemas.handoffs import BusinessRule, PythonBackendAgentOutput, Unimplemented
from skills.core.contribution import Contribution
from skills.core.executor import SkillFailed, TemplateExecutor, run_template
from skills.core.registry import Registry
from skills.core.skill_context import Rework, SkillContext
from skills.model.errors import RepairsExhausted
from skills.model.executor import ModelExecutor
from skills.model.gaps import gaps_of
from skills.model.hybrid import HybridExecutor
from skills.model.scripted import Script, ScriptedModel, submit, write
from tests.skills.test_model_prompts import ATTACKS, outside
from tests.support.bound_agents import PYTHON_BACKEND, TEST
from tests.support.core_build import example
from tests.support.gap_prompts import GOLDEN, gap_prompts, offered_last
from tests.support.model_skill import NOW, PAGE, bench, note_writer


def rule(text: str) -> Gap:
    """Make the gap that a sentence of the PRD is."""
    return Gap(kind=BUSINESS_RULE, subject="", text=text, reason=PROSE_RULE)


FIRST, SECOND = rule("A todo that is done cannot be changed."), rule("Reminders are sent by mail.")
PATTERNS, TESTER = "python-api-patterns", "edge-case-tester"
CODE, TESTS = "app/services/rules/todo_rules.py", "tests/unit/rules/test_todo_rules.py"
WRITTEN = {
    CODE: "async def before_update(db: object, caller: object, record: object, changes: object) -> None:\n    pass\n",
    TESTS: "async def test_a_done_todo_stays_as_it_is() -> None:\n    pass\n",
}
KEPT: dict[str, object] = {
    "gap": 1,
    "implemented": True,
    "files": [f"/{CODE}"],
    "tests": [f"{TESTS}::test_a_done_todo_stays_as_it_is"],
}
LEFT: dict[str, object] = {"gap": 2, "implemented": False, "why_not": "There is no mail server."}
RULE = BusinessRule(text=FIRST.text, files=(CODE,), tests=(f"{TESTS}::test_a_done_todo_stays_as_it_is",))
Materials = Mapping[str, Document | JSON]


@cache
def plain() -> Materials:
    """What a step offers the last backend skill for the todo lists, gaps aside."""
    return offered_last("todo-lists")


def materials(*gaps: Gap, **more: Document) -> Materials:
    feature = plain()["feature"]
    assert isinstance(feature, Feature)
    return {**plain(), "feature": feature.model_copy(update={"gaps": gaps}), **more}


def place(folder: Path, agent: str = PYTHON_BACKEND.name) -> SkillContext:
    """The agent's bench; `alembic.ini` is somebody else's."""
    (folder / "tree").mkdir(exist_ok=True)
    (folder / "tree/alembic.ini").write_text("[alembic]\n")
    of = PYTHON_BACKEND if agent == PYTHON_BACKEND.name else TEST
    return SkillContext(
        agent=of.name, tree=folder / "tree", owned=partial(owns, of), owns=of.owns, excludes=of.excludes
    )


async def done(
    folder: Path,
    script: Script | ScriptedModel,
    offered: Materials,
    *,
    skill: str = PATTERNS,
    repairs: int = 3,
    rework: Rework | None = None,
    all_skills: bool = False,
) -> Contribution:
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
    executor = HybridExecutor(
        TemplateExecutor(), ModelExecutor(model, repairs=repairs, patience=NOW), all_skills=all_skills
    )
    (agent,) = Registry().skill(skill).agents
    return await executor.execute(Registry().skill(skill), offered, replace(place(folder, agent), rework=rework))


def text_of(output: Contribution, path: str) -> str:
    return next(file.content for file in output.files if file.path == path)


# ---- a gap becomes code and tests in the places left for it


async def test_a_business_rule_becomes_code_and_tests_in_its_entitys_places(tmp_path: Path) -> None:
    output = await done(tmp_path, [write(WRITTEN), submit(gaps=[KEPT])], materials(FIRST))

    assert {path: text_of(output, path) for path in WRITTEN} == WRITTEN
    assert output.business_rules == (RULE,)
    assert "await todo_rules.before_update(db, caller, record, changes)" in text_of(
        output, "app/services/todo_service.py"
    )
    assert {"app/services/rules/__init__.py", "tests/unit/rules/conftest.py"} < {file.path for file in output.files}
    assert type(output) is Registry().skill(PATTERNS).blueprint().output


async def test_what_the_rules_files_were_without_the_rules_is_known(tmp_path: Path) -> None:
    output = await done(tmp_path, [write(WRITTEN), submit(gaps=[KEPT])], materials(FIRST))

    assert list(output.baseline) == [CODE]
    assert '    """Refuse a change. `record` is as it was and locked;' in output.baseline[CODE]


async def test_only_entities_with_a_rule_have_a_place_in_the_result(tmp_path: Path) -> None:
    output = await done(tmp_path, [write(WRITTEN), submit(gaps=[KEPT])], materials(FIRST))

    assert "app/services/rules/todo_list_rules.py" not in {file.path for file in output.files}
    assert "rules" not in text_of(output, "app/services/todo_list_service.py")
    planned = {(e["method"], e["path"]): {c["status"] for c in e["errors"]} for e in output.model_dump()["endpoints"]}
    assert 409 in planned["DELETE", "/api/v1/todos/{todo_id}"]
    assert 409 not in planned["DELETE", "/api/v1/todo-lists/{todo_list_id}"]


async def test_a_rule_may_change_the_service_of_its_entity(tmp_path: Path) -> None:
    service = "app/services/todo_service.py"

    script: Script = [write({**WRITTEN, service: "x = 1\n"}), submit(gaps=[{**KEPT, "files": [CODE, service]}])]
    output = await done(tmp_path, script, materials(FIRST))

    assert text_of(output, service) == "x = 1\n"
    assert set(output.baseline) == {CODE, service}


async def test_gaps_that_are_left_stay_gaps(tmp_path: Path) -> None:
    output = await done(tmp_path, [write(WRITTEN), submit(gaps=[KEPT, LEFT])], materials(FIRST, SECOND))

    assert [rule.text for rule in output.business_rules] == [FIRST.text]
    assert output.declined == (Unimplemented(text=SECOND.text, reason="the model left it: There is no mail server."),)


async def test_where_nothing_is_implemented_the_template_stands_as_it_is(tmp_path: Path) -> None:
    offered = materials(SECOND)
    output = await done(tmp_path, [submit(gaps=[{**LEFT, "gap": 1}])], offered)

    assert output.model_copy(update={"declined": ()}) == run_template(Registry().skill(PATTERNS), offered)


async def test_without_gaps_no_model_is_asked(tmp_path: Path) -> None:
    assert await done(tmp_path, [], materials()) == run_template(Registry().skill(PATTERNS), materials())


async def test_where_clients_change_nothing_there_is_no_place_and_no_model_is_asked(tmp_path: Path) -> None:
    offered = materials(FIRST)
    feature = offered["feature"]
    assert isinstance(feature, Feature)
    read_only = tuple(entity.model_copy(update={"operations": ("list", "read")}) for entity in feature.entities)
    offered = {**offered, "feature": feature.model_copy(update={"entities": read_only})}

    assert await done(tmp_path, [], offered) == run_template(Registry().skill(PATTERNS), offered)


async def test_skills_without_places_leave_gaps_alone(tmp_path: Path) -> None:
    assert (await done(tmp_path, [], materials(FIRST), skill="pydantic-validation")).files


# ---- claims are held to the files

WRONG: dict[str, tuple[dict[str, str], list[dict[str, object]], str]] = {
    "nothing but words": ({}, [KEPT], f"gap 1: `/{CODE}` is named, but you did not change it"),
    "no file": (WRITTEN, [{**KEPT, "files": []}], "gap 1: it is claimed implemented, and no file is named"),
    "no test": (WRITTEN, [{**KEPT, "tests": []}], "gap 1: it is claimed implemented, and no test is named"),
    "a test that is not there": (WRITTEN, [{**KEPT, "tests": [f"{TESTS}::test_it"]}], "there is no test `test_it`"),
    "a whole file as test": (WRITTEN, [{**KEPT, "tests": [TESTS]}], "names no test; write `path::test_name`"),
    "a test of the template's": (
        WRITTEN,
        [{**KEPT, "tests": ["tests/unit/test_frame.py::test_live"]}],
        "`tests/unit/test_frame.py::test_live` is not in a test file that you wrote",
    ),
    "no claim": (WRITTEN, [], "gap 1: it needs one claim, and has 0"),
    "two claims": (WRITTEN, [KEPT, KEPT], "gap 1: it needs one claim, and has 2"),
    "a gap that is none": (WRITTEN, [KEPT, {**LEFT, "gap": 7}], "gap 7: there is no such gap"),
    "no reason": ({}, [{"gap": 1, "implemented": False}], "gap 1: it is not implemented; say in `why_not`"),
    "files for no gap": (WRITTEN, [{**LEFT, "gap": 1}], f"`/{CODE}` was changed, and no implemented gap names it"),
    "half an answer": (WRITTEN, [{"gap": 1}], "`submit`: `gaps.0.implemented`: Field required"),
    "Python that does not parse": ({**WRITTEN, CODE: "def f(:\n"}, [KEPT], f"{CODE}:1:"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_claim_that_does_not_hold_goes_back_and_ends_the_work_in_the_end(tmp_path: Path, case: str) -> None:
    files, claims, told = WRONG[case]
    with pytest.raises(RepairsExhausted) as caught:
        await done(tmp_path, [*([write(files)] if files else []), submit(gaps=claims)], materials(FIRST), repairs=0)

    assert told in str(caught.value)


async def test_a_model_puts_its_claims_right(tmp_path: Path) -> None:
    model = ScriptedModel([submit(gaps=[KEPT]), write(WRITTEN), submit(gaps=[KEPT])])

    assert (await done(tmp_path, model, materials(FIRST))).business_rules == (RULE,)
    assert "Your work cannot be taken yet" in str(model.asked[1].messages[-1].text)


@pytest.mark.parametrize(
    "path",
    [
        "app/main.py",
        "app/services/rules/other.py",
        "tests/unit/test_frame.py",
        "tests/unit/rules/conftest.py",
        "tests/unit/test_more.py",
        "app/models/todo.py",
        "alembic.ini",
    ],
)
async def test_nothing_but_the_places_can_be_written(tmp_path: Path, path: str) -> None:
    model = ScriptedModel([write({path: "x = 1\n"}), write(WRITTEN), submit(gaps=[KEPT])])
    output = await done(tmp_path, model, materials(FIRST), repairs=0)

    assert f"Error: `/{path}` is not" in str(model.asked[1].messages[-1].text)
    assert "x = 1\n" not in [file.content for file in output.files]


async def test_files_of_others_are_put_back_whatever_changed_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def behind_the_tools(_: object) -> object:
        (desk,) = tmp_path.glob("baton-desk-*")
        (desk / "app/main.py").write_text("stolen\n")
        (desk / "app/extra.py").write_text("x = 1\n")
        (desk / "tests/unit/test_frame.py").unlink()
        return submit(gaps=[KEPT])

    model = ScriptedModel([write(WRITTEN), behind_the_tools, submit(gaps=[KEPT])])  # type: ignore[list-item]  # a reply
    output = await done(tmp_path, model, materials(FIRST))

    told = str(model.asked[2].messages[-1].text)
    assert "`/app/main.py` was changed or removed, and is not yours; it was put back" in told
    assert "`/app/extra.py` was written, and is none of the files that you may write; it was removed" in told
    assert "`/tests/unit/test_frame.py` was changed or removed" in told
    assert "stolen" not in text_of(output, "app/main.py")


async def test_work_that_failed_a_check_is_gone_on_with(tmp_path: Path) -> None:
    earlier = await done(tmp_path, [write(WRITTEN), submit(gaps=[KEPT])], materials(FIRST))
    better = f"{WRITTEN[CODE]}\nMORE = 1\n"
    model = ScriptedModel([write({CODE: better}), submit(gaps=[KEPT])])
    rework = Rework(contribution=earlier, problems=("check `unit-tests`: 1 failed",))
    output = await done(tmp_path, model, materials(FIRST), rework=rework)

    assert text_of(output, CODE) == better
    assert text_of(output, TESTS) == WRITTEN[TESTS]
    assert output.business_rules == (RULE,)
    assert "check `unit-tests`: 1 failed" in str(model.asked[0].messages[-1].text)


# ---- which gaps are whose


def test_gaps_belong_to_the_skill_whose_template_leaves_places_for_them() -> None:
    feature = example("room-bookings")
    offered: Materials = {"feature": feature}
    mine = {skill.name: gaps_of(skill.blueprint().places, offered) for skill in Registry().skills}

    assert {name: [gap.kind for gap in gaps] for name, gaps in mine.items() if gaps} == {
        PATTERNS: ["no overlap", "check", "states", BUSINESS_RULE]
    }


# ---- the suite follows the rules


def backend(*rules: BusinessRule) -> PythonBackendAgentOutput:
    planned = run_template(Registry().skill(PATTERNS), plain()).model_dump()["endpoints"]
    return PythonBackendAgentOutput(
        task="",
        timestamp="2026-01-01T00:00:00Z",
        files=(),
        api_contract=planned,
        for_frontend_agent=(),
        dependencies_added=(),
        business_rules=rules or None,
    )


async def test_no_model_looks_at_the_suite_of_an_app_without_rules(tmp_path: Path) -> None:
    offered = materials(FIRST, backend=backend())

    assert await done(tmp_path, [], offered, skill=TESTER) == run_template(Registry().skill(TESTER), offered)


async def test_a_suite_that_keeps_the_rules_as_it_is_stays_as_it_is(tmp_path: Path) -> None:
    offered = materials(FIRST, SECOND, backend=backend(RULE))
    model = ScriptedModel([submit(why="No record is done.")])

    assert await done(tmp_path, model, offered, skill=TESTER) == run_template(Registry().skill(TESTER), offered)
    told = str(model.asked[0].messages[-1].text)
    assert FIRST.text in told
    assert SECOND.text not in told


async def test_the_suites_records_can_be_made_to_keep_the_rules(tmp_path: Path) -> None:
    also = "def also(path: object, sent: object, stored: object) -> dict[str, object]:\n    return {'done': False}\n"
    offered = materials(FIRST, backend=backend(RULE))
    script: Script = [write({"tests/rules.py": also}), submit(why="Some records are done.")]
    output = await done(tmp_path, script, offered, skill=TESTER)

    assert text_of(output, "tests/rules.py") == also
    assert "from tests.rules import also" in text_of(output, "tests/api.py")
    assert "besides" in text_of(output, "tests/test_todo.py")
    assert output.business_rules == ()


# ---- skills that a model does as a whole


async def test_a_model_that_does_every_skill_does_the_gaps_with_it(tmp_path: Path) -> None:
    whole = run_template(Registry().skill(PATTERNS), materials(FIRST))
    stated = whole.model_dump(mode="json", exclude={"files", "business_rules", "baseline", "declined"})
    files = {**WRITTEN, "app/main.py": "x = 1\n"}
    model = ScriptedModel([write(files), submit(**stated, gaps=[KEPT])])
    output = await done(tmp_path, model, materials(FIRST), all_skills=True)

    locks = {file.path: file.content for file in whole.files if file.path.endswith(".lock")}
    assert {file.path: file.content for file in output.files} == files | locks
    assert output.business_rules == (RULE,)
    assert output.baseline == {}
    assert "these are gaps: what the PRD asks for and no template can do" in str(model.asked[0].messages[-1].text)


async def test_only_who_does_the_whole_skill_is_asked_for_what_needs_more_than_its_places(tmp_path: Path) -> None:
    search = Gap(kind="search", subject="Todo", text="Todo, Search: title", reason=NOT_YET)
    whole = run_template(Registry().skill(PATTERNS), materials(search))
    stated = whole.model_dump(mode="json", exclude={"files", "business_rules", "baseline", "declined"})
    why = {"gap": 1, "implemented": False, "why_not": "There is no index for it."}
    model = ScriptedModel([write({"app/main.py": "x = 1\n"}), submit(**stated, gaps=[why])])
    output = await done(tmp_path, model, materials(search), all_skills=True)

    assert "Todo, Search: title" in str(model.asked[0].messages[-1].text)
    assert [(gap.text, "There is no index for it." in gap.reason) for gap in output.declined] == [(search.text, True)]

    nobody = ScriptedModel([])
    assert (await done(tmp_path, nobody, materials(search))).files == whole.files
    assert nobody.asked == ()


async def test_named_skills_are_the_models_and_the_others_the_templates(tmp_path: Path) -> None:
    model = ModelExecutor(ScriptedModel([write(PAGE), submit(listed=1)]), patience=NOW)
    executor = HybridExecutor(TemplateExecutor(), model, skills=["note-writer"])
    output = await executor.execute(note_writer(tmp_path), materials(), bench(tmp_path))
    assert [file.path for file in output.files] == ["docs/notes.md"]

    other = await executor.execute(Registry().skill(PATTERNS), materials(), place(tmp_path))
    assert other == run_template(Registry().skill(PATTERNS), materials())


async def test_what_an_executor_adds_cannot_be_stated(tmp_path: Path) -> None:
    model = ScriptedModel([write(PAGE), submit(listed=1, business_rules=[RULE.model_dump()]), submit(listed=1)])
    output = await ModelExecutor(model, patience=NOW).execute(note_writer(tmp_path), materials(), bench(tmp_path))

    assert output.business_rules == ()
    assert "`submit`: `business_rules`: Extra inputs are not permitted" in str(model.asked[2].messages[-1].text)


async def test_a_skill_that_is_a_text_alone_is_done_by_a_model_and_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "glossary"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(
        "---\nname: glossary\ndescription: Says what words mean.\nmetadata:\n  agent: notes-agent\n---\n\nSay it.\n"
    )
    skill = Registry([tmp_path / "skills"], built_in=False).skill("glossary")
    model = ScriptedModel([write({"docs/glossary.md": "# Words\n"}), submit()])
    executor = HybridExecutor(TemplateExecutor(), ModelExecutor(model, patience=NOW))

    assert [file.path for file in (await executor.execute(skill, materials(), bench(tmp_path))).files] == [
        "docs/glossary.md"
    ]
    assert "title: Todo lists" in str(model.asked[0].messages[-1].text)
    with pytest.raises(SkillFailed, match=re.escape("so a model must do it: run with `--model provider:name`")):
        await TemplateExecutor().execute(skill, materials(), bench(tmp_path))


# ---- what a model is told of gaps


def test_the_prompts_for_gaps_are_those_that_were_reviewed() -> None:
    kept = {place.stem: place.read_text("utf-8") for place in GOLDEN.glob("*.md")}
    assert dict(gap_prompts()) == kept, (
        "read the difference; if it is meant, `python -m tests.support.golden_prompts` writes the prompts anew"
    )


def test_every_built_in_skill_that_takes_gaps_has_its_prompt_reviewed() -> None:
    takers = {skill.name for skill in Registry().skills if skill.blueprint().places}
    assert {place.stem for place in GOLDEN.glob("*.md")} == takers


@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_text_of_a_gap_gets_out_of_its_block(tmp_path: Path, attack: str) -> None:
    script: Script = [submit(gaps=[{**LEFT, "gap": 1}])]
    model, calm = ScriptedModel(script), ScriptedModel(script)
    await done(tmp_path, model, materials(rule(attack)))
    await done(tmp_path, calm, materials(SECOND))
    (system, message), (calm_system, calm_message) = (each.asked[0].messages for each in (model, calm))

    assert outside(str(message.text)) == outside(str(calm_message.text))
    assert system.text == calm_system.text


async def test_a_model_is_told_the_gaps_the_places_and_the_feature_and_no_more(tmp_path: Path) -> None:
    model = ScriptedModel([submit(gaps=[{**LEFT, "gap": 1}])])
    await done(tmp_path, model, materials(SECOND))
    (system, message) = (str(each.text) for each in model.asked[0].messages)

    assert "You may write `/app/services/rules/todo_list_rules.py`, `/app/services/todo_list_service.py`," in system
    assert f"1. {SECOND.text}" in message
    assert "character varying" not in message  # of the database handoff
    assert len(system) + len(message) < 10_000
