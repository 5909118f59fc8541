from pathlib import Path

import pytest

from schemas.base import Document
from schemas.stack import Condition, Stack
from skills.core.contribution import Contribution
from skills.core.manifest import SkillInvalid
from skills.core.registry import Registry, SkillUnknown

DEFAULT = {"framework": "FastAPI", "orm": "SQLAlchemy", "frontend": "React", "authentication": "JWT"}


def write_skill(parent: Path, name: str, *metadata: str, front: str = "") -> Path:
    folder = parent / name.replace("-", "_")
    folder.mkdir(parents=True)
    lines = "".join(f"\n  {line}" for line in ("agent: database-agent", *metadata))
    default = f"name: {name}\ndescription: Does {name}.\nlicense: Apache-2.0\nmetadata:{lines}"
    (folder / "SKILL.md").write_text(f"---\n{front or default}\n---\n\n# {name}\n\nProse.\n", encoding="utf-8")
    return folder


def names(registry: Registry, *wanted: str) -> list[str]:
    return [skill.name for skill in registry.skills if skill.name in wanted]


def test_adding_a_folder_adds_a_skill(tmp_path: Path) -> None:
    write_skill(tmp_path, "audit-log", "when: database=PostgreSQL")
    skill = Registry([tmp_path], built_in=False).skill("audit-log")
    assert (skill.agents, skill.description, skill.when) == (
        ("database-agent",),
        "Does audit-log.",
        (Condition(part="database", choices=("PostgreSQL",)),),
    )
    assert skill.instructions() == "# audit-log\n\nProse.\n"


def test_the_built_in_skills_are_valid_and_importable() -> None:
    for skill in Registry().skills:
        assert issubclass(skill.blueprint().input, Document)
        assert issubclass(skill.blueprint().output, Contribution)


def test_skills_run_after_those_they_name(tmp_path: Path) -> None:
    write_skill(tmp_path, "a-last", "after: b-middle z-first")
    write_skill(tmp_path, "b-middle", "after: z-first")
    write_skill(tmp_path, "z-first")
    assert names(Registry([tmp_path], built_in=False), "a-last", "b-middle", "z-first") == [
        "z-first",
        "b-middle",
        "a-last",
    ]


def test_a_selection_says_why(tmp_path: Path) -> None:
    write_skill(tmp_path, "always")
    write_skill(tmp_path, "pages", "when: frontend=React authentication=JWT")
    write_skill(tmp_path, "django", "when: framework=Django 'orm=Django ORM'")
    registry = Registry([tmp_path], built_in=False)
    found = {
        item.skill.name: (item.active, item.reason) for item in registry.select(Stack({**DEFAULT, "frontend": "none"}))
    }
    assert found["always"] == (True, "every stack needs it")
    assert found["pages"] == (False, "needs frontend React, the stack has none")
    assert found["django"] == (
        False,
        "needs framework Django, the stack has FastAPI; needs orm Django ORM, the stack has SQLAlchemy",
    )
    found = {item.skill.name: (item.active, item.reason) for item in registry.select(Stack(DEFAULT))}
    assert found["pages"] == (True, "frontend is React, authentication is JWT")


def test_a_condition_may_name_several_choices_or_rule_some_out(tmp_path: Path) -> None:
    write_skill(tmp_path, "accounts", "when: authentication=JWT|Token frontend!=none 'orm!=Django ORM|SQLModel'")
    registry = Registry([tmp_path], built_in=False)

    def selected(**chosen: str) -> tuple[bool, str]:
        (found,) = registry.select(Stack({**DEFAULT, **chosen}))
        return found.active, found.reason

    assert selected() == (True, "authentication is JWT, frontend is React, orm is SQLAlchemy")
    assert selected(authentication="Token")[0]
    assert selected(authentication="none") == (False, "needs authentication JWT or Token, the stack has none")
    assert selected(frontend="none") == (False, "needs frontend other than none, the stack has none")
    assert selected(orm="SQLModel") == (False, "needs orm other than Django ORM or SQLModel, the stack has SQLModel")


