"""What a PRD says is text wherever it ends up: in Python, SQL, TypeScript, Markdown, TOML, JSON and HTML."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest

from handoff.codec import parse
from handoff.feature import feature_of
from orchestrator.planning.choices import built_in
from schemas.contract import contract_of
from schemas.handoffs import FeaturePrd
from tests.support import core_build
from tests.support.hostile_prd import PRD
from tests.support.running_app import baton, build


def test_hostile_text_is_inert_in_what_the_backend_skills_write() -> None:
    prd = parse(contract_of("feature-prd"), PRD, "prd.md").data
    files = core_build.build(feature_of(FeaturePrd.model_validate(prd), built_in())).files
    for path, text in files.items():
        if path.endswith(".py"):
            names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
            assert "__import__" not in names, path
    assert "<script>" not in files["README.md"]
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == "hostile"


@pytest.mark.slow
def test_a_hostile_prd_becomes_an_app_that_passes_every_check(tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text(PRD, encoding="utf-8")
    built = build(tmp_path / "prd.md", tmp_path / "app")
    assert (built.exit_code, built.result["status"], built.result["problems"]) == (4, "completed with gaps", [])
    assert "<script>alert" not in (built.workspace / "frontend/index.html").read_text(encoding="utf-8")
    assert json.loads((built.workspace / "openapi.json").read_text(encoding="utf-8"))["info"]["title"].startswith(
        "Host"
    )
    assert not list(tmp_path.rglob("pwned"))
    assert baton("handoff", "check", "--workspace", built.workspace).returncode == 0
