"""Phase 14: who is active, what a request means, what is asked and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handoff.feature import feature_of
from orchestrator.orchestrator import Orchestrator
from orchestrator.phase14.artifacts import collect, kind_of
from orchestrator.phase14.phase import explain, read_request, start
from orchestrator.phase14.request import RequestInvalid
from orchestrator.phase14.specialists import SpecialistMissing, decide
from orchestrator.planning.choices import built_in
from schemas.base import JSON

EXAMPLES = Path(__file__).parents[3] / "examples"

# The document of feature F08, with one choice taken where it lists several.
F08: dict[str, JSON] = {
    "backend_architecture": {
        "framework": "FastAPI",
        "async_support": True,
        "project_structure": "src/routers, src/models, src/services, src/schemas",
        "dependency_manager": "uv",
    },
    "api_endpoints": [
        {
            "path": "/api/todos",
            "method": "GET",
            "auth_required": True,
            "request_model": "TodoCreate",
            "response_model": "TodoResponse",
        }
    ],
    "database": {"type": "PostgreSQL", "orm": "SQLAlchemy", "async": True, "models": ["User", "Todo"]},
    "authentication": {"method": "JWT", "providers": ["local"]},
    "api_docs": "OpenAPI (auto-generated)",
    "testing_framework": "pytest",
}
TODO: JSON = {
    "name": "Todo",
    "labels": [{"label": "Owner", "value": "yes"}],
    "fields": [{"name": "title", "type": "string", "required": True, "rules": "1..200 chars"}],
}


def written(folder: Path, document: dict[str, JSON]) -> Path:
    path = folder / "request.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_exactly_one_specialist_is_active_and_every_other_says_why_it_skips() -> None:
    decisions = decide("Go")

    assert [decision.specialist for decision in decisions if decision.active] == ["@go-specialist"]
    assert len(decisions) == 5
    skipped = next(decision for decision in decisions if decision.specialist == "@python-specialist")
    assert skipped.reason == "SKIPS: the backend language is Go, not Python."


def test_a_model_without_fields_is_asked_for_and_nothing_is_planned(tmp_path: Path) -> None:
    explanation = explain(read_request(written(tmp_path, F08)))

    assert explanation.plan is None
    assert explanation.question == (
        "Which fields do `Todo` have? The request names these models without fields. "
        "Give them in its `entities` part, or in a PRD (`--prd PRD.md`)."
    )


def test_fields_come_from_the_entities_part(tmp_path: Path) -> None:
    request = read_request(written(tmp_path, {**F08, "entities": [TODO]}))

    assert [entity.name for entity in feature_of(request.prd, built_in()).entities] == ["Todo"]
    assert explain(request).plan is not None


def test_fields_come_from_a_prd_beside_the_document(tmp_path: Path) -> None:
    path = written(tmp_path, {**F08, "database": {"models": ["Todo", "TodoList"]}})
    request = read_request(path, prd=EXAMPLES / "todo-lists.md")

    assert request.missing == ()
    assert request.prd.title == "Todo lists"


def test_fields_given_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestInvalid, match="fields are given here and in the PRD"):
        read_request(written(tmp_path, {**F08, "entities": [TODO]}), prd=EXAMPLES / "todo-lists.md")


def test_an_expected_endpoint_that_is_served_elsewhere_becomes_a_gap_naming_where(tmp_path: Path) -> None:
    request = read_request(written(tmp_path, {**F08, "entities": [TODO]}))

    gaps = [gap.text for gap in feature_of(request.prd, built_in()).gaps]
    assert gaps == ["The endpoint `GET /api/todos` exists. (Baton's own is `GET /api/v1/todos`.)"]


def test_an_expected_endpoint_that_is_served_is_no_gap_whatever_its_parameter_is_called(tmp_path: Path) -> None:
    expected: JSON = [{"path": "/api/v1/todos/{todo_id}", "method": "DELETE"}]
    request = read_request(written(tmp_path, {**F08, "entities": [TODO], "api_endpoints": expected}))

    assert feature_of(request.prd, built_in()).gaps == ()


def test_an_expected_endpoint_that_is_served_otherwise_becomes_a_gap_for_each_difference(tmp_path: Path) -> None:
    expected: JSON = [
        {"path": "/api/v1/todos", "method": "POST", "auth_required": False, "response_model": "TodoOut"},
        {"path": "/api/v1/todos", "method": "GET", "auth_required": True, "response_model": "TodoPage"},
    ]
    request = read_request(written(tmp_path, {**F08, "entities": [TODO], "api_endpoints": expected}))

    assert [gap.text for gap in feature_of(request.prd, built_in()).gaps] == [
        "The endpoint `POST /api/v1/todos` does not need a signed-in caller.",
        "The endpoint `POST /api/v1/todos` answers `TodoOut`. (Baton's own is `TodoResponse`.)",
    ]


def test_what_a_prd_has_no_words_for_becomes_a_gap(tmp_path: Path) -> None:
    document: dict[str, JSON] = {
        **F08,
        "entities": [TODO],
        "api_endpoints": [],
        "authentication": {"providers": ["local", "google"]},
    }
    request = read_request(written(tmp_path, document))

    assert [gap.text for gap in feature_of(request.prd, built_in()).gaps] == ["People sign in with google."]


def test_every_problem_of_a_document_is_named_with_its_place(tmp_path: Path) -> None:
    broken: dict[str, JSON] = {**F08, "database": {"type": "Oracle"}, "surprise": 1}

    with pytest.raises(RequestInvalid) as refused:
        read_request(written(tmp_path, broken))

    text = str(refused.value)
    assert "2 found" in text
    assert "/database/type: Input should be 'PostgreSQL', 'MySQL' or 'SQLite'" in text
    assert "/surprise: Extra inputs are not permitted" in text


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"x": ' + b"9" * 5000 + b"}"])
def test_what_is_not_json_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(content)

    with pytest.raises(RequestInvalid, match=r"request\.json"):
        read_request(path)


def test_a_prd_is_a_request_too() -> None:
    explanation = explain(read_request(EXAMPLES / "todo-lists.md"))

    assert [d.specialist for d in explanation.decisions if d.active] == ["@python-specialist"]
    assert explanation.plan is not None


def test_a_prd_for_another_backend_is_explained_but_not_planned(tmp_path: Path) -> None:
    prd = tmp_path / "prd.md"
    prd.write_text("# Feature PRD: X\n\n## Stack\n\n| Part | Choice |\n|---|---|\n| Backend | Go |\n", encoding="utf-8")

    explanation = explain(read_request(prd))

    assert [d.specialist for d in explanation.decisions if d.active] == ["@go-specialist"]
    assert explanation.plan is None


async def test_running_for_another_backend_names_the_missing_specialist(tmp_path: Path) -> None:
    request = read_request(written(tmp_path, {**F08, "backend_language": "Java", "entities": [TODO]}))

    with pytest.raises(SpecialistMissing, match="`@java-specialist`, which Baton does not have"):
        await start(Orchestrator(tmp_path / "w"), request)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app/main.py", "main"),
        ("app/core/config.py", "main"),
        ("app/core/database.py", "database"),
        ("app/routers/todo.py", "routers"),
        ("alembic/versions/0001_todo.py", "migrations"),
        ("tests/unit/test_tokens.py", "tests"),
        ("pyproject.toml", "config"),
    ],
)
def test_a_file_has_one_kind(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_the_frontend_is_not_among_the_specialists_artifacts(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("x = 1\n", encoding="utf-8")

    artifacts = collect(tmp_path, ["frontend/src/app.tsx", "app/main.py"])

    assert artifacts.model_dump(exclude_defaults=True) == {"main": ({"file": "app/main.py", "content": "x = 1\n"},)}
