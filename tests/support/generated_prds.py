"""PRDs of the language that is built, written at random: every type, rule and label, and names that hurt.

They are text, as a person would write it, and shrink towards one entity with one plain field. Most are valid; in some,
two words do not go together, and the reader has to say so.

Not here: what is expected of them (`tests.support.prd_levels`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from handoff.codec import render
from schemas.contract import contract_of
from schemas.handoffs import FeaturePrd, PrdChoice, PrdEntity, PrdField, PrdLabel
from tests.support.hostile_prd import BREAKERS

PLAIN_ENTITIES = (
    "Todo", "TodoList", "Person", "Category", "Child", "Mouse", "News", "Series", "Sheep", "Analysis", "Quiz", "Bus",
    "Day", "Leaf", "Datum", "Criterion", "Status", "Staff", "HTTPServer", "Room2", "A", "Ab1C",
)  # fmt: skip
HURTING_ENTITIES = (
    # words of Python, SQL, TypeScript, and of the libraries
    "Class", "Import", "None", "Exception", "Order", "Group", "Table", "Select", "Promise", "Object", "Map", "Date",
    "Base", "BaseModel", "Model", "Field", "Column", "Session", "Mapped", "Decimal", "Enum", "Depends", "Request",
    "Response", "Form", "Link", "Route", "Fragment", "Suspense", "Window", "React", "Record", "FieldRecord",
    # the frame's own
    "Health", "Ready", "Metric", "Auth", "AuthService", "Account", "Login", "Token", "Register", "Error", "Page",
    "Sort", "Schema", "Common", "Type", "Access", "Listing", "Slug", "Tag", "Config", "Main", "App", "Test", "Factory",
    "Strategy", "Conftest", "Rule", "Layout", "Home", "Name", "Choice", "Me", "Version", "Doc", "Api",
    # what the API calls a part of another
    "TodoCreate", "TodoPage", "PersonUpdate", "Todos", "UserRole",
)  # fmt: skip
PLAIN_FIELDS = ("title", "note", "amount", "state", "due_at", "a", "x_y", "a1", "name", "code", "body", "email")
HURTING_FIELDS = (
    "class", "from", "import", "def", "none", "self", "cls", "return", "async", "order", "select", "group", "user",
    "default", "function", "await", "constructor", "prototype", "then", "length", "to_string", "key", "ref", "children",
    "style", "type", "id", "owner", "owner_id", "created_at", "metadata", "registry", "query", "session",
    "model_dump", "model_config", "model_fields", "json", "copy", "schema", "dict", "construct", "validate",
    "limit", "offset", "sort", "filter_limit", "q", "total", "items", "main", "navigation", "search", "date",
    "datetime", "time", "decimal", "uuid", "list", "str", "int", "value", "values", "caller", "record", "service",
    "role", "password", "hashed_password", "tags_links", "related", "count", "index", "ctid", "test", "client",
)  # fmt: skip
PATTERNS = (
    "^[a-z]+$", "^[A-Z]{2}-[0-9]{3,5}$", r"^\d{4}$", "^(ab|cd)+$", "x", r"^[^\s@]+$", "^a?$", r"^\w{3,}$", "^.$",
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$", "^é+$",
)  # fmt: skip
ACCESSES = (
    "owner only", "signed-in", "public read", "signed-in, owner write", "public read, owner write",
    "signed-in, signed-in write", "public read, signed-in write", "signed-in, admin write", "public read, admin write",
)  # fmt: skip
COMPARED = ("string", "text", "integer", "decimal", "float", "boolean", "date", "time", "datetime", "uuid", "enum")

_texts = st.sampled_from(("", "Plain words.", "Größe & <b>", *BREAKERS)) | st.text(
    st.characters(exclude_categories=["C", "Z"]), max_size=20
)
_words = st.sampled_from(
    ("open", "closed", "in review", "a, b", 'say "hi"', "None", "true", "1", "*/", "${x}", "{{ x }}")
)
_defaults = {
    "float": st.sampled_from(("0", "-1.5", "2e6")),
    "boolean": st.sampled_from(("true", "false")),
    "date": st.sampled_from(("2025-12-31", "0001-01-01", "9999-12-31")),
    "time": st.sampled_from(("00:00", "23:59:30")),
    "datetime": st.sampled_from(("2025-12-31T23:59:00+01:00", "1970-01-01T00:00:00Z")),
    "uuid": st.just("123e4567-e89b-12d3-a456-426614174000"),
    "email": st.just("Ada@Example.com"),
    "url": st.just("https://example.com/a?b=c"),
    "json": st.sampled_from(("{}", "[1, true]", '{"a": null}', '"text"', "null", "0")),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many entities there are at most, and how many fields each has."""

    entities: int
    fields: int


SMALL = Sizes(entities=4, fields=6)
LARGE = Sizes(entities=40, fields=60)


def _long(longest: int) -> st.SearchStrategy[str]:
    """Names around the length at which PostgreSQL cuts them."""
    return st.integers(longest - 14, longest).map(lambda length: ("abcdefghij" * 7)[:length])


