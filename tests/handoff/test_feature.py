import pickle
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from handoff.codec import parse
from handoff.feature import FeatureIncomplete, read_feature
from handoff.problems import HandoffInvalid
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.feature import BUSINESS_RULE, STACK, Access, Entity, Feature, FeatureField, Kind

EXAMPLES = Path(__file__).parents[2] / "examples"
FILE = "feature-prd.md"


def read(text: str) -> Feature:
    return read_feature(parse(contract_of("feature-prd"), text, FILE), built_in(), FILE)


def prd(*rows: str, labels: str = "", above: str = "", below: str = "") -> str:
    """Return a PRD with an entity `Room` and an entity `Booking` of these rows; the first row is on line 20."""
    assert "\n" not in above
    head = f"# Feature PRD: Rooms\n\n{above or 'About rooms.'}\n\n## Entities\n\n### Room\n\n"
    table = "| Field | Type | Required | Rules |\n|---|---|---|---|\n"
    room = f"{table}| name | string | yes | |\n| size | integer | no | |\n\n"
    return f"{head}{room}### Booking\n\n{labels or 'A stay.'}\n\n{table}" + "\n".join(rows) + f"\n{below}"


def field(row: str, labels: str = "") -> FeatureField:
    return read(prd(row, labels=labels)).entity("Booking").fields[0]


def booking(labels: str, *rows: str) -> Entity:
    return read(prd(*rows or ("| title | string | yes | |",), labels=labels)).entity("Booking")


def problems(text: str) -> str:
    with pytest.raises(HandoffInvalid) as caught:
        read(text)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems  # noqa: S301  # made here
    return str(caught.value)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.md")), ids=lambda path: path.stem)
def test_every_example_is_understood(example: Path) -> None:
    assert read(example.read_text("utf-8")).entities


def test_the_todo_lists_are_understood_in_full() -> None:
    feature = read((EXAMPLES / "todo-lists.md").read_text("utf-8"))
    assert (feature.title, feature.slug, feature.gaps) == ("Todo lists", "todo-lists", ())
    todo = feature.entity("Todo")
    assert (todo.table, todo.collection, todo.owner) == ("todos", "todos", True)
    assert todo.access == Access(read="owner", write="owner")
    assert todo.filters == ("todo_list", "done", "priority", "due_at")
    by_name = {item.name: item for item in todo.fields}
    assert (by_name["todo_list"].type.kind, by_name["todo_list"].on_delete) == ("reference", "cascade")
    assert (by_name["title"].min_length, by_name["title"].max_length) == (1, 200)
    assert (by_name["done"].has_default, by_name["done"].default) == (True, False)
    priority = by_name["priority"]
    assert (priority.minimum, priority.maximum, priority.default) == (Decimal(1), Decimal(5), 3)
    assert feature.entity("TodoList").fields[0].unique_per == ("owner",)


def test_the_kitchen_sink_uses_every_type_rule_label_and_access() -> None:
    feature = read((EXAMPLES / "kitchen-sink.md").read_text("utf-8"))
    assert feature.gaps == ()
    everything = [item for entity in (feature.user, *feature.entities) for item in entity.fields]
    assert {item.type.kind for item in everything} == set(get_args(Kind))
    for name, facts in FeatureField.model_fields.items():
        if name == "computed":  # what an aspect adds, and no PRD says
            continue
        assert facts.is_required() or any(getattr(item, name) != facts.default for item in everything), name
    assert {item.on_delete for item in everything} == {"cascade", "restrict", "set null"}
    for name in ("owner", "unique", "filters", "sorts", "description"):
        assert any(getattr(entity, name) for entity in feature.entities), name
    assert len({(entity.access.read, entity.access.write) for entity in feature.entities}) >= 7


