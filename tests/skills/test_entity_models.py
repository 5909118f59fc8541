"""Models follow the database handoff to the letter, and refuse what they cannot say."""

from __future__ import annotations

import ast

import pytest

from schemas.handoffs import Column, Constraint, DatabaseAgentOutput, Index, Table
from skills.python_database_integration.columns import DatabaseNotMappable, mapped_column
from skills.python_database_integration.constraints import table_rules, unique_columns
from tests.support.entity_prd import class_body, database_of, entity_side, feature_from, fields

NOTES = "### Note\n\n" + fields("body | string | yes | max 40; unique", "kind | enum(a, b) | yes | default a")


def test_a_column_is_what_the_handoff_says_not_what_the_prd_says() -> None:
    feature = feature_from(NOTES)
    database = database_of(feature)
    widened = _with_column(database, "notes", "body", type="character varying(90)", nullable=True)
    assert class_body(entity_side(feature, database)["app/models/note.py"], "Note")["body"] == (
        "Mapped[str] = mapped_column(String(40), unique=True)"
    )
    assert class_body(entity_side(feature, widened)["app/models/note.py"], "Note")["body"] == (
        "Mapped[str | None] = mapped_column(String(90), unique=True)"
    )


@pytest.mark.parametrize(
    ("column", "line"),
    [
        (Column(name="n", type="bigint", nullable=False, default="3"), "n: Mapped[int] = (server_default='3')"),
        (Column(name="n", type="integer", nullable=True), "n: Mapped[int | None] = (Integer())"),
        (
            Column(name="n", type="numeric(8,2)", nullable=False, default="'-1'::integer"),
            "n: Mapped[Decimal] = (Numeric(8, 2), server_default='-1')",
        ),
        (
            Column(name="on", type="boolean", nullable=False, default="false"),
            "on: Mapped[bool] = (server_default=false())",
        ),
        (
            Column(name="at", type="timestamp with time zone", nullable=False, default="now()"),
            "at: Mapped[datetime] = (server_default=func.now())",
        ),
        (
            Column(name="key", type="uuid", nullable=False, default="gen_random_uuid()"),
            "key: Mapped[UUID] = (server_default=func.gen_random_uuid())",
        ),
        (
            Column(name="s", type="character varying(9)", nullable=False, default="'it''s'::character varying"),
            's: Mapped[str] = (String(9), server_default=literal("it\'s"))',
        ),
        (
            Column(name="json", type="jsonb", nullable=False, default="'{}'::jsonb"),
            "json_: Mapped[JsonValue] = ('json', JSONB(none_as_null=True), nullable=False, server_default='{}')",
        ),
        (
            Column(name="a_id", type="bigint", nullable=True, references="as.id on delete set null"),
            "a_id: Mapped[int | None] = (ForeignKey('as.id', ondelete='SET NULL'))",
        ),
    ],
)
def test_a_columns_type_nullability_default_and_reference_are_said(column: Column, line: str) -> None:
    mapped = mapped_column("t", column)
    assert f"{mapped.attribute}: Mapped[{mapped.annotation}] = ({', '.join(mapped.arguments)})" == line


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "money"}, "type `money`"),
        ({"default": "1 + 1"}, "default `1 + 1`"),
        ({"references": "somewhere"}, "references `somewhere`"),
    ],
)
def test_what_no_model_can_say_is_refused_by_name(change: dict[str, str], named: str) -> None:
    column = Column(name="price", type="bigint", nullable=False).model_copy(update=change)
    with pytest.raises(DatabaseNotMappable, match="`price` of table `orders`") as refused:
        mapped_column("orders", column)
    assert named in str(refused.value)


