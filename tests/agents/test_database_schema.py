"""The schema expander's migration makes, on a real PostgreSQL, exactly the schema it claims."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.checks.postgres.introspection import differences, live_tables
from agents.checks.postgres.schema import LiveSchemaCheck
from agents.toolchains.alembic.checks import BOOKKEEPING, MIGRATIONS, MigrationsCheck
from orchestrator.planning.choices import built_in
from schemas.feature import Feature, FeatureField
from schemas.handoffs import DatabaseAgentOutput
from skills.core.templates import Templates
from skills.database_schema_expander.blueprint import Input, Output, contribute
from skills.database_schema_expander.plans import TablePlan
from skills.database_schema_expander.spelling import column_type, default, jsonb
from skills.database_schema_expander.tables import SchemaImpossible, plan_tables
from tests.support.agent_material import SKILLS, ScratchIn, entity, feature, field, work, write_tree
from tests.support.bound_agents import DATABASE

TEMPLATES = Templates(SKILLS / "database_schema_expander" / "templates")


HOSTILE = "x'); drop table users; -- :a \\:b \\ %(c)s {{ 7*7 }} {% raw %} \"\"\" ''' $$ </script>"

EVERYTHING = feature(
    entity("Company", "companies", field("name", "string"), owner=True, singular="company"),
    entity(
        "TodoList",
        "todo_lists",
        field("name", "string", min_length=1, max_length=80, unique_per=("owner",)),
        field("colour", "enum", values=("grey", "it's", HOSTILE, "日本"), has_default=True, default=HOSTILE),
        owner=True,
        sorts=("name",),
        description=HOSTILE,
    ),
    entity(
        "Todo",
        "todos",
        field("todo_list", "reference", target="TodoList", on_delete="cascade"),
        field("parent", "reference", target="Todo", required=False, on_delete="set null"),
        field("title", "string", min_length=1, max_length=200, has_default=True, default=HOSTILE),
        field("notes", "text", required=False, max_length=5000),
        field("body", "text", min_length=1, max_length=50),
        field("done", "boolean", has_default=True, default=False),
        field("order", "integer", minimum=Decimal(-5), maximum=Decimal(3_000_000_000), has_default=True, default=-3),
        field("user", "integer", minimum=Decimal("0.5"), required=False),
        field("due_at", "datetime", required=False, has_default=True, default="2026-01-01T10:00:00.120+02:00"),
        field("price", "decimal", precision=8, scale=2, minimum=Decimal(-5), maximum=Decimal("0.50")),
        field("rate", "float", minimum=Decimal("-0.5"), maximum=Decimal(10), has_default=True, default=1e-7),
        field("day", "date", has_default=True, default="2026-01-01"),
        field("at", "time", has_default=True, default="09:30"),
        field("key", "uuid", unique=True, has_default=True, default="00000000-0000-0000-0000-00000000000A"),
        field("mail", "email", required=False, max_length=100),
        field("site", "url", required=False, indexed=True),
        field("meta", "json", has_default=True, default={"bb": [1.5e10, None, HOSTILE], "a": {}}),
        field("kind", "enum", values=("only",)),
        field("tags", "references", target="Tag", required=False),
        field("blocks", "references", target="Todo", required=False),
        owner=True,
        filters=("todo_list", "done", "tags", "owner", "notes"),
        sorts=("due_at", "created_at", "body", "notes"),
    ),
    entity(
        "Tag", "tags", field("label", "string"), field("rank", "integer", required=False), unique=(("label", "rank"),)
    ),
    user_fields=(
        field("username", "string", min_length=3, max_length=30, unique=True),
        field("company", "reference", target="Company", required=False),
    ),
    title=HOSTILE,
)


def plans_of(described: Feature) -> tuple[TablePlan, ...]:
    return plan_tables(described, TEMPLATES.aspects)


def expand(described: Feature) -> Output:
    return contribute(Input(feature=described), TEMPLATES)


def tree_of(output: Output, tree: Path) -> Path:
    write_tree(tree, {file.path: file.content for file in output.files})
    return tree


def migration(output: Output) -> str:
    return next(file.content for file in output.files if file.path.startswith("alembic/versions/"))


@pytest.mark.slow
async def test_the_live_schema_is_the_claimed_one_for_every_type_and_rule(
    tmp_path: Path, scratch_in: ScratchIn
) -> None:
    output = expand(EVERYTHING)
    async with scratch_in(tree_of(output, tmp_path / "tree")) as scratch:
        done = work(EVERYTHING, outputs={"database-schema-expander": output})
        migrated = await MigrationsCheck().run(scratch, done)
        assert migrated.passed, migrated.problems
        outcome = await LiveSchemaCheck(MIGRATIONS, bookkeeping=BOOKKEEPING).run(scratch, done)
        assert outcome.problems == ()
    assert outcome.measured is not None
    handed_on = DATABASE.compose(replace(done, measured=(outcome.measured,)))
    assert isinstance(handed_on, DatabaseAgentOutput)
    assert sorted(table.name for table in handed_on.tables) == sorted(table.name for table in output.tables)
    todo = next(table for table in handed_on.tables if table.name == "todos")
    assert todo.entity == "Todo"
    assert {column.name: column.references for column in todo.columns}["parent_id"] == "todos.id on delete set null"


@pytest.mark.slow
async def test_a_migration_that_does_not_make_what_was_claimed_is_found(tmp_path: Path, scratch_in: ScratchIn) -> None:
    output = expand(EVERYTHING)
    tree = tree_of(output, tmp_path / "tree")
    path = tree / output.migrations[0].file
    path.write_text(path.read_text().replace("char_length(username) >= 3", "char_length(username) >= 4"))
    async with scratch_in(tree) as scratch:
        done = work(EVERYTHING, outputs={"database-schema-expander": output})
        assert (await MigrationsCheck().run(scratch, done)).passed
        outcome = await LiveSchemaCheck(MIGRATIONS, bookkeeping=BOOKKEEPING).run(scratch, done)
    assert not outcome.passed
    assert len(outcome.problems) == 1
    assert "`ck_users_username_length`" in outcome.problems[0]


@pytest.mark.slow
async def test_a_downgrade_that_leaves_a_table_is_found(tmp_path: Path, scratch_in: ScratchIn) -> None:
    output = expand(feature(entity("Tag", "tags", field("label", "string"))))
    tree = tree_of(output, tmp_path / "tree")
    path = tree / output.migrations[0].file
    path.write_text(
        path.read_text().replace('    op.drop_table("tags")\n', "").replace("    op.drop_table('tags')\n", "")
    )
    async with scratch_in(tree) as scratch:
        outcome = await MigrationsCheck().run(scratch, work(EVERYTHING))
    assert not outcome.passed
    assert "left behind" in outcome.problems[0]
    assert "tags" in outcome.problems[0]


def test_the_migration_is_the_same_bytes_every_time() -> None:
    assert expand(EVERYTHING) == expand(EVERYTHING)


def test_hostile_text_stays_text_in_the_migration() -> None:
    source = migration(expand(EVERYTHING))
    strings = {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert HOSTILE in strings
    assert "49" not in source


def test_a_circle_of_references_is_closed_after_both_tables_exist() -> None:
    plans = plans_of(EVERYTHING)
    late = [(plan.name, key.table) for plan in plans for key in plan.deferred]
    assert late == [("users", "companies")]
    names = [plan.name for plan in plans]
    assert names.index("users") < names.index("companies") < names.index("todos_tags")


def test_one_index_a_column_and_none_where_a_unique_begins_with_it() -> None:
    tables = {table.name: table for table in expand(EVERYTHING).tables}
    assert [index.columns for index in tables["todo_lists"].indexes] == [("name",)]  # owner_id leads uq_todo_lists_…
    columns = [index.columns for index in tables["todos"].indexes]
    assert len(columns) == len(set(columns))
    assert ("notes",) in columns
    assert ("key",) not in columns


def test_a_long_text_is_indexed_by_hash_because_a_btree_would_refuse_it() -> None:
    todos = next(plan for plan in plans_of(EVERYTHING) if plan.name == "todos")
    assert {index.columns[0]: index.method for index in todos.indexes}["notes"] == "hash"


def test_names_are_cut_to_what_postgresql_keeps() -> None:
    long = "a" * 50
    plans = plans_of(feature(entity("Long", f"{long}s", field("b" * 50, "string", unique=True, min_length=1))))
    names = [plan.primary_key.name for plan in plans]
    names += [unique.name for plan in plans for unique in plan.uniques]
    names += [check.name for plan in plans for check in plan.checks]
    names += [index.name for plan in plans for index in plan.indexes]
    assert max(len(name) for name in names) <= 63
    assert len(names) == len(set(names))


def test_a_column_that_postgresql_reserves_is_refused_by_name() -> None:
    with pytest.raises(SchemaImpossible, match="`xmin` of table `tags` is reserved"):
        plans_of(feature(entity("Tag", "tags", field("xmin", "integer"))))


def test_without_accounts_there_is_no_users_table() -> None:
    described = feature(entity("Tag", "tags", field("label", "string")))
    anonymous = described.model_copy(update={"stack": built_in().stack({"authentication": "none"})})
    assert [plan.name for plan in plans_of(anonymous)] == ["tags"]


PRINTABLE = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
VALUES: dict[str, st.SearchStrategy[object]] = {
    "string": st.text(PRINTABLE, max_size=60),
    "text": st.text(PRINTABLE, max_size=60),
    "integer": st.integers(-(2**53), 2**53),
    "float": st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15),
    "boolean": st.booleans(),
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "datetime": st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)).map(str),  # noqa: DTZ001
    "uuid": st.uuids().map(str),
    "json": st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(PRINTABLE, max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(PRINTABLE, max_size=5), inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: value is not None),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", VALUES)
async def test_defaults_are_spelled_as_postgresql_prints_them(kind: str, admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn, server_settings={"timezone": "UTC", "datestyle": "ISO"})
    seen: list[tuple[FeatureField, str]] = []

    @settings(max_examples=40, deadline=None)
    @given(value=VALUES[kind])
    def collect(value: object) -> None:
        made = field("f", kind, has_default=True, default=value)
        spelled = default(made)
        assert spelled is not None
        seen.append((made, spelled.sql))

    collect()
    try:
        await connection.execute("begin")
        for number, (made, sql) in enumerate(seen):
            await connection.execute(f"create temporary table t{number} (f {column_type(made).sql} default {sql})")
        rows = await connection.fetch(
            "select c.relname as name, pg_get_expr(d.adbin, d.adrelid) as printed "
            "from pg_attrdef d join pg_class c on c.oid = d.adrelid where c.relpersistence = 't'"
        )
    finally:
        await connection.execute("rollback")
        await connection.close()
    printed = {row["name"]: row["printed"] for row in rows}
    assert [printed[f"t{number}"] for number in range(len(seen))] == [sql for _, sql in seen]


def test_jsonb_orders_keys_by_length_first() -> None:
    assert jsonb({"bb": 1, "a": [1e-7, True]}) == '{"a": [0.0000001, true], "bb": 1}'


async def test_differences_name_the_table_and_what_it_should_be(admin_dsn: str) -> None:
    claimed = [plan.table() for plan in plans_of(feature(entity("Tag", "tags", field("label", "string"))))]
    assert differences(claimed, claimed) == []
    lines = differences(claimed, claimed[:1])
    assert lines == [f"table `{claimed[1].name}`: claimed, but not in the database"]
    assert await live_tables(admin_dsn, BOOKKEEPING) == ()


@pytest.mark.slow
def test_the_generated_python_is_what_ruff_would_write(tmp_path: Path) -> None:
    tree = tree_of(expand(EVERYTHING), tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length", "120"]
    subprocess.run([*ruff, "format", *options, str(tree)], check=True, capture_output=True)
    checked = subprocess.run(
        [*ruff, "check", *options, "--select", "ANN,B,E,F,I,S,UP,W", "--ignore", "E501",
         "--config", 'lint.isort.known-third-party=["alembic"]', str(tree)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