def test_what_is_not_implemented_is_kept_word_for_word() -> None:
    feature = read((EXAMPLES / "room-bookings.md").read_text("utf-8"))
    texts = [gap.text for gap in feature.gaps]
    assert "A booking lasts at most 8 hours." in texts
    assert "Booking, No overlap: starts_at..ends_at per room" in texts
    assert "Booking, States: status: pending -> confirmed -> cancelled; pending -> cancelled" in texts
    assert {gap.reason for gap in feature.gaps if gap.text.startswith("Booking")} == {
        "not implemented by template skills yet"
    }


def test_a_gap_knows_what_asked_for_it_and_for_what() -> None:
    text = """# Feature PRD: Todos

## Stack

| Part | Choice |
|---|---|
| Background tasks | Celery |

## Entities

### Todo

**No  Overlap:** starts_at..ends_at per title
**Search:** title

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | |
| starts_at | datetime | yes | |
| ends_at | datetime | yes | |

## Business Rules

- Todo, Check: a rule that looks like a label
"""
    assert [(gap.kind, gap.subject) for gap in read(text).gaps] == [
        (STACK, "Background tasks"),
        ("no overlap", "Todo"),
        ("search", "Todo"),
        (BUSINESS_RULE, ""),
    ]


def test_prose_alone_asks_for_entities() -> None:
    with pytest.raises(FeatureIncomplete, match="`## Entities` with at least one") as caught:
        read("# Feature PRD: Rooms\n\nWe need rooms.\n")
    assert caught.value.question.startswith("What is missing: ")
    assert pickle.loads(pickle.dumps(caught.value)).missing == caught.value.missing  # noqa: S301  # made here


def test_prose_is_told_how_to_go_on_whatever_else_is_wrong_with_it() -> None:
    with pytest.raises(FeatureIncomplete) as caught:
        read("# Feature PRD: Rooms\n\nWe need rooms.\n")
    told = problems("# Feature PRD: 予約\n\nWe need rooms.\n")
    assert "no slug can be made from the title" in told
    assert "no entities are written down" in told
    for text in (str(caught.value), told):
        for way in ("`baton draft FILE --model", "`baton run FILE --model", "`baton init DIR`"):
            assert way in text


def test_a_slug_is_made_from_the_title() -> None:
    assert read(prd("| a | string | no | |")).slug == "rooms"
    assert read(prd("| a | string | no | |", above="**Slug:** my-rooms")).slug == "my-rooms"


# ---- types and rules ----


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("| a | string | yes | 1..80 chars; unique |", {"min_length": 1, "max_length": 80, "unique": True}),
        ("| a | string | yes | MIN 2 ; Max 9 chars |", {"min_length": 2, "max_length": 9}),
        ("| a | decimal(8,2) | no | min -1.5; default 1 |", {"default": "1.00"}),
        ("| a | float | no | max 2e3; default 0.5 |", {"maximum": 2000, "default": 0.5}),
        ("| a | boolean | no | default Yes; read-only |", {"default": True, "read_only": True}),
        ("| a | datetime | no | default 2025-01-01T01:00:00+01:00 |", {"default": "2025-01-01T00:00:00+00:00"}),
        ('| a | json | no | default {"a": "x; y"}; read-only |', {"default": {"a": "x; y"}, "read_only": True}),
        ('| a | string | no | default "x; y"; write-only |', {"default": "x; y", "write_only": True}),
        ('| a | string | no | default "x" and y |', {"default": '"x" and y'}),
        ('| a | string | no | default "" |', {"default": "", "has_default": True}),
        ("| a | enum(on, off) | yes | default on |", {"default": "on"}),
        ("| a | Room | no | on delete set  NULL; unique |", {"on_delete": "set null", "unique": True}),
        ("| a | email | no | default A@B.example |", {"default": "a@b.example"}),
    ],
)
def test_rules_set_what_they_say(rule: str, expected: dict[str, object]) -> None:
    read_field = field(rule)
    assert {name: getattr(read_field, name) for name in expected} == expected


