"""Phase 14 for real: F08's document in, the specialist's document out, measured on the app it describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.agents import PythonSpecialistOutput
from tests.support.running_app import baton

pytestmark = pytest.mark.slow

REQUEST = {
    "backend_architecture": {"framework": "FastAPI", "async_support": True, "dependency_manager": "uv"},
    "api_endpoints": [
        {"path": "/api/v1/notes", "method": "GET", "auth_required": True, "response_model": "NotePage"},
        {"path": "/api/notes", "method": "POST", "auth_required": True, "request_model": "NoteCreate"},
    ],
    "database": {"type": "PostgreSQL", "orm": "SQLAlchemy", "async": True, "models": ["User", "Note"]},
    "authentication": {"method": "JWT", "providers": ["local"]},
    "api_docs": "OpenAPI (auto-generated)",
    "testing_framework": "pytest",
    "title": "Notes",
    "entities": [
        {
            "name": "Note",
            "labels": [{"label": "Owner", "value": "yes"}],
            "fields": [{"name": "text", "type": "text", "required": True, "rules": "min 1"}],
        }
    ],
}
KINDS = ("main", "routers", "models", "schemas", "services", "database", "migrations", "tests", "config")


def test_the_specialists_document_holds_the_app_and_what_was_measured(tmp_path: Path) -> None:
    request, document, workspace = tmp_path / "request.json", tmp_path / "result.json", tmp_path / "app"
    request.write_text(json.dumps(REQUEST), encoding="utf-8")

    ran = baton("phase14", "run", request, "--workspace", workspace, "--output", document)

    assert ran.returncode == 4, ran.stdout + ran.stderr
    output = PythonSpecialistOutput.model_validate_json(document.read_text(encoding="utf-8"))
    for kind in KINDS:
        artifacts = getattr(output.artifacts, kind)
        assert artifacts, kind
        assert [a.file for a in artifacts if (workspace / a.file).read_text(encoding="utf-8") != a.content] == []
    assert output.code_quality.type_hints_coverage == 100
    assert output.code_quality.test_coverage >= 90
    assert output.code_quality.endpoints_generated == 13
    assert output.next_phase == "@postgresql-specialist"
    assert [gap.text for gap in output.gaps] == [
        "The endpoint `POST /api/notes` exists. (Baton's own is `POST /api/v1/notes`.)"
    ]
    assert f"{output.code_quality.test_coverage:g}" in ran.stdout
