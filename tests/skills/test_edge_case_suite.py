"""The generated suite: which values it tries, which tests it holds, and that no PRD can break it."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path

import pytest
from pluralizer import Pluralizer

from handoff.codec import parse
from handoff.feature import CONTRACT, read_feature
from handoff.prd_names import pascal_case, plural, snake_case
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.feature import Entity, Feature, FeatureField, FieldType
from schemas.handoffs import Endpoint, PythonBackendAgentOutput
from skills.core.contribution import ContributedFile
from skills.core.formatting import format_python
from skills.core.templates import Templates
from skills.design.endpoints import endpoints
from skills.design.patterns import matching, not_matching
from skills.edge_case_tester import blueprint
from skills.edge_case_tester.blueprint import EndpointUntested, Input, Output
from skills.edge_case_tester.values import accepted, fresh, ordered, refused
from tests.support.core_build import entity, feature

ROOT = Path(__file__).parents[2]
SKILL = ROOT / "skills/edge_case_tester"
EXAMPLES = ["todo-lists", "room-bookings", "journal", "kitchen-sink"]


def feature_of(example: str) -> Feature:
    text = (ROOT / "examples" / f"{example}.md").read_text(encoding="utf-8")
    return read_feature(parse(contract_of(CONTRACT), text, example), built_in())


def with_endpoints_left_out(feature: Feature) -> Feature:
    """Return the feature with records that nobody may change or delete."""
    entities = (entity.model_copy(update={"operations": ("list", "create", "read")}) for entity in feature.entities)
    return feature.model_copy(update={"entities": tuple(entities)})


def suite_of(feature: Feature, *more: Endpoint) -> Output:
    backend = PythonBackendAgentOutput(
        task="test",
        timestamp="2030-01-01T00:00:00Z",
        files=(),
        api_contract=(*endpoints(feature), *more),
        for_frontend_agent=(),
        dependencies_added=(),
    )
    return blueprint.contribute(Input(feature=feature, backend=backend), Templates(SKILL / "templates"))


def settled(suite: Output) -> tuple[ContributedFile, ...]:
    return format_python(suite.files, {file.path: "edge-case-tester" for file in suite.files})


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_same_feature_gives_the_same_bytes_of_sound_python(example: str) -> None:
    suite = suite_of(feature_of(example))
    assert suite == suite_of(feature_of(example))
    for file in settled(suite):
        ast.parse(file.content)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_endpoint_is_tested_and_every_entity_has_its_file(example: str) -> None:
    feature = feature_of(example)
    suite = suite_of(feature)
    assert suite.tested == tuple(f"{endpoint.method} {endpoint.path}" for endpoint in endpoints(feature))
    assert len({file.path for file in suite.files}) == len(suite.files) == len(feature.entities) + 8


def test_no_entity_takes_a_name_that_the_suite_has_itself() -> None:
    """The names are the suite's own, read from what it writes, so that none can be forgotten."""
    own = {name for file in suite_of(feature()).files for name in (Path(file.path).stem, *defined(file.content))}
    words = {re.sub("^test_|_(body|records)$", "", name.lower()) for name in own}
    singular = Pluralizer().singular  # type: ignore[no-untyped-call]  # its constructor alone lacks annotations
    entities = {snake_case(pascal_case(singular(word))) for word in words if word.isidentifier()}
    named = feature(*(named_after(name) for name in sorted(entities - {"user"})))
    suite = suite_of(named)
    assert len({file.path for file in suite.files}) == len(suite.files)
    for file in suite.files:
        names = defined(file.content)
        assert {name for name in names if names.count(name) > 1} == set(), file.path


def test_a_collection_and_one_of_its_records_have_two_names_though_the_noun_has_no_plural() -> None:
    health = named_after("health")
    (text,) = (file.content for file in suite_of(feature(health)).files if file.path == "tests/test_health_.py")
    assert health.table == "health"
    assert "health = await health_.create()" in text
    assert "await health." not in text


def named_after(singular: str) -> Entity:
    table = plural(singular)
    name = pascal_case(singular)
    return entity(name, field("string")).model_copy(update={"singular": singular, "table": table, "collection": table})


def defined(text: str) -> list[str]:
    """Return the names that a module binds at its top, `__future__` aside."""
    names = []
    for node in ast.parse(text).body if text.strip() else []:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            names += [each.asname or each.name for each in node.names]
    return names