def test_a_semicolon_in_an_expression_is_written_with_a_backslash() -> None:
    assert field("| a | string | no | matches ^x\\;$; indexed |").pattern == "^x\\;$"


def test_enum_values_may_be_quoted() -> None:
    values = field('| a | enum(plain, "a, b", it\'s {{ x }}, "(say) \\"hi\\"") | no | default "a, b" |')
    assert values.type.values == ("plain", "a, b", "it's {{ x }}", '(say) "hi"')
    assert values.default == "a, b"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| a | strng | yes | |", "unknown type `strng`"),
        ("| a | strng | yes | |", "did you mean `string`?"),
        ("| a | String | yes | |", "did you mean `string`?"),
        ("| a | Rom | yes | |", "did you mean `Room`?"),
        ("| a | Rom[] | no | |", "did you mean `Room[]`?"),
        ("| a | decimal | yes | |", "a decimal needs its digits"),
        ("| a | decimal(2,3) | yes | |", "more digits after the point than digits"),
        ("| a | decimal(0,0) | yes | |", "too many or too few digits"),
        ("| a | enum() | yes | |", "an enum has an empty value"),
        ("| a | enum(x, x) | yes | |", "an enum has the value `x` twice"),
        ("| a | enum(x, (y)) | yes | |", "an enum cannot be read"),
        ("| a | enum(x | yes | |", "an enum cannot be read"),
        ('| a | enum("x\\ny") | yes | |', "invisible characters"),
        (f"| a | enum({'x' * 101}) | yes | |", "an enum value is too long"),
        ("| a | enum(x, y) | yes | default z |", "one of the enum's values: `x`, `y`"),
        ("| a | string | yes | uniqe |", "unknown rule `uniqe`"),
        ("| a | string | yes | uniqe |", "did you mean `unique`?"),
        ("| a | string | yes | 9..3 chars |", "the smallest allowed is larger than the largest"),
        ("| a | string | yes | max 0 |", "from 1 to 10485760"),
        ("| a | string | yes | min 300 |", "the smallest allowed is larger than the largest"),
        ("| a | integer | yes | min 5; max 3 |", "the smallest allowed is larger than the largest"),
        ("| a | decimal(3,1) | yes | min 100 |", "the smallest allowed is larger than the largest"),
        ("| a | integer | yes | min 1.5 |", "a whole number from"),
        ("| a | integer | yes | max 9007199254740992 |", "a whole number from"),
        ("| a | integer | yes | min 1; min 2 |", "two rules say the same thing"),
        ("| a | string | yes | 1..2 chars; max 3 |", "two rules say the same thing"),
        ("| a | boolean | yes | min 1 |", "the rule `min n` does not apply to the type `boolean`"),
        ("| a | integer | yes | 1..2 chars |", "the rule `a..b chars` does not apply to the type `integer`"),
        ("| a | json | yes | unique |", "does not apply to the type `json`"),
        ("| a | Room[] | no | on delete cascade |", "does not apply to the type `references`"),
        ("| a | integer | yes | default x |", "a whole number from"),
        ("| a | integer | yes | min 3; default 2 |", "the default breaks the field's own rules"),
        ("| a | string | yes | max 2; default abc |", "the default breaks the field's own rules"),
        ("| a | string | yes | matches ^a$; default b |", "the default does not match the field's expression"),
        ("| a | decimal(3,1) | yes | default 1.25 |", "at most 1 digits after the point"),
        ("| a | date | yes | default 2025-02-30 |", "a date, as"),
        ("| a | datetime | yes | default 2025-01-01T00:00:00 |", "a moment with its offset"),
        ("| a | boolean | yes | default maybe |", "`true` or `false`"),
        ("| a | uuid | yes | default 1 |", "a UUID, as"),
        ("| a | url | yes | default ftp://x |", "begins with `http://` or `https://`"),
        ("| a | json | yes | default {x} |", "JSON, as"),
        ("| a | Room | yes | default 1 |", "a reference cannot have one"),
        ("| a | string | yes | matches [ |", "a regular expression"),
        ("| a | string | yes | matches (?i)x |", "without flags"),
        ("| a | string | yes | matches (a)\\1 |", "without back-references"),
        ("| a | string | yes | matches x(?=y) |", "look-around"),
        ("| a | string | yes | matches a++ |", "possessive"),
        ("| a | string | yes | matches \\Ax\\Z |", "`\\A` or `\\Z`"),
        ("| a | string | yes | matches [[a]&&[b]] |", "a regular expression"),
        ("| a | Room | yes | on delete set null |", "`on delete set null` on a required field"),
        ("| a | Room | yes | on delete explode |", "`on delete cascade`, `on delete restrict`"),
        ("| a | string | no | read-only; write-only |", "nobody would ever see it"),
        ("| a | string | yes | read-only |", "a required `read-only` field that nothing fills"),
        ("| a | string | yes | slug of nme |", "unknown field `nme`"),
        ("| a | string | no | unique per owner |", "`unique per owner`, but records have none"),
        ("| a | string | no | unique per a |", "is no other reference"),
        ("| a | string | no | unique per b |", "unknown field `b`"),
        ("| dueAt | string | no | |", "did you mean `due_at`?"),
        ("| größe | string | no | |", "ASCII letters and digits only"),
        ("| id | string | no | |", "clashes with `id`: every record has it"),
        ("| created_at | date | no | |", "clashes with `created_at`"),
        ("| xmin | integer | no | |", "PostgreSQL keeps that name for itself"),
        (f"| {'a' * 61} | string | no | |", "at most 63 characters"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_its_line(row: str, message: str) -> None:
    text = problems(prd(row))
    assert message in text
    assert f"{FILE}:20: " in text
    assert "[Entities, Booking]" in text


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("timestamp", "`datetime`"),
        ("timestamp with time zone", "`datetime`"),
        ("timestamp(6)", "`datetime`"),
        ("varchar(50)", "`string` with the rule `max 50`"),
        ("VARCHAR", "`string`"),
        ("string(50)", "`string` with the rule `max 50`"),
        ("text(500)", "`text` with the rule `max 500`"),
        ("char", "`string` with the rule `1..1 chars`"),
        ("char(2)", "`string` with the rule `2..2 chars`"),
        ("int", "`integer`"),
        ("bigint", "`integer`"),
        ("number", "`integer` for whole numbers, `decimal(12,2)` for exact fractions"),
        ("number(8,2)", "`decimal(8,2)`"),
        ("numeric(8, 2)", "`decimal(8,2)`"),
        ("Decimal(8,2)", "`decimal(8,2)`"),
        ("money", "`decimal(12,2)`"),
        ("double", "`float`"),
        ("double precision", "`float`"),
        ("bool", "`boolean`"),
        ("tinyint(1)", "`boolean`"),
        ("uuid4", "`uuid`"),
        ("jsonb", "`json`"),
        ("image", "a `url` that leads to it: files and images are not stored"),
        ("file", "a `url` that leads to it: files and images are not stored"),
        ("string[]", "an entity of its own and `Entity[]`, or `json`"),
        ("foreign key", "the entity's name, as `Room`"),
        ("many-to-many", "the entity's name and `[]`, as `Tag[]`"),
        ("interval", "`integer` with the unit in the field's name"),
    ],
)
def test_a_type_word_of_another_language_is_refused_with_what_keeps_its_meaning(word: str, meaning: str) -> None:
    text = problems(prd(f"| a | {word} | no | |"))
    assert f"unknown type `{word}`" in text
    assert f"write {meaning}" in text
    assert "did you mean" not in text


