from pathlib import Path

import pytest

from skills.core.templates import TemplateFailed, Templates


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_template_renders_with_filters_names_and_its_last_newline(tmp_path: Path) -> None:
    write(tmp_path, "models/entity.py.j2", "{% if on %}\nclass {{ name | class_name }}: {{ text | py }}\n{% endif %}\n")
    rendered = Templates(tmp_path).render("models/entity.py.j2", on=True, name="Base", text="a'b\"")
    assert rendered == "class BaseRecord: 'a\\'b\"'\n"


def test_nothing_is_escaped_unasked(tmp_path: Path) -> None:
    write(tmp_path, "a.j2", "{{ text }} {{ class_name('Field') }} {{ 'todo_list' | title }}")
    assert Templates(tmp_path).render("a.j2", text="<&>") == "<&> FieldRecord Todo list"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("one\n{{ nope }}", r"`a.j2`: UndefinedError: 'nope' is undefined \(line 2\)"),
        ("one\n{% if %}", "`a.j2`: line 2: Expected an expression"),
        ("{{ nul | sql }}", r"`a.j2`: PostgreSQL text cannot hold a NUL character \(line 1\)"),
    ],
)
def test_a_template_that_fails_says_where(tmp_path: Path, source: str, message: str) -> None:
    write(tmp_path, "a.j2", source)
    with pytest.raises(TemplateFailed, match=message):
        Templates(tmp_path).render("a.j2", nul="\0")


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateFailed, match=r"`nope\.j2`"):
        Templates(tmp_path).render("nope.j2")
    with pytest.raises(TemplateFailed, match=r"`nope\.txt`"):
        Templates(tmp_path).read("nope.txt")


def test_a_file_is_read_as_it_is_and_only_inside_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "inside/lock.txt", "{{ kept }}\n")
    write(tmp_path, "secret.txt", "secret")
    templates = Templates(tmp_path / "inside")
    assert templates.read("lock.txt") == "{{ kept }}\n"
    with pytest.raises(TemplateFailed, match="outside"):
        templates.read("../secret.txt")
