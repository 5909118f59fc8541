"""Whatever a PRD says well is understood as said; whatever it says badly is refused, never crashed on."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.codec import parse, render
from handoff.feature import feature_of, read_feature
from handoff.prd_names import kebab_case, plural, snake_case
from handoff.problems import HandoffInvalid
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.errors import InputError
from schemas.feature import Access, Entity, Feature, FeatureField, FieldType
from schemas.handoffs import FeaturePrd, PrdChoice, PrdEntity, PrdField, PrdLabel
from tests.support.call_counts import calls_of
from tests.support.generated_prds import damaged

EXAMPLES = [path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "examples").glob("*.md"))]
NAMES = ("Order", "TodoList", "Person", "Category", "Class", "Import", "News", "HTTPServer")
FIELDS = ("title", "class", "from", "metadata", "model_id", "json", "schema", "import", "limit", "due", "a1", "x_y")
ACCESSES = {
    "owner only": Access(read="owner", write="owner"),
    "signed-in, owner write": Access(read="signed-in", write="owner"),
    "public read, owner write": Access(read="public", write="owner"),
    "signed-in, signed-in write": Access(read="signed-in", write="signed-in"),
    "public read, signed-in write": Access(read="public", write="signed-in"),
    "signed-in, admin write": Access(read="signed-in", write="admin"),
    "public read, admin write": Access(read="public", write="admin"),
}
words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\u200b"), min_size=1, max_size=12)
integers = st.integers(-(2**53) + 1, 2**53 - 1)


def of_kind(kind: str, **facts: object) -> FieldType:
    return FieldType.model_validate({"kind": kind, **facts})


@st.composite
def fields(draw: st.DrawFn, name: str) -> FeatureField:
    """A field of a plain type, with rules that go together."""
    kind = draw(st.sampled_from(["string", "text", "integer", "decimal", "boolean", "json", "enum", "date", "uuid"]))
    facts: dict[str, object] = {"name": name, "type": of_kind(kind), "required": draw(st.booleans())}
    if kind in ("string", "text"):
        longest = draw(st.integers(1, 200))
        shortest = draw(st.integers(0, longest))
        facts |= {"min_length": shortest, "max_length": longest}
        if draw(st.booleans()):
            facts |= {"has_default": True, "default": "é" * draw(st.integers(shortest, longest))}
    elif kind == "integer":
        low, value, high = sorted(draw(st.tuples(integers, integers, integers)))
        facts |= {"minimum": Decimal(low), "maximum": Decimal(high), "has_default": True, "default": value}
    elif kind == "decimal":
        digits, scale = draw(st.tuples(st.integers(1, 30), st.integers(0, 1)))
        facts |= {"type": of_kind(kind, precision=digits, scale=scale), "minimum": Decimal(0)}
    elif kind == "boolean":
        facts |= {"has_default": True, "default": draw(st.booleans()), "indexed": draw(st.booleans())}
    elif kind == "json":
        leaves = st.none() | st.booleans() | words
        free = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(words, inner))
        facts |= {"has_default": True, "default": draw(free)}
    elif kind == "enum":
        values = draw(st.lists(words, min_size=1, max_size=4, unique=True))
        facts |= {"type": of_kind(kind, values=values), "has_default": True, "default": draw(st.sampled_from(values))}
    else:
        facts |= {"unique": draw(st.booleans()), "write_only": draw(st.booleans())}
    return FeatureField.model_validate(facts)


@st.composite
def entities(draw: st.DrawFn, name: str, others: tuple[str, ...]) -> Entity:
    names = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=5, unique=True))
    plain = [draw(fields(field)) for field in names]
    link = FeatureField(
        name="parent",
        type=FieldType(kind=draw(st.sampled_from(["reference", "references"])), target=draw(st.sampled_from(others))),
        required=False,
    )
    owner = draw(st.booleans())
    allowed = [access for text, access in ACCESSES.items() if owner or "owner" not in text]
    shown = [field.name for field in plain if field.type.kind != "json" and not field.write_only]
    singular = snake_case(name)
    return Entity(
        name=name,
        singular=singular,
        table=plural(singular),
        collection=kebab_case(plural(singular)),
        description=" ".join(draw(st.lists(words, max_size=4))),
        fields=(*plain, link),
        owner=owner,
        access=draw(st.sampled_from(allowed)),
        unique=((shown[0], shown[1]),) if len(shown) > 1 else (),
        filters=tuple(draw(st.lists(st.sampled_from(shown), unique=True))) if shown else (),
        sorts=tuple(draw(st.lists(st.sampled_from([*shown, "created_at"]), unique=True))),
    )


@st.composite
def features(draw: st.DrawFn) -> Feature:
    names = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)))
    user = Entity(
        name="User",
        singular="user",
        table="users",
        collection="users",
        fields=(draw(fields("nick")),),
        access=Access(read="owner", write="owner"),
    )
    return Feature(
        title=draw(words),
        slug="some-slug",
        description=" ".join(draw(st.lists(words, max_size=4))),
        stack=built_in().stack({"frontend": draw(st.sampled_from(["React", "none"]))}),
        user=user,
        entities=tuple(draw(entities(name, (*names, "User"))) for name in names),
    )


def written_type(type_: FieldType) -> str:
    if type_.kind == "decimal":
        return f"decimal({type_.precision}, {type_.scale})"
    if type_.kind == "enum":
        return f"enum({', '.join(json.dumps(value, ensure_ascii=False) for value in type_.values)})"
    return {"reference": f"{type_.target}", "references": f"{type_.target}[]"}.get(type_.kind, type_.kind)


def written_rules(field: FeatureField) -> str:
    rules = [word for word in ("unique", "indexed") if getattr(field, word)]
    rules += [word for word in ("read-only", "write-only") if getattr(field, word.replace("-", "_"))]
    if field.min_length is not None:
        rules.append(f"{field.min_length}..{field.max_length} chars")
    rules += [f"min {field.minimum}"] * (field.minimum is not None)
    rules += [f"max {field.maximum}"] * (field.maximum is not None)
    if field.has_default:
        rules.append(f"default {json.dumps(field.default, ensure_ascii=False)}")
    return "; ".join(rules)


def written(feature: Feature) -> FeaturePrd:
    return FeaturePrd(
        title=feature.title,
        slug=feature.slug,
        description=feature.description,
        stack=(PrdChoice(part="Frontend", choice=feature.stack["frontend"]),),
        entities=tuple(written_entity(entity) for entity in (feature.user, *feature.entities)),
    )


def written_entity(entity: Entity) -> PrdEntity:
    said = {
        "Owner": "yes" if entity.owner else "no",
        "Access": next(text for text, access in ACCESSES.items() if access == entity.access),
        "Unique": "; ".join(f"({', '.join(group)})" for group in entity.unique),
        "Filter": ", ".join(entity.filters),
        "Sort": ", ".join(entity.sorts),
    }
    labels = () if entity.name == "User" else tuple(PrdLabel(label=k, value=v) for k, v in said.items() if v)
    rows = tuple(
        PrdField(name=field.name, type=written_type(field.type), required=field.required, rules=written_rules(field))
        for field in entity.fields
    )
    return PrdEntity(name=entity.name, description=entity.description, labels=labels, fields=rows)


@settings(deadline=None)
@given(features())
def test_what_a_prd_says_is_what_is_understood(feature: Feature) -> None:
    contract = contract_of("feature-prd")
    text = render(contract, written(feature).model_dump(mode="json"))
    assert read_feature(parse(contract, text), built_in()) == feature


def refusal(read: Callable[[], object]) -> InputError | None:
    try:
        read()
    except InputError as error:
        return error
    return None


@settings(deadline=None)
@given(damaged(st.sampled_from(EXAMPLES)))
def test_a_damaged_prd_is_understood_or_refused(text: str) -> None:
    refused = refusal(lambda: read_feature(parse(contract_of("feature-prd"), text, "p.md"), built_in(), "p.md"))
    assert refused is None or "p.md" in str(refused)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_type_rule_and_label_is_understood_or_refused(type_: str, rules: str, value: str) -> None:
    labels = tuple(PrdLabel(label=name, value=value) for name in ("Owner", "Access", "Unique", "Filter", "States"))
    rows = (
        PrdField(name="a", type=type_ or "x", rules=rules),
        PrdField(name="b", type="string", rules=f"matches {value}"),
        PrdField(name="c", type="json", rules=f"default {rules}"),
        PrdField(name="d", type=f"enum({value})", rules=f"default {rules}"),
    )
    prd = FeaturePrd(title=value or "x", slug=rules, entities=(PrdEntity(name="Todo", labels=labels, fields=rows),))
    refused = refusal(lambda: feature_of(prd, built_in()))
    assert refused is None or str(refused)


def large(count: int, *, broken: bool) -> FeaturePrd:
    rules = "1..80 chars; default x" if not broken else "1..80 charz; defalt x"
    rows = tuple(PrdField(name=f"field_{index}", type="string", rules=rules) for index in range(20))
    link = PrdField(name="next", type="Entity1" if not broken else "Entitee1")
    labels = (PrdLabel(label="Filter", value=", ".join(row.name for row in rows)),)
    return FeaturePrd(
        title="Large",
        entities=tuple(PrdEntity(name=f"Entity{i}", labels=labels, fields=(*rows, link)) for i in range(count)),
    )


@pytest.mark.parametrize("broken", [False, True])
def test_the_cost_is_linear_in_the_number_of_entities(*, broken: bool) -> None:
    def calls(count: int) -> int:
        prd = large(count, broken=broken)
        refused = refusal(lambda: feature_of(prd, built_in()))
        assert (len(refused.problems) if isinstance(refused, HandoffInvalid) else 0) == 41 * count * broken
        return calls_of(lambda: refusal(lambda: feature_of(prd, built_in())))

    small, big = calls(25), calls(100)
    assert big < 4 * small * 1.5