def test_an_entity_is_nearer_than_the_meaning_of_its_name_elsewhere() -> None:
    text = problems(prd("| a | image | no | |").replace("### Room", "### Image"))
    assert "did you mean `Image`?" in text


def test_a_row_with_a_wrong_type_is_told_its_wrong_rules_as_well() -> None:
    text = problems(prd("| title | sting | yes | 1..200 chrs; unique; readonly |"))
    assert "(3 problems)" in text
    for message in ("unknown type `sting`", "unknown rule `1..200 chrs`", "unknown rule `readonly`"):
        assert f"{FILE}:20: {message}" in text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("| a | string | no | |", "| a | text | no | |"), "the field `a` is there twice"),
        (("| a | string | no | |", "| A | text | no | |"), "the field `A` is there twice"),
        (
            ("| room | Room | no | |", "| room_id | integer | no | |"),
            "clashes with `room_id`: the field `room` takes it",
        ),
        (("| n | integer | no | |", "| a | string | no | slug of n |"), "`slug of n`, but `n` is `integer`"),
        (("| b | string | no | slug of a |", "| a | string | no | slug of b |"), "made from another field itself"),
        (("| n | string | no | |", "| a | string | yes | slug of n |"), "but `n` is optional"),
        (("| n | string | no | |", "| a | string | yes | unique per n |"), "write the label `**Unique:** (a, n)`"),
        (("| a | Booking | yes | |",), "`Booking` requires another `Booking` (`a`)"),
    ],
)
def test_fields_that_contradict_one_another_are_refused(rows: tuple[str, ...], message: str) -> None:
    assert message in problems(prd(*rows))


