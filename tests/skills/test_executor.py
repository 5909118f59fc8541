from pathlib import Path

import pytest

from handoff.prd_names import plural, snake_case
from schemas.feature import Access, Entity, Feature
from schemas.stack import Stack
from skills.core.contribution import ContributedFile
from skills.core.executor import Executor, SkillFailed, TemplateExecutor, run_template
from skills.core.formatting import FormattingFailed, format_python
from skills.core.paths import path_problems
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.core.skill_context import SkillContext

BLUEPRINT = """\
from __future__ import annotations

from schemas.base import Document
from schemas.feature import Feature
from skills.core.contribution import ContributedFile, Contribution
from skills.core.templates import Templates

from .shared import where


class Input(Document):
    feature: Feature
    audience: str = "everyone"


class Output(Contribution):
    entities: int


def contribute(request: Input, templates: Templates) -> Output:
    file = ContributedFile(path=where, content=templates.render("notes.md.j2", feature=request.feature))
    return {result}
"""


def entity(name: str) -> Entity:
    table = plural(snake_case(name))
    access = Access(read="signed-in", write="signed-in")
    return Entity(name=name, singular=snake_case(name), table=table, collection=table, access=access)


FEATURE = Feature(
    title="Notes *for* all", slug="notes", stack=Stack({}), user=entity("User"), entities=(entity("Note"),)
)


def external_skill(
    folder: Path,
    result: str = "Output(files=(file,), entities=len(request.feature.entities))",
    template: str = "# {{ feature.title | md }}\n",
    where: str = "docs/notes.md",
) -> Skill:
    skill = folder / "note_writer"
    (skill / "templates").mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        "---\nname: note-writer\ndescription: Writes notes.\nmetadata:\n  agent: notes-agent\n---\n\nWrite notes.\n"
    )
    (skill / "blueprint.py").write_text(BLUEPRINT.replace("{result}", result))
    (skill / "shared.py").write_text(f"where = {where!r}\n")
    (skill / "templates" / "notes.md.j2").write_text(template)
    return Registry([folder], built_in=False).skill("note-writer")


def test_a_skill_in_any_folder_is_discovered_and_run(tmp_path: Path) -> None:
    skill = external_skill(tmp_path)
    output = run_template(skill, {"feature": FEATURE, "openapi": {"not": "declared"}})
    assert output.files == (ContributedFile(path="docs/notes.md", content="# Notes \\*for\\* all\n"),)
    assert output.model_dump()["entities"] == 1


async def test_templates_are_one_way_to_do_a_skill(tmp_path: Path) -> None:
    skill = external_skill(tmp_path)
    bench = SkillContext(agent="notes-agent", tree=tmp_path, owned=lambda _: True, owns=("**",))
    executor: Executor = TemplateExecutor()
    assert await executor.execute(skill, {"feature": FEATURE}, bench) == run_template(skill, {"feature": FEATURE})


def test_two_external_skills_never_mix(tmp_path: Path) -> None:
    one = external_skill(tmp_path / "a", where="a.md")
    two = external_skill(tmp_path / "b", where="b.md")
    assert [run_template(skill, {"feature": FEATURE}).files[0].path for skill in (one, two, one)] == [
        "a.md",
        "b.md",
        "a.md",
    ]


def test_a_missing_material_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SkillFailed, match=r"`note-writer` failed:\n  input `feature`: its step does not offer .*database"
    ):
        run_template(external_skill(tmp_path), {"database": {}})


def test_a_material_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(SkillFailed, match=r"`note-writer` failed:\n  input `audience`: .* valid string, got 3"):
        run_template(external_skill(tmp_path), {"feature": FEATURE, "audience": 3})


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("42", "`contribute` returned `int` instead of its `Output`"),
        ("Output(files=(file,), entities='many')", "its own data `entities`: Input should be a valid integer"),
        (
            "Output.model_construct(files=(file,), entities='many')",
            "output `entities`: Input should be a valid integer",
        ),
    ],
)
def test_an_output_that_breaks_its_contract_is_refused(tmp_path: Path, result: str, message: str) -> None:
    with pytest.raises(SkillFailed) as caught:
        run_template(external_skill(tmp_path, result), {"feature": FEATURE})
    assert message in str(caught.value)
    assert "`note-writer`" in str(caught.value)


def test_a_template_that_fails_names_skill_template_and_line(tmp_path: Path) -> None:
    skill = external_skill(tmp_path, template="x\n{{ nope }}\n")
    with pytest.raises(SkillFailed, match=r"`note-writer` failed:\n  template `notes.md.j2`: .*'nope' .*\(line 2\)"):
        run_template(skill, {"feature": FEATURE})


def test_a_path_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SkillFailed, match=r"output file '\.\./notes\.md': must not have empty names"):
        run_template(external_skill(tmp_path, where="../notes.md"), {"feature": FEATURE})


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "a/../b", "a//b", "./a", "", "a/", "a\\b", "C:/a", "a\nb", "a\0b", "a\u202eb", "x" * 256, ".."],
)
def test_an_unsafe_path_is_a_problem(path: str) -> None:
    assert len(path_problems([ContributedFile(path=path, content="")])) == 1


@pytest.mark.parametrize("path", ["a", "app/main.py", ".env.example", "frontend/src/[id].tsx", "a/..b", "été.md"])
def test_a_plain_path_is_fine(path: str) -> None:
    assert path_problems([ContributedFile(path=path, content="é")]) == ()


@pytest.mark.parametrize("pair", [("a", "a"), ("a.md", "A.md"), ("a", "a/b"), ("é", "e\u0301")])
def test_two_files_that_collide_are_a_problem(pair: tuple[str, str]) -> None:
    assert len(path_problems([ContributedFile(path=path, content="") for path in pair])) == 1


def test_content_that_is_not_text_is_a_problem() -> None:
    assert path_problems([ContributedFile(path="a", content="\ud800")]) == (
        "output file 'a': its content cannot be written as UTF-8",
    )


def test_python_files_are_formatted_and_others_left_alone() -> None:
    files = [
        ContributedFile(path="app/a.py", content="from app.b import c\nimport sqlalchemy\nimport os\nx = {'a':1}\n"),
        ContributedFile(path="alembic/env.py", content="import alembic\n"),
        ContributedFile(path="a.md", content="x  =  1"),
    ]
    formatted = format_python(files, {})
    assert [file.path for file in formatted] == ["app/a.py", "alembic/env.py", "a.md"]
    assert formatted[0].content == 'import os\n\nimport sqlalchemy\n\nfrom app.b import c\n\nx = {"a": 1}\n'
    assert formatted[1:] == tuple(files[1:])
    assert format_python(formatted, {}) == formatted


def test_python_that_does_not_parse_names_file_line_and_skill() -> None:
    files = [ContributedFile(path="app/a.py", content="x = 1\ndef f(:\n")]
    with pytest.raises(FormattingFailed, match=r"app/a\.py:2: .* \(skill `note-writer`\)"):
        format_python(files, {"app/a.py": "note-writer"})