def _entity_names(sizes: Sizes) -> st.SearchStrategy[list[str]]:
    name = st.sampled_from(PLAIN_ENTITIES) | st.sampled_from(HURTING_ENTITIES)
    if sizes is LARGE:
        name = st.integers(1, 400).map(lambda number: f"Thing{number}")
    rare = st.integers(0, 9).flatmap(lambda luck: _long(64).map(str.capitalize) if luck == 9 else name)
    return st.lists(rare, min_size=1, max_size=sizes.entities, unique=True)


def _field_names(sizes: Sizes) -> st.SearchStrategy[list[str]]:
    name = st.sampled_from(PLAIN_FIELDS) | st.sampled_from(HURTING_FIELDS)
    if sizes is LARGE:
        name |= st.integers(1, 400).map(lambda number: f"part_{number}")
    rare = st.integers(0, 19).flatmap(lambda luck: _long(63) if luck == 19 else name)
    return st.lists(rare, min_size=1, max_size=sizes.fields, unique=True)


@st.composite
def _text_field(draw: st.DrawFn, kind: str) -> tuple[str, list[str]]:
    pattern = draw(st.none() | st.sampled_from(PATTERNS))
    if pattern is not None:
        return kind, [f"matches {pattern}"]
    shortest = draw(st.integers(0, 3))
    longest = draw(st.sampled_from((1, 2, 3, 20, 255, 256, 5000, 100_000)))
    bounds = draw(st.sampled_from(("", f"max {longest}", f"min {shortest}", f"{shortest}..{longest} chars")))
    default = draw(st.sampled_from(("", "none", "é", '"a; b"', "x" * shortest, "{{ 7 }}", "'", '"\\""')))
    return kind, [bounds, f"default {default}" * bool(default)]


@st.composite
def _number_field(draw: st.DrawFn, kind: str) -> tuple[str, list[str]]:
    type_, step = kind, Decimal(1)
    if kind == "decimal":
        digits = draw(st.sampled_from((1, 2, 4, 8, 20, 100)))
        scale = draw(st.sampled_from([each for each in (0, 1, 2, 7, 10, 100) if each <= digits]))
        type_, step = f"decimal({digits},{scale})", Decimal(1).scaleb(-scale)
    low = draw(st.integers(-9, 9))
    value, high = low + draw(st.integers(0, 5)), low + draw(st.integers(0, 9))
    bounds = draw(st.sampled_from((("", ""), ("min", ""), ("", "max"), ("min", "max"))))
    rules = [f"{word} {format(number * step, 'f')}" for word, number in zip(bounds, (low, high), strict=True) if word]
    return type_, [*rules, f"default {format(value * step, 'f')}" * draw(st.booleans())]


@st.composite
def _enum_field(draw: st.DrawFn) -> tuple[str, list[str]]:
    values = draw(st.lists(_words, min_size=1, max_size=4, unique=True))
    written = ", ".join(json.dumps(value) if set(value) & set(',()"') else value for value in values)
    return f"enum({written})", [f"default {draw(st.sampled_from(values))}" * draw(st.booleans())]


@st.composite
def _plain_field(draw: st.DrawFn, kind: str) -> tuple[str, list[str]]:
    return kind, [f"default {draw(_defaults[kind])}" * draw(st.booleans())]


def _typed(kind: str) -> st.SearchStrategy[tuple[str, list[str]]]:
    if kind in ("string", "text"):
        return _text_field(kind)
    if kind in ("integer", "decimal"):
        return _number_field(kind)
    return _enum_field() if kind == "enum" else _plain_field(kind)


@st.composite
def _field(draw: st.DrawFn, name: str, texts: Sequence[str], links: Sequence[str]) -> PrdField:
    """A field of a plain type; `texts` are fields it may be a slug of, `links` references it may be unique per."""
    kind = draw(st.sampled_from((*COMPARED, "email", "url", "json")))
    type_, rules = draw(_typed(kind))
    if kind == "string" and texts and draw(st.integers(0, 3)) == 0:
        return PrdField(name=name, type=kind, required=False, rules=f"slug of {draw(st.sampled_from(texts))}; unique")
    if kind != "json":
        per = [f"unique per {link}" for link in links]
        rules += [draw(st.sampled_from(("", "", "unique", *per))), "indexed" * draw(st.booleans())]
    audience, required = draw(st.sampled_from(("", "", "", "read-only", "write-only"))), draw(st.booleans())
    filled = any(rule.startswith("default") for rule in rules) or audience != "read-only"
    return PrdField(
        name=name, type=type_, required=required and filled, rules="; ".join(filter(None, [*rules, audience]))
    )