def test_uniqueness_is_said_once() -> None:
    rows = ("| room | Room | no | |", "| a | string | no | unique per room |")
    assert "says what the label `Unique` says already" in problems(prd(*rows, labels="**Unique:** (room, a)"))


def test_safe_expressions_are_accepted() -> None:
    for pattern in ("^[a-z0-9]+(-[a-z0-9]+)*$", "^(?:a|b)+$", "^\\+?[0-9 ]{3,20}$", "[+*?]+", "^\\\\A$", "[(?]"):
        assert field(f"| a | string | no | matches {pattern} |".replace("a|b", "a\\|b")).pattern == pattern


# ---- labels ----


@pytest.mark.parametrize(
    ("labels", "read_by", "written_by"),
    [
        ("**Owner:** yes", "owner", "owner"),
        ("**Owner:** no", "signed-in", "signed-in"),
        ("**owner:** TRUE\n**access:** Public  Read", "public", "owner"),
        ("**Owner:** yes\n**Access:** signed-in", "signed-in", "owner"),
        ("**Owner:** yes\n**Access:** signed in, signed-in write", "signed-in", "signed-in"),
        ("**Owner:** yes\n**Access:** public read, admin write", "public", "admin"),
        ("**Owner:** yes\n**Access:** owner only, owner write", "owner", "owner"),
        ("**Access:** public read", "public", "signed-in"),
        ("**Access:** signed-in, admin write", "signed-in", "admin"),
    ],
)
def test_access_says_who_reads_and_writes(labels: str, read_by: str, written_by: str) -> None:
    assert booking(labels).access.model_dump() == {"read": read_by, "write": written_by}