def test_a_condition_may_name_a_part_that_a_skill_brings(tmp_path: Path) -> None:
    write_skill(tmp_path, "stripe", "provides: payments=Stripe", "when: payments=Stripe")
    write_skill(tmp_path, "invoices", "when: payments!=none")
    registry = Registry([tmp_path], built_in=False)
    assert [each.active for each in registry.select(Stack({}))] == [False, False]
    assert [each.active for each in registry.select(Stack({"payments": "Stripe"}))] == [True, True]


def test_no_skill_of_another_framework_is_active() -> None:
    django = {"backend": "Python", "framework": "Django", "database": "PostgreSQL", "orm": "Django ORM"}
    for more in ({}, {"authentication": "JWT"}, {"orm": "SQLAlchemy", "authentication": "JWT"}):
        active = {each.skill.name for each in Registry().select(Stack({**django, **more})) if each.active}
        assert active == {"prd-drafter"}


def test_an_environment_can_be_prepared_from_a_lock_file(tmp_path: Path) -> None:
    folder = write_skill(tmp_path, "prepared", "prepares: python:templates/dev.lock")
    (folder / "templates").mkdir()
    (folder / "templates" / "dev.lock").touch()
    (preparation,) = Registry([tmp_path], built_in=False).skill("prepared").prepares
    assert (preparation.ecosystem, preparation.lock) == ("python", (folder / "templates" / "dev.lock").resolve())


def test_an_unknown_skill_is_answered_with_the_nearest(tmp_path: Path) -> None:
    write_skill(tmp_path, "audit-log")
    with pytest.raises(SkillUnknown, match=r"no skill is called `audit-lgo`; did you mean `audit-log`\?"):
        Registry([tmp_path], built_in=False).skill("audit-lgo")


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("name: other\ndescription: d\nmetadata: {agent: a}", "`name` is `other`, but the folder is `broken`"),
        ("name: Broken\ndescription: d\nmetadata: {agent: a}", "must be lower-case letters and digits"),
        ("name: broken\nmetadata: {agent: a}", "`description` is missing or not text"),
        (f"name: broken\ndescription: {'d' * 1025}\nmetadata: {{agent: a}}", "has 1025 characters; at most 1024"),
        ("name: broken\ndescription: d", "`metadata.agent` is missing"),
        ("name: broken\ndescription: d\nmetadata: {agent: [a]}", "`metadata` must map text to text"),
        (
            "name: broken\ndescription: d\nmetadata: {agent: a}\nlicence: x",
            "unknown front matter key `licence` (did you",
        ),
        ("name: broken\ndescription: d\nmetadata: {agent: a, when: fronted=React}", "did you mean `frontend`?"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, when: React}", "conditions read `part=choice`"),
        ('name: broken\ndescription: d\nmetadata: {agent: a, when: "\'x"}', "No closing quotation"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, when: frontend!=}", "conditions read `part=choice`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, when: frontend=React|}", "conditions read `part=choice`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, when: framework=FastAPI|django}", "is spelled `Django`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, provides: database=PostgreSql}", "spelled `PostgreSQL`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, provides: React}", "choices read `part=choice`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, provides: ids=a|b}", "choices read `part=choice`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, defaults: orm=A}", "add `provides`, or drop them"),
        (
            "name: broken\ndescription: d\nmetadata: {agent: a, provides: ids=a, defaults: omr=A}",
            "`metadata.defaults` names `omr` (did you mean `orm`?)",
        ),
        ("name: broken\ndescription: d\nmetadata: {agent: a, prepares: 'ruby:x'}", "entries read `python:LOCK`"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, prepares: 'node:x'}", "names `x`, which is not a file"),
        ("name: broken\ndescription: a: b", "cannot be read: mapping values"),
        ("- a list", "must open with YAML front matter"),
        ("name: broken\ndescription: d\nmetadata: {agent: a, after: nobody}", "runs after `nobody`, but no skill"),
    ],
)
def test_a_broken_skill_is_refused_with_file_and_reason(tmp_path: Path, front: str, message: str) -> None:
    folder = write_skill(tmp_path, "broken", front=front)
    with pytest.raises(SkillInvalid) as caught:
        Registry([tmp_path], built_in=False)
    assert message in str(caught.value)
    assert str(folder / "SKILL.md") in str(caught.value)


