"""Imports point one way, and the lower layers stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("schemas", "handoff", "skills", "agents", "orchestrator")
HEAVY = ("langgraph", "langchain", "google", "deepagents", "anthropic", "openai", "ollama")


def modules(layer: str) -> list[Path]:
    """The modules of a package; `templates` folders hold text of the produced app."""
    return [path for path in sorted((ROOT / layer).rglob("*.py")) if "templates" not in path.parts]


def imported(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "." * node.level + (node.module or "")))
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_the_layers_below(layer: str) -> None:
    above = LAYERS[LAYERS.index(layer) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(layer)
        for line, name in imported(path)
        if name.split(".")[0] in above
    ]

    assert wrong == []


SKILLS = sorted(path.parent.name for path in (ROOT / "skills").glob("*/SKILL.md"))
SHARED_BY_SKILLS = ("core", "codegen", "design", "model")


@pytest.mark.parametrize("skill", SKILLS)
def test_a_skill_imports_no_other_skill(skill: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(f"skills/{skill}")
        for line, name in imported(path)
        if name.startswith("skills.") and name.split(".")[1] not in (skill, *SHARED_BY_SKILLS)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("shared", "below"), [("codegen", ()), ("design", ("codegen",)), ("aspects", ("codegen", "design"))]
)
def test_what_skills_share_imports_no_skill(shared: str, below: tuple[str, ...]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(f"skills/{shared}")
        for line, name in imported(path)
        if name.startswith("skills.") and name.split(".")[1] not in (shared, *below)
    ]

    assert wrong == []


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_are_absolute(layer: str) -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules(layer)
        for line, name in imported(path)
        if name.startswith(".")
    ]

    assert relative == []


@pytest.mark.parametrize("layer", ["schemas", "handoff"])
def test_contracts_and_handoffs_name_no_orchestration_or_cloud_library(layer: str) -> None:
    heavy = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(layer)
        for line, name in imported(path)
        if name.startswith(HEAVY)
    ]

    assert heavy == []


LIGHT = {
    "reading handoffs": "import handoff.store, handoff.compatible, schemas.export",
    "finding and running skills": "import skills.core.registry, skills.core.executor",
    "naming a model, and what it may spend": "import skills.model.models, skills.model.budget, skills.model.executor",
}


@pytest.mark.parametrize("what", LIGHT)
def test_it_loads_no_orchestration_model_or_cloud_library(what: str) -> None:
    # Namespace packages, which have no file, are there in every process where a Google library is installed.
    loaded_ones = "(name for name, module in sys.modules.items() if getattr(module, '__file__', None))"
    program = f"import sys\n{LIGHT[what]}\nprint('\\n'.join({loaded_ones}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert [name for name in loaded.split() if name.startswith(HEAVY)] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_package_files_only_export_again(layer: str) -> None:
    for path in modules(layer):
        if path.name == "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            allowed = ast.Import | ast.ImportFrom | ast.Expr | ast.Assign | ast.AnnAssign | ast.If
            other = [node for node in body if not isinstance(node, allowed)]
            # A module's `__getattr__` and `__dir__` export again what is heavy only when it is used.
            assert all(isinstance(node, ast.FunctionDef) and node.name.startswith("__") for node in other), path


def test_a_class_name_means_one_class() -> None:
    """Private classes aside, and what each skill calls its `Input` and `Output`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in (path for layer in LAYERS for path in modules(layer)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    for name in ("Input", "Output"):
        assert all(where.startswith("skills/") for where in found.pop(name))

    assert {name: where for name, where in found.items() if len(where) > 1} == {}