def test_an_endpoint_nobody_asked_for_is_refused() -> None:
    odd = Endpoint(method="GET", path="/api/v1/odd", auth_required=False, scopes="none", response_status=200)
    with pytest.raises(EndpointUntested, match="GET /api/v1/odd"):
        suite_of(feature_of("todo-lists"), odd)


def test_each_scenario_names_tests_that_are_generated() -> None:
    """Names with `…` or `<…>` stand for several: what is left of them must begin or be part of a test's name."""
    features = [feature_of(name) for name in EXAMPLES]
    suites = [suite_of(feature) for feature in (*features, with_endpoints_left_out(features[0]))]
    tests = " ".join(re.findall(r"def test_(\w+)\(", " ".join(f.content for s in suites for f in s.files)))
    rows = re.findall(r"^\| (\d+) \|[^|]*\| (.*) \|$", (SKILL / "SKILL.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 57
    for _, names in rows:
        for name in re.findall(r"`([^`]*)`", names):
            for part in re.split(r"…|<\w+>", name):
                assert part.strip("_") in tests or name == "expect_error", name


def field(kind: str, **rules: object) -> FeatureField:
    type_ = FieldType.model_validate(
        {"kind": kind, **{k: rules.pop(k) for k in ("values", "precision", "scale") if k in rules}}
    )
    return FeatureField.model_validate({"name": "thing", "type": type_, "required": True, **rules})


@pytest.mark.parametrize(
    ("tried", "last_allowed", "first_refused"),
    [
        (field("string", min_length=2, max_length=9), {'"a" * 2', '"a" * 9'}, {'"a"', '"a" * 10'}),
        (field("string"), {'"a" * 255'}, {'"a" * 256'}),
        (field("integer", minimum=Decimal(1), maximum=Decimal(5)), {"1", "5"}, {"0", "6", '"1"'}),
        (field("integer"), {"2**53 - 1", "-(2**53) + 1"}, {"2**53", "-(2**53)"}),
        (
            field("decimal", precision=4, scale=2, minimum=Decimal(0)),
            {'"0.00"', '"99.99"'},
            {'"-0.01"', '"100.00"', '"0.001"'},
        ),
        (field("enum", values=("a", "unknown")), {"'a'", "'unknown'"}, {"'unknown?'", '""'}),
        (field("datetime"), {'"2030-01-31T12:30:00Z"'}, {'"2030-01-31T12:30:00"'}),
        (field("url"), {'"http://example.com/"'}, {'"javascript:alert(1)"', '"ftp://example.com/"'}),
    ],
)
def test_a_rule_is_tried_on_both_sides_of_its_bound(
    tried: FeatureField, last_allowed: set[str], first_refused: set[str]
) -> None:
    assert last_allowed <= {value.sent for value in accepted(tried)}
    assert first_refused <= {value.sent for value in refused(tried)}


def test_only_a_required_field_refuses_null() -> None:
    required, optional = field("date"), field("date", required=False)
    assert "None" in {value.sent for value in refused(required)} - {value.sent for value in accepted(required)}
    assert "None" in {value.sent for value in accepted(optional)} - {value.sent for value in refused(optional)}


def test_a_short_field_still_gets_values_not_used_before() -> None:
    expression = fresh(field("string", min_length=2, max_length=4, unique=True))
    made = [eval(expression, {"serial": iter([number]), "next": next}) for number in range(1, 3000)]  # noqa: S307
    assert len(set(made)) == len(made)
    assert all(2 <= len(text) <= 4 for text in made)


def test_values_in_order_have_one_order_under_every_collation() -> None:
    assert ordered(field("enum", values=("Zed", "b", "a", "ü"))) == ("'a'", "'b'")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9_]+$",
        r"^[A-Z]{2}-\d{4}$",
        r"^(foo|bar)+$",
        r"\S",
        r"^#[0-9a-f]{6}$",
        r"^\+?[1-9]\d{6,14}$",
        r"^[^a]b?$",
    ],
)
def test_texts_for_a_pattern_are_found_in_it_or_not(pattern: str) -> None:
    found = matching(pattern, 1, 20, 5)
    assert found
    assert all(re.search(pattern, text) and 1 <= len(text) <= 20 for text in found)
    refused_ = not_matching(pattern, 1, 20)
    assert refused_ is not None
    assert not re.search(pattern, refused_)


def test_a_pattern_that_cannot_be_served_gets_no_text_rather_than_a_wrong_one() -> None:
    assert matching(r"^(?=.*\d)(?=.*[!])[a-z]+$", 1, 20, 3) == ()
    assert matching("(", 1, 20, 3) == ()
