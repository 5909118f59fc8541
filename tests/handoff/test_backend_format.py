"""The Python Backend agent's handoff comes out in the exact format of its specification."""

from __future__ import annotations

from pathlib import Path

from handoff.codec import parse, render
from handoff.store import as_data
from schemas.contract import contract_of
from schemas.handoffs import Endpoint, ErrorCase, FrontendNote, PythonBackendAgentOutput, Unimplemented, Verdict

GOLDEN = Path(__file__).parent / "golden" / "python-backend-agent-output.md"
CONTRACT = contract_of("python-backend-agent-output")
NOTE = FrontendNote(
    base_url="http://localhost:8000",
    endpoint="POST /api/v1/todos",
    auth_header="Authorization: Bearer <token>",
    content_type="application/json",
    request_fields="title: string, tags: string[]",
    response_shape="{id: integer, title: string}",
)
OUTPUT = PythonBackendAgentOutput(
    task="Todo lists",
    timestamp="2026-01-31T12:00:00Z",
    files=("app/models/todo.py", "app/schemas/todo.py", "app/services/todo_service.py", "app/routers/todo.py"),
    api_contract=(
        Endpoint(
            method="POST",
            path="/api/v1/todos",
            auth_required=True,
            scopes="none",
            request={"title": "Buy milk", "tags": []},
            response_status=201,
            response={"id": 1, "title": "Buy milk"},
            errors=(
                ErrorCase(status=400, code="VALIDATION_ERROR", when="title is empty"),
                ErrorCase(status=401, code="UNAUTHORIZED", when="no token, or an expired one"),
                ErrorCase(status=404, code="NOT_FOUND", when="the list is not yours"),
            ),
        ),
    ),
    for_frontend_agent=(NOTE,),
    dependencies_added=("fastapi==0.128.0", "sqlalchemy[asyncio]==2.0.45"),
)


def test_it_is_written_character_for_character_as_specified() -> None:
    assert render(CONTRACT, as_data(OUTPUT)) == GOLDEN.read_text(encoding="utf-8")


def test_it_is_read_back_as_it_was() -> None:
    parsed = parse(CONTRACT, GOLDEN.read_text(encoding="utf-8"))

    assert PythonBackendAgentOutput.model_validate(parsed.data) == OUTPUT
    assert parsed.lines["/api_contract/0/errors/1"] == 37
    assert parsed.lines["/files/0"] == 6


def test_a_repeated_first_bullet_starts_the_next_endpoints_notes() -> None:
    second = NOTE.model_copy(update={"endpoint": "GET /api/v1/todos"})
    output = OUTPUT.model_copy(update={"for_frontend_agent": (NOTE, second)})
    text = render(CONTRACT, as_data(output))

    assert "- Response shape: {id: integer, title: string}\n\n- Base URL:" in text
    assert PythonBackendAgentOutput.model_validate(parse(CONTRACT, text).data) == output
    joined = text.replace("string}\n\n- Base", "string}\n- Base")
    assert PythonBackendAgentOutput.model_validate(parse(CONTRACT, joined).data) == output


def test_a_response_without_a_body_keeps_its_status() -> None:
    delete = Endpoint(method="DELETE", path="/todos/{id}", auth_required=True, scopes="none", response_status=204)
    output = OUTPUT.model_copy(update={"api_contract": (delete,)})
    text = render(CONTRACT, as_data(output))

    assert "### DELETE /todos/{id}\n**Auth Required:** yes\n**Scopes:** none\n\n**Response (204):**\n\n## For" in text
    assert PythonBackendAgentOutput.model_validate(parse(CONTRACT, text).data) == output


def test_optional_sections_follow_only_when_there_is_something_to_say() -> None:
    output = OUTPUT.model_copy(
        update={
            "verification": (Verdict(check="tests", tool="pytest 9.2.0", result="passed, 41 tests"),),
            "not_implemented": (Unimplemented(text="A booking lasts at most 8 hours.", reason="free text"),),
        }
    )
    text = render(CONTRACT, as_data(output))

    assert text.startswith(GOLDEN.read_text(encoding="utf-8"))
    assert "\n## Verification\n| Check | Tool | Result |\n" in text
    assert "\n## Not implemented\n| Text | Reason |\n" in text
    assert PythonBackendAgentOutput.model_validate(parse(CONTRACT, text).data) == output
