"""The plan of an API is compared with what the app says, and the frontend is told what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.checks.openapi.check import OpenApiCheck, compare, measured
from agents.python_backend.notes import frontend_notes, type_words
from agents.toolchains.fastapi.toolchain import API
from schemas.base import JSON
from schemas.handoffs import ApiContract, ApiOperation, Endpoint, ErrorCase, PythonBackendAgentOutput
from skills.core.contribution import Contribution, Dependency
from tests.support.agent_material import ScratchIn, feature, work, write_tree
from tests.support.bound_agents import PYTHON_BACKEND

APP = '''
"""A small app with one record."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field


class TodoCreate(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    colour: Literal["grey", "red"] = "grey"
    due_at: datetime | None = None


class TodoResponse(TodoCreate):
    id: int
    tag_ids: list[int]


class ErrorResponse(BaseModel):
    code: str


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post(
        "/api/v1/todos",
        status_code=201,
        dependencies=[Depends(HTTPBearer())],
        responses={400: {"model": ErrorResponse}, 401: {"model": ErrorResponse}, 500: {"model": ErrorResponse}},
    )
    async def create_todo(data: TodoCreate) -> TodoResponse:
        raise NotImplementedError

    @app.get("/health", responses={503: {"model": ErrorResponse}})
    async def health() -> dict[str, str]:
        return {}

    generate = app.openapi

    def without_422() -> dict[str, object]:
        document = generate()
        for item in document["paths"].values():
            for operation in item.values():
                operation["responses"].pop("422", None)
        return document

    app.openapi = without_422
    return app
'''

TODO: dict[str, JSON] = {"title": "Milk", "colour": "red", "due_at": None}
PLAN = (
    Endpoint(
        method="POST",
        path="/api/v1/todos",
        auth_required=True,
        scopes="none",
        request=TODO,
        response_status=201,
        response={**TODO, "id": 1, "tag_ids": [2]},
        errors=(
            ErrorCase(status=400, code="VALIDATION_ERROR", when="a rule is broken"),
            ErrorCase(status=401, code="UNAUTHORIZED", when="no token"),
        ),
    ),
    Endpoint(
        method="GET", path="/health", auth_required=False, scopes="none", response_status=200, response={"a": "b"}
    ),
)


PROMISED = ApiContract(
    task="Todo lists",
    endpoints=(
        ApiOperation(
            method="GET",
            path="/health",
            operation_id="live",
            auth_required=False,
            scopes="none",
            response_status=200,
        ),
    ),
)


class Planned(Contribution):
    endpoints: tuple[Endpoint, ...]


DEPENDENCIES = (
    Dependency(ecosystem="python", name="fastapi", version=">=0.120", group="runtime"),
    Dependency(ecosystem="npm", name="vite", version="8", group="dev"),
)


def planned(*endpoints: Endpoint) -> dict[str, Contribution]:
    return {"python-api-patterns": Planned(endpoints=endpoints, dependencies=DEPENDENCIES)}


@pytest.mark.slow
async def test_an_app_that_breaks_its_api_contract_fails_whatever_its_plan_says(
    tmp_path: Path, scratch_in: ScratchIn
) -> None:
    write_tree(tmp_path / "tree", {"app/__init__.py": "", "app/main.py": APP})
    async with scratch_in(tmp_path / "tree") as scratch:
        promised = work(feature(), outputs=planned(*PLAN), contract=PROMISED)
        outcome = await OpenApiCheck(API).run(scratch, promised)
    assert not outcome.passed
    assert outcome.summary == "the app's OpenAPI differs from the API contract in 2 places"
    assert all("API contract" in problem and "/health" in problem for problem in outcome.problems)


@pytest.mark.slow
async def test_the_handoff_says_what_the_app_s_document_says(tmp_path: Path, scratch_in: ScratchIn) -> None:
    write_tree(tmp_path / "tree", {"app/__init__.py": "", "app/main.py": APP})
    async with scratch_in(tmp_path / "tree") as scratch:
        outcome = await OpenApiCheck(API).run(scratch, work(feature(), outputs=planned(*PLAN)))
    assert outcome.problems == ()
    assert outcome.files["openapi.json"].endswith("}\n")
    assert outcome.measured is not None
    done = work(feature(), outputs=planned(*PLAN), measured=(outcome.measured,))
    handoff = PYTHON_BACKEND.compose(done)
    assert isinstance(handoff, PythonBackendAgentOutput)
    assert handoff.api_contract == PLAN
    assert handoff.dependencies_added == ("fastapi>=0.120",)
    assert handoff.not_implemented is None
    create, health = handoff.for_frontend_agent
    assert create.endpoint == "POST /api/v1/todos"
    assert create.auth_header == "Authorization: Bearer <token>"
    assert create.request_fields == (
        "title: string (required, at least 1 chars, at most 200 chars); "
        'colour: "grey" | "red" (default grey); due_at: string (date-time) | null'
    )
    assert create.response_shape == (
        '201: {title: string; colour: "grey" | "red"; due_at: string (date-time) | null; '
        "id: integer; tag_ids: integer[]}"
    )
    assert (health.auth_header, health.content_type, health.request_fields) == ("none", "none", "none")


@pytest.mark.slow
async def test_an_app_that_cannot_be_imported_fails_the_check_with_its_error(
    tmp_path: Path, scratch_in: ScratchIn
) -> None:
    write_tree(tmp_path / "tree", {"app/__init__.py": "", "app/main.py": "import no_such_module\n"})
    async with scratch_in(tmp_path / "tree") as scratch:
        outcome = await OpenApiCheck(API).run(scratch, work(feature(), outputs=planned(*PLAN)))
    assert not outcome.passed
    assert "No module named 'no_such_module'" in outcome.problems[0]


DOCUMENT: dict[str, JSON] = {
    "openapi": "3.1.0",
    "paths": {
        "/api/v1/todos": {
            "post": {
                "security": [{"HTTPBearer": []}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TodoCreate"}}}
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Todo"}}}},
                    "400": {},
                    "401": {},
                    "500": {},
                },
            }
        },
        "/health": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}}}},
    },
    "components": {
        "schemas": {
            "TodoCreate": {
                "type": "object",
                "additionalProperties": False,
                "required": ["title"],
                "properties": {"title": {"type": "string", "maxLength": 5}, "colour": {}, "due_at": {}},
            },
            "Todo": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
        }
    },
}


def with_changes(**changes: object) -> tuple[Endpoint, ...]:
    return (PLAN[0].model_copy(update=changes), PLAN[1])


def test_a_plan_that_is_met_has_no_differences() -> None:
    assert compare(PLAN, DOCUMENT) == []


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (PLAN[:1], "GET /health: the app has it, but it is not planned"),
        (
            with_changes(path="/api/v1/lists")[:1] + PLAN,
            "POST /api/v1/lists: planned, but the app has no such endpoint",
        ),
        (with_changes(auth_required=False), "planned not to need sign-in, the document says it does need it"),
        (with_changes(response_status=200), "planned to answer 200, the document has [201, 400, 401, 500]"),
        (with_changes(errors=PLAN[0].errors[:1]), "error 401 is in the document, but not planned"),
        (
            with_changes(errors=(*PLAN[0].errors, ErrorCase(status=409, code="CONFLICT", when="taken"))),
            "error 409 is planned, but not in the document",
        ),
        (with_changes(request={"title": "too long"}), "example request, at title:"),
        (with_changes(request={"title": "x", "more": 1}), "example request, at (whole):"),
        (with_changes(request=None), "the document has a request body, the plan no example of it"),
        (with_changes(response={"id": "1"}), "example response 201, at id:"),
    ],
)
def test_each_difference_is_named(plan: tuple[Endpoint, ...], problem: str) -> None:
    problems = compare(plan, DOCUMENT)
    assert len(problems) == 1
    assert problem in problems[0]


def test_sign_in_that_is_optional_is_not_required() -> None:
    document: dict[str, JSON] = {"paths": {"/health": {"get": {"security": [{"B": []}, {}], "responses": {"200": {}}}}}}
    assert measured(PLAN[1:], document)[0].auth_required is False


def test_notes_are_in_the_endpoints_order() -> None:
    notes = frontend_notes(tuple(reversed(PLAN)), DOCUMENT)
    assert [note.endpoint for note in notes] == ["GET /health", "POST /api/v1/todos"]
    assert notes[0].response_shape == "200: object"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "any"),
        ({"type": "string", "format": "date"}, "string (date)"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer | null"),
        ({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}, "(integer | string)[]"),
        ({"$ref": "#/components/schemas/Todo"}, "Todo"),
        ({"const": "bearer"}, '"bearer"'),
        ({"type": ["string", "null"]}, "string | null"),
    ],
)
def test_types_are_said_as_typescript_says_them(schema: JSON, words: str) -> None:
    assert type_words(schema, DOCUMENT) == words
