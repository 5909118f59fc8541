import keyword
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from handoff.prd_names import pascal_case, plural, slug_of, snake_case
from schemas.feature import Access, Entity, FeatureField, FieldType, Kind
from skills.codegen import naming, reserved

entity_names = st.from_regex(r"[A-Z][A-Za-z0-9]{0,20}", fullmatch=True) | st.sampled_from(
    sorted(reserved.CLASSES) + [f"{name}Record" for name in sorted(reserved.CLASSES)]
)
field_names = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,8}){0,3}", fullmatch=True) | st.sampled_from(
    sorted(reserved.PYTHON | reserved.ATTRIBUTES | {"limit", "filter_limit", "filter_filter_limit"})
)


def entity(name: str) -> Entity:
    singular = snake_case(name)
    table = plural(singular)
    access = Access(read="signed-in", write="signed-in")
    return Entity(name=name, singular=singular, table=table, collection=table, access=access)


def field(name: str, kind: Kind, target: str | None = None) -> FeatureField:
    return FeatureField(name=name, type=FieldType(kind=kind, target=target), required=False)


@pytest.mark.parametrize(
    ("name", "snake", "plural_name", "human"),
    [
        ("Todo", "todo", "todos", "Todo"),
        ("TodoList", "todo_list", "todo_lists", "Todo list"),
        ("Category", "category", "categories", "Category"),
        ("Person", "person", "people", "Person"),
        ("HTTPServer", "http_server", "http_servers", "Http server"),
        ("Item2", "item2", "item2s", "Item2"),
        ("News", "news", "news", "News"),
    ],
)
def test_an_entity_is_named_in_every_spelling(name: str, snake: str, plural_name: str, human: str) -> None:
    assert snake_case(name) == snake
    assert plural(snake) == plural_name
    assert naming.title(name) == naming.title(snake) == human


def test_titles_are_human_plurals() -> None:
    assert naming.titles("TodoList") == naming.titles("todo_list") == "Todo lists"


def test_pascal_case_and_slugs_keep_the_words() -> None:
    assert pascal_case("todo list") == pascal_case("todo-list") == pascal_case("todo_list") == "TodoList"
    assert slug_of("Room bookings: the 2nd!") == "room-bookings-the-2nd"
    assert slug_of("日本") == ""


@pytest.mark.parametrize(
    "name",
    [
        "Base",
        "Any",
        "Enum",
        "Page",
        "Schema",
        "Field",
        "AsyncSession",
        "Error",
        "Date",
        "List",
        "None",
        "True",
        "Token",
    ],
)
def test_a_class_that_generated_modules_import_gets_another_name(name: str) -> None:
    assert naming.class_name(name) == f"{name}Record"


@pytest.mark.parametrize("name", ["Todo", "User", "Order", "Class", "Import", "Comment", "Tag", "LandingPage"])
def test_a_harmless_class_keeps_its_name(name: str) -> None:
    assert naming.class_name(name) == name


@pytest.mark.parametrize(
    ("name", "module"),
    [("TodoList", "todo_list"), ("Class", "class_"), ("Import", "import_"), ("Json", "json_"), ("Auth", "auth_")],
)
def test_a_module_is_importable(name: str, module: str) -> None:
    assert naming.module_name(name) == module


@pytest.mark.parametrize(
    "name", ["class", "from", "metadata", "registry", "model_id", "copy", "json", "schema", "import", "date", "list"]
)
def test_an_attribute_never_hides_what_its_class_needs(name: str) -> None:
    assert naming.attribute(name) == f"{name}_"


@pytest.mark.parametrize("name", ["model_dump", "model_dump_json", "model_validated_at", "model_validate", "model_x"])
def test_no_attribute_is_in_a_namespace_that_pydantic_protects(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_model("Model", **{naming.attribute(name): (int, 0)})  # type: ignore[call-overload]  # names at runtime


@pytest.mark.parametrize("name", ["id", "title", "limit", "created_at", "owner_id", "hash", "filter", "order"])
def test_a_harmless_attribute_keeps_its_name(name: str) -> None:
    assert naming.attribute(name) == name


@pytest.mark.parametrize("name", ["class", "filter", "id", "type"])
def test_a_variable_hides_no_builtin(name: str) -> None:
    assert naming.variable(name) == f"{name}_"


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("done", "done"), ("limit", "filter_limit"), ("filter_sort", "filter_filter_sort"), ("sort_key", "sort_key")],
)
def test_a_filter_never_takes_the_name_of_a_paging_parameter(name: str, parameter: str) -> None:
    assert naming.query_name(name) == parameter


@pytest.mark.parametrize("name", ["Error", "Date", "Map", "Promise", "Record", "default", "delete"])
def test_a_typescript_name_hides_nothing(name: str) -> None:
    assert naming.ts_identifier(name) == f"{name}_"


def test_references_are_named_by_what_they_hold() -> None:
    parent, tags, done = (
        field("parent", "reference", "Todo"),
        field("tags", "references", "Tag"),
        field("done", "boolean"),
    )
    assert [naming.json_name(item) for item in (parent, tags, done)] == ["parent_id", "tags_ids", "done"]
    assert [naming.column(item) for item in (parent, done)] == ["parent_id", "done"]
    with pytest.raises(ValueError, match="join table"):
        naming.column(tags)


def test_a_join_table_is_named_by_its_owner_and_field() -> None:
    article, tag = entity("Article"), entity("Tag")
    assert naming.join_table(article, field("tags", "references", "Tag")) == "articles_tags"
    assert naming.join_columns(article, tag) == ("article_id", "tag_id")
    assert naming.join_columns(article, article) == ("article_id", "related_id")


@given(st.lists(st.from_regex(r"[a-z_]{1,40}", fullmatch=True), min_size=1, max_size=4))
def test_a_database_name_always_fits(parts: list[str]) -> None:
    name, whole = naming.database_name(*parts), "_".join(parts)
    assert len(name.encode()) <= 63
    assert name == whole or (len(whole) > 63 and re.search(r"_[0-9a-f]{8}$", name))


def test_shortened_database_names_stay_apart() -> None:
    assert naming.database_name("ix", "a" * 70) != naming.database_name("ix", "a" * 71)


@given(st.sets(entity_names, min_size=2, max_size=6))
def test_distinct_entities_get_distinct_valid_classes(names: set[str]) -> None:
    classes = {naming.class_name(name) for name in names}
    assert len(classes) == len(names)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in classes)
    assert not classes & reserved.CLASSES


@given(st.sets(field_names, min_size=2, max_size=6))
def test_distinct_fields_get_distinct_valid_names(names: set[str]) -> None:
    for function in (naming.attribute, naming.variable, naming.ts_identifier, naming.query_name):
        made = {function(name) for name in names}
        assert len(made) == len(names)
        assert all(name.isidentifier() for name in made)
    assert not any(keyword.iskeyword(naming.attribute(name)) for name in names)
    assert not {naming.query_name(name) for name in names} & reserved.QUERY_PARAMETERS


def test_every_python_keyword_is_reserved() -> None:
    lower = {word for word in keyword.kwlist if word[0].islower()}
    assert lower <= reserved.PYTHON & reserved.ATTRIBUTES & reserved.MODULES
    assert set(keyword.kwlist) - lower <= reserved.CLASSES


def test_every_attribute_of_a_pydantic_model_is_reserved() -> None:
    taken = {name for name in dir(BaseModel) if not name.startswith("_")}
    assert {name for name in taken if naming.attribute(name) == name} == set()