def test_metadata_without_quotes_is_read_as_it_is_written(tmp_path: Path) -> None:
    front = "name: fine\ndescription: d\nmetadata:\n  agent: a\n  version: 1.0\n  since: 2026-12-01\n  1: yes\n  note:"
    write_skill(tmp_path, "fine", front=front)
    assert [skill.name for skill in Registry([tmp_path], built_in=False).skills] == ["fine"]


def test_metadata_of_another_shape_is_one_problem(tmp_path: Path) -> None:
    write_skill(tmp_path, "broken", front="name: broken\ndescription: d\nmetadata: {agent: a, more: [1.0]}")
    with pytest.raises(SkillInvalid) as caught:
        Registry([tmp_path], built_in=False)
    assert len(caught.value.problems) == 1


def test_every_problem_of_every_skill_is_reported_at_once(tmp_path: Path) -> None:
    write_skill(tmp_path, "one", front="name: one\nmetadata: {}")
    write_skill(tmp_path, "two", front="description: d")
    with pytest.raises(SkillInvalid) as caught:
        Registry([tmp_path], built_in=False)
    assert len(caught.value.problems) == 4


def test_a_circle_of_skills_is_refused(tmp_path: Path) -> None:
    write_skill(tmp_path, "one", "after: two")
    write_skill(tmp_path, "two", "after: one")
    with pytest.raises(SkillInvalid, match=r"in a circle: `(one|two)` → `(one|two)` → `(one|two)`"):
        Registry([tmp_path], built_in=False)


def test_two_skills_of_one_name_are_refused(tmp_path: Path) -> None:
    write_skill(tmp_path / "a", "same")
    write_skill(tmp_path / "b", "same")
    with pytest.raises(SkillInvalid, match="a skill called `same` is already in"):
        Registry([tmp_path / "a", tmp_path / "b"], built_in=False)


def test_a_missing_folder_of_skills_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SkillInvalid, match="no such folder"):
        Registry([tmp_path / "nowhere"], built_in=False)


def test_a_skill_may_be_a_text_alone_and_then_it_reads_the_feature_and_leaves_files(tmp_path: Path) -> None:
    write_skill(tmp_path, "audit-log")
    blueprint = Registry([tmp_path], built_in=False).skill("audit-log").blueprint()
    assert list(blueprint.input.model_fields) == ["feature"]
    assert blueprint.output is Contribution
    assert blueprint.contribute is None


def test_a_folder_without_skill_md_is_no_skill(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert names(Registry([tmp_path], built_in=False), "notes") == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise RuntimeError('boom')", "cannot be imported: RuntimeError: boom"),
        ("contribute = 1", "`contribute(request, templates)` must be a function"),
        ("Input = Output = contribute = 1", "`Input` must be a class that extends"),
        ("GIVEN = ('app.lock',)", "`GIVEN` names `app.lock`: no file of `templates/`"),
    ],
)
def test_a_broken_blueprint_is_refused_with_the_file(tmp_path: Path, source: str, message: str) -> None:
    folder = write_skill(tmp_path, "broken")
    (folder / "blueprint.py").write_text(source)
    with pytest.raises(SkillInvalid) as caught:
        Registry([tmp_path], built_in=False).skill("broken").blueprint()
    assert message in str(caught.value)
    assert str(folder / "blueprint.py") in str(caught.value)
