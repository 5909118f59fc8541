"""Schemas, access rules, services and routers: only what an entity has, under the PRD's names, hostile words inert."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from skills.codegen.naming import attribute
from skills.design.queries import filter_parameters, sort_values
from skills.pydantic_validation.annotations import in_body, in_query
from skills.python_api_patterns.entities import entity_routes
from tests.support.entity_prd import class_body, entity_side, feature_from, fields

HOSTILE = "it's {{ x }} %s :p \\ '''"

TODO = """### TodoList

**Owner:** yes
**Sort:** name

| Field | Type | Required | Rules |
|---|---|---|---|
| name | string | yes | 1..80 chars; unique per owner |

### Todo

**Owner:** yes
**Filter:** todo_list, done, due_at, created_at
**Sort:** due_at

| Field | Type | Required | Rules |
|---|---|---|---|
| todo_list | TodoList | yes | on delete cascade |
| title | string | yes | 1..200 chars |
| done | boolean | yes | default false |
| due_at | datetime | no | |
"""


@pytest.fixture(scope="module")
def todo() -> Mapping[str, str]:
    return entity_side(feature_from(TODO))


def test_every_file_parses_and_nothing_is_left_of_the_templates(todo: Mapping[str, str]) -> None:
    for path, text in todo.items():
        ast.parse(text)
        assert "{%" not in text, path
        assert "{{" not in text, path


def test_the_same_feature_gives_the_same_bytes() -> None:
    assert entity_side(feature_from(TODO)) == entity_side(feature_from(TODO))


def test_create_update_and_response_hold_the_fields_they_should() -> None:
    prd = "### Note\n\n" + fields(
        "title | string | yes | max 9",
        "slug | string | yes | slug of title; unique",
        "seen | integer | yes | read-only; default 0",
        "pin | string | no | write-only",
    )
    source = entity_side(feature_from(prd))["app/schemas/note.py"]
    assert list(class_body(source, "NoteCreate")) == ["title", "pin"]
    assert list(class_body(source, "NoteUpdate")) == ["title", "pin"]
    assert list(class_body(source, "NoteResponse")) == ["id", "title", "slug", "seen", "created_at", "updated_at"]


def test_only_what_is_optional_or_has_a_default_may_be_left_out_of_a_create() -> None:
    prd = "### Note\n\n" + fields(
        "a | string | yes | ",
        "b | string | no | ",
        "c | string | yes | default x",
        "d | decimal(5,2) | no | default 1.5",
        "e | json | no | default [1]",
        "f | Note[] | no | ",
        "g | datetime | no | default 2025-01-31T23:30:00+01:00",
    )
    body = class_body(entity_side(feature_from(prd))["app/schemas/note.py"], "NoteCreate")
    assert body == {
        "a": "_A",
        "b": "_B | None = None",
        "c": "_C = 'x'",
        "d": "_D | None = Decimal('1.50')",
        "e": "JsonDocument | None = Field(default_factory=lambda: json.loads('[1]'))",
        "f_ids": "Ids = Field(default_factory=list)",
        "g": "Moment | None = datetime.fromisoformat('2025-01-31T22:30:00+00:00')",
    }


def test_a_required_field_may_be_left_out_of_a_patch_but_not_be_null() -> None:
    prd = "### Note\n\n" + fields("a | string | yes | ", "b | string | no | ")
    body = class_body(entity_side(feature_from(prd))["app/schemas/note.py"], "NoteUpdate")
    assert body == {"a": "_A = omitted()", "b": "_B | None = omitted()"}


@pytest.mark.parametrize(
    ("row", "annotation"),
    [
        (
            "x | string | yes | 1..9 chars; matches ^[a-z]+$",
            "Annotated[str, Field(min_length=1, max_length=9, pattern='^[a-z]+$'), NoNul]",
        ),
        ("x | string | yes | ", "Annotated[str, Field(max_length=255), NoNul]"),
        ("x | text | yes | ", "Annotated[str, NoNul]"),
        ("x | integer | yes | ", "Integer"),
        ("x | integer | yes | min 1", "Annotated[int, Field(strict=True, ge=1, le=9007199254740991)]"),
        ("x | float | yes | max 1.5", "Annotated[float, Field(strict=True, allow_inf_nan=False, le=1.5)]"),
        (
            "x | decimal(8,2) | yes | min 0.5",
            "Annotated[Decimal, Field(max_digits=8, decimal_places=2, ge=Decimal('0.5')), Exact(8, 2)]",
        ),
        ("x | boolean | yes | ", "StrictBool"),
        ("x | time | yes | ", "TimeInput"),
        ("x | email | yes | ", "Email"),
        ("x | enum(a, it's \"b\") | yes | ", "Literal['a', 'it\\'s \"b\"']"),
        ("x | Note | no | ", "Id"),
        ("x | User[] | yes | ", "Annotated[Ids, Field(min_length=1)]"),
    ],
)  # fmt: skip
def test_a_fields_rules_are_its_annotation(row: str, annotation: str) -> None:
    feature = feature_from("### Note\n\n" + fields(row, "other | string | no | "))
    assert in_body(feature.entity("Note").fields[0]).expression == annotation


def test_query_types_are_lenient_about_text_but_not_about_bounds() -> None:
    rows = ("a | integer | no | ", "b | boolean | no | ", "c | float | no | ")
    note = feature_from("### Note\n\n" + fields(*rows)).entity("Note")
    assert [in_query(f).expression for f in note.fields] == ["IntegerParameter", "bool", "FiniteFloat"]


def test_what_has_an_order_is_filtered_by_range_too() -> None:
    entity = feature_from(TODO).entity("Todo")
    assert [parameter.parameter for parameter in filter_parameters(entity)] == [
        "todo_list_id", "done", "due_at", "due_at_from", "due_at_to", "created_at", "created_at_from", "created_at_to",
    ]  # fmt: skip
    assert sort_values(entity) == ("due_at", "-due_at")


def test_a_filter_never_takes_a_name_that_paging_needs() -> None:
    prd = "### Note\n\n**Filter:** limit, sort\n\n" + fields("limit | integer | no | ", "sort | string | no | ")
    names = [parameter.parameter for parameter in filter_parameters(feature_from(prd).entity("Note"))]
    assert names == ["filter_limit", "filter_limit_from", "filter_limit_to", "filter_sort"]


def test_a_reserved_word_keeps_its_name_in_json() -> None:
    prd = "### Class\n\n" + fields("from | string | yes | ", "metadata | json | no | ", "model_id | uuid | no | ")
    files = entity_side(feature_from(prd))
    source = files["app/schemas/class_.py"]
    assert class_body(source, "ClassCreate")["from_"] == "_From = Field(alias='from')"
    assert class_body(source, "ClassUpdate")["metadata_"] == "JsonDocument | None = omitted(alias='metadata')"
    assert class_body(source, "ClassResponse")["model_id_"] == "UUID | None = Field(serialization_alias='model_id')"
    assert (
        class_body(files["app/models/class_.py"], "Class")["from_"]
        == "Mapped[str] = mapped_column('from', String(255))"
    )


def test_hostile_words_stay_words() -> None:
    prd = f"### Note\n\n{HOSTILE}\n\n" + fields(f"kind | enum({HOSTILE}, b) | yes | default {HOSTILE}")
    feature = feature_from(prd)
    hostile = feature.entity("Note").model_copy(update={"description": '"""\nimport os\n"""'})
    files = entity_side(feature.model_copy(update={"entities": (hostile,)}))
    value = feature.entity("Note").fields[0].type.values[0]
    assert "{{ x }}" in value
    tree = ast.parse(files["app/schemas/note.py"])
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert value in literals
    for path in ("app/schemas/note.py", "app/models/note.py", "app/services/note_service.py", "app/routers/note.py"):
        imported = {
            n.name for node in ast.walk(ast.parse(files[path])) if isinstance(node, ast.Import) for n in node.names
        }
        assert "os" not in imported, path


def test_operations_that_are_left_out_leave_nothing_behind() -> None:
    feature = feature_from("### Tag\n\n**Access:** public read, admin write\n\n" + fields("label | string | yes | "))
    tag = feature.entity("Tag").model_copy(update={"operations": ("list", "create")})
    files = entity_side(feature.model_copy(update={"entities": (tag,)}))
    assert _functions(files["app/services/tag_service.py"]) == ["list_", "create"]
    assert _functions(files["app/routers/tag.py"]) == ["list_tags", "create_tag"]
    assert "TagUpdate" not in files["app/schemas/tag.py"]
    assert "AdminUser" in files["app/routers/tag.py"]
    assert "CurrentUser" not in files["app/routers/tag.py"]
    assert "app/services/slugs.py" not in files


def test_an_entity_without_operations_has_a_table_and_no_routes() -> None:
    feature = feature_from(TODO)
    silent = feature.entities[0].model_copy(update={"operations": ()})
    changed = feature.model_copy(update={"entities": (silent, feature.entities[1])})
    files = entity_side(changed)
    assert "app/models/todo_list.py" in files
    assert "app/routers/todo_list.py" not in files
    assert [route.module for route in entity_routes(changed)] == ["app.routers.todo"]


def test_every_query_of_a_service_begins_in_access(todo: Mapping[str, str]) -> None:
    for name in ("todo", "todo_list"):
        source = todo[f"app/services/{name}_service.py"]
        assert "select(" not in source
        called = [ast.unparse(n.func) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
        assert called.count("access.readable") == 1
        assert called.count("access.find") == 3


def test_private_records_are_scoped_and_others_check_their_owner_on_change() -> None:
    rows = fields("title | string | yes | ")
    note, post = (
        "### Note\n\n**Owner:** yes\n\n",
        "### Post\n\n**Owner:** yes\n**Access:** public read, owner write\n\n",
    )
    files = entity_side(feature_from(f"{note}{rows}\n\n{post}{rows}"))
    access = files["app/services/access.py"]
    assert "Note: Note.owner_id" in access
    assert "Post" not in access
    assert files["app/services/post_service.py"].count("access.require_owner(record.owner_id, caller)") == 2
    assert "require_owner" not in files["app/services/note_service.py"]


def test_routes_answer_with_schemas_and_declare_every_error(todo: Mapping[str, str]) -> None:
    tree = ast.parse(todo["app/routers/todo_list.py"])
    routes = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    assert [ast.unparse(route.returns or ast.Constant(value="?")) for route in routes] == [
        "TodoListPage", "TodoListResponse", "TodoListResponse", "TodoListResponse", "None",
    ]  # fmt: skip
    declared = {
        keyword.value.value: ast.unparse(next(k.value for k in decorator.keywords if k.arg == "responses"))
        for route in routes
        for decorator in route.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg == "operation_id" and isinstance(keyword.value, ast.Constant)
    }
    assert declared == {
        "list_todo_lists": "responses(400, 401)",
        "create_todo_list": "{**CREATED, **responses(400, 401, 409)}",
        "read_todo_list": "responses(400, 401, 404)",
        "update_todo_list": "responses(400, 401, 404, 409)",
        "delete_todo_list": "responses(400, 401, 404)",
    }


def test_types_that_no_schema_names_are_not_generated(todo: Mapping[str, str]) -> None:
    types = todo["app/schemas/types.py"]
    assert "Moment = " in types
    for name in ("Exact", "JsonDocument", "TimeOfDay", "Url", "Ids", "Integer ="):
        assert name not in types


def test_a_slug_is_made_free_where_it_must_be_unique() -> None:
    prd = "### Note\n\n**Owner:** yes\n\n" + fields(
        "title | string | no | ",
        "slug | string | no | slug of title; unique per owner",
        "plain | string | no | slug of title",
    )
    create = _source_of(entity_side(feature_from(prd))["app/services/note_service.py"], "create")
    assert "slugs.free_slug(db, Note.slug, slug, Note.owner_id == caller.id)" in create
    assert "Note.plain" not in create
    assert create.count("if data.title is not None") == 2


def test_attributes_agree_between_schema_model_and_service() -> None:
    prd = "### Note\n\n**Filter:** metadata\n**Sort:** model_id\n\n" + fields(
        "metadata | string | no | ", "model_id | integer | no | "
    )
    files = entity_side(feature_from(prd))
    for name in ("metadata", "model_id"):
        assert f"Note.{attribute(name)}" in files["app/services/note_service.py"]
        assert attribute(name) in class_body(files["app/models/note.py"], "Note")


def _functions(source: str) -> list[str]:
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)]


def _source_of(source: str, function: str) -> str:
    found = next(n for n in ast.parse(source).body if isinstance(n, ast.AsyncFunctionDef) and n.name == function)
    return ast.unparse(found)
