"""Labels and aspects from outside: what they add, what is refused, and that every hook finds its place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from handoff.prd_labels import LabelInvalid
from orchestrator.planning.plan import make_plan
from orchestrator.planning.workflows import Workflows
from schemas.feature import Feature
from skills.core.executor import run_template
from skills.core.registry import Registry
from skills.design.aspect import Aspect
from skills.design.aspects import AspectInvalid, ColumnTaken, built_in, find_aspects
from tests.support.core_build import build
from tests.support.entity_prd import class_body
from tests.support.front_build import BACKEND
from tests.support.front_openapi import openapi
from tests.support.outside_labels import ARCHIVE, labelled, suite

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "extending.md").read_text("utf-8").split("\n## A label\n")[1].split("\n## ")[0]
ASPECT = """
from skills.design.aspect import Aspect

class One(Aspect):
    name = 'one'
    after = {after}

ASPECT = One()
"""


def write_the_example(folder: Path) -> Path:
    for path, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def pages(feature: Feature, registry: Registry) -> dict[str, str]:
    document = openapi(registry.aspects.designed(feature))
    output = run_template(registry.skill("react-pages"), {"feature": feature, "backend": BACKEND, "openapi": document})
    return {file.path: file.content for file in output.files}


def test_the_label_of_the_guide_is_in_everything_that_is_made(tmp_path: Path) -> None:
    registry = Registry([write_the_example(tmp_path)])
    feature = labelled(registry, "**Stamped:** yes")
    built = build(feature, registry)
    service = built.files["app/services/todo_service.py"]
    (migration,) = (text for path, text in built.files.items() if path.startswith("alembic/versions/"))

    assert feature.entity("Todo").labels == {"stamped": True}
    assert 'sa.Column("stamp", sa.String(32), nullable=False)' in migration
    assert (
        class_body(built.files["app/models/todo.py"], "Todo")["stamp"]
        == "Mapped[str] = mapped_column(String(32), unique=True)"
    )
    assert class_body(built.files["app/schemas/todo.py"], "TodoResponse")["stamp"] == "str"
    assert "stamp" not in class_body(built.files["app/schemas/todo.py"], "TodoCreate")
    assert "    stamp = uuid4().hex\n" in service
    assert "from uuid import uuid4\n" in service
    assert "Todo(**values, stamp=stamp, owner_id=caller.id)" in service
    assert "stamp" not in built.files["app/services/todo_list_service.py"]
    assert "async def test_each_todo_has_a_stamp_of_its_own(" in suite(feature, registry)["tests/test_todo.py"]
    assert "record.stamp" in pages(feature, registry)["frontend/src/pages/todos/TodoDetailPage.tsx"]


def test_a_label_that_says_no_changes_nothing(tmp_path: Path) -> None:
    registry = Registry([write_the_example(tmp_path)])
    feature = labelled(registry, "**Stamped:** no")

    assert feature == labelled(Registry(), "")
    assert build(feature, registry) == build(feature)


def test_a_field_of_the_prd_that_a_label_adds_too_is_refused_by_name(tmp_path: Path) -> None:
    registry = Registry([write_the_example(tmp_path)])
    feature = labelled(registry, "**Stamped:** yes", "| stamp | string | no | |")
    with pytest.raises(ColumnTaken, match=r"`Todo\.stamp`: the aspect `stamped` adds a field of that name"):
        make_plan(feature, Workflows().pipeline(), registry)


def test_every_hook_of_an_aspect_finds_its_place() -> None:
    registry = Registry([ARCHIVE])
    feature = labelled(registry, "**Archive:** yes")
    built = build(feature, registry)
    service, router = built.files["app/services/todo_service.py"], built.files["app/routers/todo.py"]
    (migration,) = (text for path, text in built.files.items() if path.startswith("alembic/versions/"))
    update = next(endpoint for endpoint in built.endpoints if endpoint.method == "PATCH" and "todos/" in endpoint.path)
    tests, made = suite(feature, registry)["tests/test_todo.py"], pages(feature, registry)

    for text in (*(text for path, text in built.files.items() if path.endswith(".py")), tests):
        ast.parse(text)
    for fragment in (
        'sa.Column("archived_at"',
        "ck_todos_archived_at",
        "uq_todos_title_archived_at",
        "ix_todos_archived_at",
    ):
        assert fragment in migration, fragment
    assert "def archived(self) -> bool:" in built.files["app/models/todo.py"]
    response = class_body(built.files["app/schemas/todo.py"], "TodoResponse")
    assert "archived" in response
    assert "archived_at" not in response
    query = class_body(built.files["app/schemas/todo.py"], "TodoQuery")
    assert query["q"].startswith("Annotated[str, NoNul] | None")
    assert "'length'" in query["sort"]
    assert (
        "Todo: lambda records, _: records.where(Todo.archived_at.is_(None))," in built.files["app/services/access.py"]
    )
    assert [error.when for error in update.errors if error.status == 409] == ["it is put away"]
    assert "PUT /api/v1/todos/{todo_id}/restored" in [f"{e.method} {e.path}" for e in built.endpoints]
    assert "async def restore(" in service
    assert "async def restore_todo(" in router
    in_order(
        service,
        "_log: Final",
        '"length"',
        "require_references",
        "never = None",
        "record = Todo(",
        "archived_at=never",
        "db.flush()",
        "db.commit()",
        "create of",
    )
    in_order(
        service,
        "AppError: It is put away.",
        "raise Conflict",
        "changes = ",
        '"changes %s"',
        "setattr",
        "db.flush()",
        "db.commit()",
        "update of",
    )
    in_order(
        service,
        "async def delete(",
        "puts away",
        "record.archived_at = func.now()",
        "db.flush()",
        "db.commit()",
        "delete of",
    )
    assert "await db.delete(record)" not in service
    assert "async def test_what_is_put_away_comes_back(" in tests
    assert "<BooleanValue value={record.archived} />" in made["frontend/src/pages/todos/TodoDetailPage.tsx"]


def test_the_label_that_uses_every_hook_leaves_none_out() -> None:
    hooks = {name for name in vars(Aspect) if not name.startswith("_")} - {"name", "after"}
    used = {name for aspect in find_aspects([ARCHIVE]).each for name in vars(type(aspect))}
    assert hooks <= used


def test_the_guide_names_every_hook() -> None:
    hooks = {name for name in vars(Aspect) if not name.startswith("_")} - {"name", "after"}
    assert hooks <= set(re.findall(r"`(\w+)`", GUIDE.split("| Hook |")[1]))


def test_an_aspect_comes_after_those_it_names(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "aspect.py").write_text(ASPECT.format(after=("owner", "unique")), "utf-8")
    names = [aspect.name for aspect in find_aspects([tmp_path]).each]

    assert [name for name in names if name != "one"] == [aspect.name for aspect in built_in().each]
    assert max(names.index("owner"), names.index("unique")) < names.index("one")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ASPECT = 1", "`ASPECT` must be a `skills.design.aspect.Aspect` with a `name`"),
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        (ASPECT.format(after=("two",)), "the aspect `one` comes after `two`, which there is not"),
        (ASPECT.format(after=("one",)), "in a circle"),
        (ASPECT.format(after=()).replace("'one'", "'owner'"), "two aspects are called `owner`"),
    ],
)
def test_an_aspect_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "aspect.py").write_text(text, "utf-8")
    with pytest.raises(AspectInvalid, match=message):
        Registry([tmp_path])


def test_a_label_of_which_nothing_is_made_is_refused(tmp_path: Path) -> None:
    (write_the_example(tmp_path) / "stamped" / "aspect.py").unlink()
    with pytest.raises(LabelInvalid, match="the label `Stamped` has no aspect called `stamped`"):
        Registry([tmp_path])


def in_order(text: str, *fragments: str) -> None:
    """Each fragment stands after the one before it."""
    at = 0
    for fragment in fragments:
        at = text.find(fragment, at)
        assert at >= 0, fragment