def test_labels_name_fields() -> None:
    entity = booking(
        "**Owner:** yes\n**Unique:** (title, owner); (title, room)\n**Filter:** room, owner, created_at, rooms, done"
        "\n**Sort:** title, updated_at",
        "| title | string | yes | |",
        "| room | Room | no | |",
        "| rooms | Room[] | no | |",
        "| done | boolean | no | |",
    )
    assert entity.unique == (("title", "owner"), ("title", "room"))
    assert entity.filters == ("room", "owner", "created_at", "rooms", "done")
    assert entity.sorts == ("title", "updated_at")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("**Ownr:** yes", "unknown label `Ownr`"),
        ("**Ownr:** yes", "did you mean `Owner`?"),
        ("**Owner:** maybe", "`Owner` must say yes or no"),
        ("**Owner:** yes\n**Owner:** no", "the label `Owner` is there twice"),
        ("**Access:** owner only", "`Access` speaks of an owner"),
        ("**Access:** public read, owner write", "`Access` speaks of an owner"),
        ("**Access:** publik read", "did you mean `public read`?"),
        ("**Access:** public read, nobody write", "unknown access `nobody write`"),
        ("**Access:** public read, admin write, x", "more than two parts"),
        ("**Owner:** yes\n**Access:** owner only, admin write", "`owner only` leaves nobody else to write"),
        ("**Unique:** title, size", "`Unique` cannot be read"),
        ("**Unique:** (title)", "needs two or more different fields"),
        ("**Unique:** (title, size); (size, title)", "has a group twice"),
        ("**Unique:** (title, owner)", "`Unique` names `owner`, but records have none"),
        ("**Unique:** (title, data)", "json has no order"),
        ("**Filter:** titel", "did you mean `title`?"),
        ("**Filter:** title, title", "`Filter` names `title` twice"),
        ("**Filter:** data", "`Filter` cannot name `data`: json has no order"),
        ("**Filter:** secret", "it is write-only"),
        ("**Filter:** size, size_from", "would both use the parameter `size_from`"),
        ("**Sort:** tags", "it holds many records"),
        ("**Sort:** owner", "but records have none"),
        ("**Check:** title", "`Check` cannot be read"),
        ("**Check:** titel > size", "unknown field `titel`"),
        ("**States:** title: a -> b", "needs an enum"),
        ("**States:** state: on -> of", "did you mean `off`?"),
        ("**No overlap:** a to b", "`No overlap` cannot be read"),
        ("**Search:** titel", "did you mean `title`?"),
        ("**Soft delete:** perhaps", "`Soft delete` must say yes or no"),
        ("**Toggle:** title", "`Toggle` needs a name"),
        ("**Nested under:** title", "`Nested under` needs a reference"),
        ("**Endpoints:** list, remove", "unknown endpoint `remove`"),
    ],
)
def test_a_mistake_in_a_label_is_named_with_its_line(labels: str, message: str) -> None:
    rows = (
        "| title | string | yes | |",
        "| size | integer | no | |",
        "| size_from | integer | no | |",
        "| data | json | no | |",
        "| secret | string | no | write-only |",
        "| tags | Room[] | no | |",
        "| state | enum(on, off) | no | |",
    )
    text = problems(prd(*rows, labels=labels))
    assert message in text
    assert f"{FILE}:{16 + labels.count(chr(10))}: " in text


def test_labels_that_ask_for_nothing_new_are_no_gaps() -> None:
    text = prd("| a | string | no | |", labels="**Soft delete:** no\n**Endpoints:** delete, create, read, update, list")
    assert read(text).gaps == ()


# ---- entities, user, stack ----


def entities(*names: str, row: str = "| a | string | no | |") -> str:
    table = f"| Field | Type | Required | Rules |\n|---|---|---|---|\n{row}\n"
    return "# Feature PRD: Names\n\n## Entities\n\n" + "\n".join(f"### {name}\n\n{table}" for name in names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("todo",), "did you mean `Todo`?"),
        (("TodoLists", "TodoList"), "would share the table `todo_lists`"),
        (("Todo", "TODO"), "the entity `TODO` is there twice"),
        (("Users",), "belongs to the accounts"),
        (("Größe",), "ASCII letters and digits only"),
        (("Me",), "reads the signed-in user"),
        (("Todo", "TodoPage"), "is also what the API calls a part of `Todo`"),
        (("UserPage",), "is also what the API calls a part of `User`"),
        (("IxRoom",), "could be mistaken for a constraint"),
        (("A" * 64,), "at most 63 characters"),
        (("User", "User"), "there twice"),
    ],
)
def test_entities_whose_names_cannot_stand_are_refused(names: tuple[str, ...], message: str) -> None:
    assert message in problems(entities(*names))