def test_names_the_convention_gives_are_left_out_and_others_are_said() -> None:
    table = Table(
        name="t",
        entity=None,
        columns=(Column(name="a", type="bigint", nullable=False), Column(name="b", type="bigint", nullable=False)),
        constraints=(
            Constraint(name="uq_t_a", kind="unique", definition="UNIQUE (a)"),
            Constraint(name="other", kind="unique", definition='UNIQUE NULLS NOT DISTINCT (b, "order")'),
            Constraint(name="ck_t_b_range", kind="check", definition="CHECK ((b > 1))"),
        ),
        indexes=(
            Index(name="ix_t_b", columns=("b",)),
            Index(name="ix_t_a_b", columns=("a", "b")),
            Index(name="uq_t_a", columns=("a",), unique=True),
        ),
    )
    rules = table_rules(table)
    assert rules.on_column == {"a": ["unique=True"], "b": ["index=True"]}
    assert rules.on_table == [
        "UniqueConstraint('b', 'order', name='other', postgresql_nulls_not_distinct=True)",
        "CheckConstraint('(b > 1)', name='ck_t_b_range')",
        "Index(None, 'a', 'b')",
    ]


def test_a_unique_constraints_columns_may_be_quoted() -> None:
    constraint = Constraint(name="u", kind="unique", definition='UNIQUE ("order", "a""b, c", d)')
    table = Table(name="t", entity=None, columns=())
    assert unique_columns(table, constraint) == ("order", 'a"b, c', "d")


def test_a_colon_in_a_check_is_no_parameter() -> None:
    entity = "### Note\n\n" + fields("kind | enum(a:b, c) | yes | ")
    source = entity_side(feature_from(entity))["app/models/note.py"]
    conditions = [
        "".join(ast.literal_eval(node.args[0]))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "CheckConstraint"
    ]
    assert any(r"'a\:b'::character varying" in condition for condition in conditions)


def test_a_long_name_is_said_because_the_convention_would_shorten_it_otherwise() -> None:
    name = "a_very_long_name_of_a_field_that_goes_on_and_on_for_ever"
    feature = feature_from("### Note\n\n" + fields(f"{name} | integer | no | indexed"))
    index = next(i for t in database_of(feature).tables if t.name == "notes" for i in t.indexes)
    assert len(index.name) == 63
    assert f'"{index.name}"' in entity_side(feature)["app/models/note.py"]


def test_a_many_to_many_is_a_set_of_link_rows_with_ids_beside_it() -> None:
    prd = "### Note\n\n" + fields("tags | Tag[] | no | ", "similar | Note[] | no | ")
    source = entity_side(feature_from(prd + "\n\n### Tag\n\n" + fields("label | string | yes | ")))
    note = class_body(source["app/models/note.py"], "Note")
    assert "def tags_ids(self, ids: list[int]) -> None:" in source["app/models/note.py"]
    assert "lazy='selectin'" in note["tags_links"]
    assert "foreign_keys='NoteSimilarLink.note_id'" in note["similar_links"]
    link = class_body(source["app/models/note.py"], "NoteTagsLink")
    assert link["tag_id"] == (
        "Mapped[int] = mapped_column(ForeignKey('tags.id', ondelete='CASCADE'), primary_key=True, index=True)"
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no table", "has no table `notes` for entity `Note`"),
        ("no column", "lacks `body`"),
        ("another id", "column `id` of table `notes`"),
        ("a stranger", "no entity of the PRD explains: strangers"),
    ],
)
def test_a_handoff_that_does_not_fit_the_feature_is_refused(damage: str, message: str) -> None:
    feature = feature_from(NOTES)
    whole = database_of(feature)
    others = tuple(table for table in whole.tables if table.name != "notes")
    notes = next(table for table in whole.tables if table.name == "notes")
    tables = {
        "no table": others,
        "no column": (*others, notes.model_copy(update={"columns": _without(notes, "body")})),
        "another id": _with_column(whole, "notes", "id", type="uuid").tables,
        "a stranger": (*whole.tables, Table(name="strangers", entity=None, columns=())),
    }[damage]
    with pytest.raises(DatabaseNotMappable, match=message):
        entity_side(feature, whole.model_copy(update={"tables": tables}))


def _with_column(database: DatabaseAgentOutput, table: str, column: str, **change: object) -> DatabaseAgentOutput:
    tables = tuple(
        t.model_copy(
            update={"columns": tuple(c.model_copy(update=change) if c.name == column else c for c in t.columns)}
        )
        if t.name == table
        else t
        for t in database.tables
    )
    return database.model_copy(update={"tables": tables})


def _without(table: Table, column: str) -> tuple[Column, ...]:
    return tuple(c for c in table.columns if c.name != column)