@st.composite
def _reference(draw: st.DrawFn, name: str, earlier: Sequence[str], every: Sequence[str]) -> PrdField:
    """A reference that a first record can have: what is required stands earlier, save when the dice say otherwise."""
    required = draw(st.booleans()) and (bool(earlier) or draw(st.integers(0, 9)) == 0)
    target = draw(st.sampled_from(earlier or every) if required else st.sampled_from(every))
    if draw(st.booleans()):
        return PrdField(name=name, type=f"{target}[]", required=required)
    deleted = draw(
        st.sampled_from(("", "on delete cascade", "on delete restrict", "on delete set null")[: 3 if required else 4])
    )
    more = ["unique", "indexed", *["read-only"] * (not required)]
    rules = [deleted, *draw(st.lists(st.sampled_from(more), max_size=2, unique=True))]
    return PrdField(name=name, type=target, required=required, rules="; ".join(filter(None, rules)))


def _shown(fields: Sequence[PrdField]) -> list[PrdField]:
    return [field for field in fields if field.type != "json" and "write-only" not in field.rules]


def _groups(names: Sequence[str]) -> st.SearchStrategy[list[list[str]]]:
    group = st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True)
    return st.lists(group, max_size=2, unique_by=frozenset)


@st.composite
def _labels(draw: st.DrawFn, fields: Sequence[PrdField], *, owner: bool) -> dict[str, str]:
    """Labels whose words fit the fields; those that nobody makes yet are gaps."""
    shown = _shown(fields)
    filters = [field.name for field in shown] + ["created_at", "updated_at"] + ["owner"] * owner
    single = [field.name for field in shown if not field.type.endswith("[]")]
    sorts = [*single, "created_at", "updated_at"] + ["owner"] * owner
    together = [*single, *["owner"] * owner]
    groups = draw(_groups(together)) if len(together) > 1 else []
    accesses = [access for access in ACCESSES if owner or "owner" not in access]
    return {
        "Owner": "yes" if owner else draw(st.sampled_from(("", "no"))),
        "Access": draw(st.just("") | st.sampled_from(accesses)),
        "Unique": "; ".join(f"({', '.join(group)})" for group in groups),
        "Filter": ", ".join(draw(st.lists(st.sampled_from(filters), max_size=4, unique=True))),
        "Sort": ", ".join(draw(st.lists(st.sampled_from(sorts), max_size=3, unique=True))),
        "Soft delete": draw(st.sampled_from(("", "", "", "yes"))),
        "Endpoints": draw(st.sampled_from(("", "", "", "list, read"))),
    }


@st.composite
def _entity(draw: st.DrawFn, name: str, earlier: Sequence[str], every: Sequence[str], sizes: Sizes) -> PrdEntity:
    names = draw(_field_names(sizes))
    linked = draw(st.integers(0, min(3, len(names))))
    owner = name != "User" and draw(st.booleans())
    links = [draw(_reference(each, earlier, every)) for each in names[:linked]]
    per = [link.name for link in links if not link.type.endswith("[]")] + ["owner"] * owner
    plain: list[PrdField] = []
    for each in names[linked:]:
        texts = [field.name for field in plain if field.type in ("string", "text") and "slug of" not in field.rules]
        plain.append(draw(_field(each, texts, per)))
    fields = draw(st.permutations([*plain, *links]))
    labels = {} if name == "User" else draw(_labels(fields, owner=owner))
    return PrdEntity(
        name=name,
        description=draw(_texts).strip(),
        labels=tuple(PrdLabel(label=label, value=value) for label, value in labels.items() if value),
        fields=tuple(fields),
    )


@st.composite
def prds(draw: st.DrawFn, sizes: Sizes = SMALL) -> str:
    """The text of a PRD."""
    names = draw(_entity_names(sizes))
    every = [*names, "User"]
    entities = [draw(_entity(name, [*names[:at], "User"], every, sizes)) for at, name in enumerate(names)]
    if draw(st.integers(0, 3)) == 3:
        entities.insert(draw(st.integers(0, len(entities))), draw(_entity("User", [], names, SMALL)))
    prd = FeaturePrd(
        title=draw(_texts).strip() or "Shop",
        slug="shop",
        description=draw(_texts).strip(),
        stack=draw(st.sampled_from(((), (PrdChoice(part="Frontend", choice="none"),)))),
        entities=tuple(entities),
        business_rules=tuple(filter(None, (text.strip() for text in draw(st.lists(_texts, max_size=1))))),
    )
    return render(contract_of("feature-prd"), prd.model_dump(mode="json"))


PIECES = st.sampled_from(
    ["|", "\n", ";", "`", '"', "(", ")", "[]", "enum(", "decimal(", "default ", "matches (", "min ", "1", "..", "Owner",
     "**", "#", "### User\n", "unique per ", "slug of ", "on delete ", "é", "\u2028", "\\", "{", "-", "Room", "title"]
) | st.text(max_size=5)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """One of `texts` with pieces put in and taken out anywhere."""
    text = draw(texts)
    edits = st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES)
    for where, removed, added in draw(st.lists(edits, min_size=1, max_size=8)):
        at = int(where * len(text))
        text = text[:at] + added + text[at + removed :]
    return text