@pytest.mark.parametrize("name", ["Order", "Class", "Import", "Error", "Base", "News", "LandingPage", "S"])
def test_odd_names_are_welcome(name: str) -> None:
    assert read(entities(name)).entities[0].name == name


def test_names_follow_from_the_entity() -> None:
    person = read(entities("TaskPerson")).entities[0]
    assert (person.singular, person.table, person.collection) == ("task_person", "task_people", "task-people")


def test_a_join_table_cannot_take_an_entitys_table() -> None:
    text = entities("Article", row="| tags | Article[] | no | |") + entities("ArticlesTag").split("## Entities\n")[1]
    assert "the join table of `tags` would be `articles_tags`, which belongs to `ArticlesTag`" in problems(text)


@pytest.mark.parametrize(
    ("name", "row", "line", "message"),
    [
        ("A" * 61, "| a | string | no | |", 5, f"the column that leads to a `{'A' * 61}` has too long a name"),
        ("A" * 63, "| a | string | no | |", 5, f"the table of `{'A' * 63}` has too long a name"),
        ("Tag", f"| {'a' * 60} | Tag[] | no | |", 9, f"the join table of `Tag.{'a' * 60}` has too long a name"),
    ],
    ids=["reference", "table", "join table"],
)
def test_a_derived_name_too_long_for_postgresql_is_refused_where_it_comes_from(
    name: str, row: str, line: int, message: str
) -> None:
    text = problems(entities(name, row=row))
    assert f"{FILE}:{line}: {message}" in text
    assert "at most 63 characters" in text


@pytest.mark.parametrize(("name", "own"), [("Todo", 3), ("User", 8)])
def test_more_columns_than_postgresql_gives_a_table_are_refused_at_the_first_too_many(name: str, own: int) -> None:
    rows = [f"| f{number} | integer | no | |" for number in range(1601 - own)]
    text = problems(entities(name, "Tag", row="\n".join(rows)))
    assert f"`{name}` has more columns than PostgreSQL gives a table" in text
    assert f"{FILE}:{9 + 1600 - own}: " in text
    assert f"move fields from `f{1600 - own}` on" in text
    assert read(entities("Todo", row="\n".join(rows[: 1600 - 3]))).entities


def test_a_group_of_more_fields_than_an_index_takes_is_refused() -> None:
    rows = [f"| f{number} | integer | no | |" for number in range(33)]
    names = ", ".join(f"f{number}" for number in range(33))
    assert "more fields than an index of PostgreSQL" in problems(prd(*rows, labels=f"**Unique:** ({names})"))


def test_an_entity_without_fields_is_refused() -> None:
    assert "`Todo` has no fields" in problems("# Feature PRD: X\n\n## Entities\n\n### Todo\n\nNothing.\n")


def test_a_circle_of_required_references_is_refused() -> None:
    table = "| Field | Type | Required | Rules |\n|---|---|---|---|\n"
    text = (
        f"# Feature PRD: F\n\n## Entities\n\n### A\n\n{table}| b | B | yes | |\n\n### B\n\n{table}| a | A | {{}} | |\n"
    )
    assert "required references go round in a circle" in problems(text.format("yes"))
    assert read(text.format("no")).entities


def test_an_account_that_needs_a_record_that_needs_an_account_is_refused() -> None:
    table = "| Field | Type | Required | Rules |\n|---|---|---|---|\n"
    text = (
        f"# Feature PRD: F\n\n## Entities\n\n### User\n\n{table}| team | Team | yes | |\n\n"
        f"### Team\n\n**Owner:** yes\n\n{table}| name | string | yes | |\n"
    )
    assert "`User.team` → `Team.owner`" in problems(text) or "`Team.owner` → `User.team`" in problems(text)


