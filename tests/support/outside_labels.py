"""Features and files of PRDs whose labels come from outside the tree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agents.toolchains.registry import Toolchains
from handoff.codec import parse
from handoff.feature import read_feature
from orchestrator.planning.choices import catalogue_of
from schemas.contract import contract_of
from schemas.feature import Feature
from schemas.handoffs import PythonBackendAgentOutput
from skills.core.executor import run_template
from skills.core.formatting import format_python
from skills.core.registry import Registry
from tests.support.core_build import EXAMPLES, build
from tests.support.front_build import BACKEND

ARCHIVE = Path(__file__).parent / "archive_label"  # a label whose aspect uses every hook


def labelled(registry: Registry, label: str, row: str = "") -> Feature:
    """Return the todo lists, todos having one label more, and a field if `row` is one."""
    text = (EXAMPLES / "todo-lists.md").read_text("utf-8")
    prd = text.replace("**Filter:** todo_list", f"{label}\n**Filter:** todo_list").rstrip("\n") + f"\n{row}\n"
    return read_feature(parse(contract_of("feature-prd"), prd), catalogue_of(registry, Toolchains()))


def suite(feature: Feature, registry: Registry) -> Mapping[str, str]:
    """Return the app's own tests."""
    endpoints = build(feature, registry).endpoints
    backend = PythonBackendAgentOutput.model_validate({**BACKEND.model_dump(), "api_contract": endpoints})
    output = run_template(registry.skill("edge-case-tester"), {"feature": feature, "backend": backend})
    return {file.path: file.content for file in format_python(output.files, {})}