def test_a_prd_adds_fields_to_the_account() -> None:
    feature = read(entities("User", "Todo", row="| nick | string | yes | |"))
    assert [item.name for item in feature.user.fields] == ["nick"]
    assert [item.name for item in feature.entities] == ["Todo"]


@pytest.mark.parametrize("name", ["email", "name", "password", "role", "token_version", "hashed_password"])
def test_the_accounts_own_fields_cannot_be_replaced(name: str) -> None:
    assert "every account has it" in problems(entities("User", "Todo", row=f"| {name} | string | no | |"))


def test_the_account_takes_no_labels() -> None:
    text = entities("User", "Todo").replace("### User\n", "### User\n\n**Owner:** yes\n")
    assert "`User` takes fields only, no label `Owner`" in problems(text)


def stack(*rows: str) -> str:
    choices = "## Stack\n\n| Part | Choice |\n|---|---|\n" + "\n".join(rows)
    return entities("Todo").replace("## Entities", f"{choices}\n\n## Entities")


def test_the_stack_has_defaults_and_forgives_letter_case() -> None:
    feature = read(stack("| frontend | NONE |", "| database | postgresql |"))
    assert [feature.stack[part] for part in ("frontend", "database", "orm")] == ["none", "PostgreSQL", "SQLAlchemy"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| Backend | Go |", "needs the specialist `@go-specialist`, which Baton does not have"),
        ("| Framework | Django |", "Framework `Django` is not implemented yet"),
        ("| Database | MySQL |", "Database `MySQL` is not implemented yet"),
        ("| ORM | Django ORM |", "ORM `Django ORM` is not implemented yet"),
        ("| Authentication | none |", "Authentication `none` is not implemented yet"),
        ("| Frontend | Reakt |", "did you mean `React`?"),
        ("| Frontent | React |", "did you mean `Frontend`?"),
    ],
)
def test_a_stack_that_cannot_be_made_is_refused_with_the_reason(row: str, message: str) -> None:
    text = problems(stack(row))
    assert message in text
    assert f"{FILE}:7: " in text


def test_a_part_chosen_twice_is_refused() -> None:
    assert "`Backend` is chosen twice" in problems(stack("| Backend | Python |", "| Backend | Python |"))


def test_parts_that_can_wait_are_gaps() -> None:
    feature = read(stack("| Background tasks | Celery |", "| Dependency manager | poetry |"))
    assert [gap.text for gap in feature.gaps] == ["Background tasks: Celery", "Dependency manager: poetry"]
    assert (feature.stack["background_tasks"], feature.stack["dependency_manager"]) == ("none", "uv")


@pytest.mark.parametrize("slug", ["Rooms", "a_b", "-a", "a--b", "é", "x" * 51])
def test_a_slug_that_cannot_name_files_is_refused(slug: str) -> None:
    assert "cannot name files and packages" in problems(prd("| a | string | no | |", above=f"**Slug:** {slug}"))


def test_a_title_without_letters_needs_a_slug() -> None:
    assert "no slug can be made from the title" in problems(entities("Todo").replace("Names", "日本"))


def test_all_problems_are_reported_at_once_in_document_order() -> None:
    text = prd("| a | strng | yes | |", "| b | string | yes | uniqe |", labels="**Ownr:** yes")
    with pytest.raises(HandoffInvalid) as caught:
        read(text)
    assert [problem.line for problem in caught.value.problems] == [16, 20, 21]


def test_an_account_refers_only_to_what_anybody_can_read() -> None:
    text = entities("User", "Todo").replace(
        "### User\n", "### User\n\n| Field | Type | Required |\n|---|---|---|\n| first | Todo | no |\n", 1
    )
    assert "`User.first` refers to `Todo`, which nobody can read before signing in" in problems(text)
    assert read(text.replace("### Todo\n", "### Todo\n\n**Access:** public read\n")).user.fields[0].name == "first"
