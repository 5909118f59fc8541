"""Imports point one way, and the lower layers stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from itertools import islice
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
SHARED_BY_SKILLS = ("core", "codegen", "design", "model", "python_app")


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
    ("shared", "below"),
    [("codegen", ()), ("design", ("codegen",)), ("aspects", ("codegen", "design")), ("python_app", ("core",))],
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


ROOMS = 16
SURFACES = ("cli", "mcp", "vertex", "langgraph_server", "phase14", "interop")
SHARED_SURFACES = {
    ("langgraph_server", "vertex"): "it shows the runs of the very app that is deployed",
    ("langgraph_server", "phase14"): "its input may be a request of Phase 14",
}

MUTUAL = {
    ("skills.edge_case_tester.links", "skills.edge_case_tester.suite"): "a link joins suites, a suite has links",
}


def imports_within(layer: str) -> dict[str, set[str]]:
    """What each module of a layer imports of it, imports inside functions and for types included."""
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules(layer)}
    return {name: {found for found in _meant(path, layer, known) if found != name} for name, path in known.items()}


def kernel() -> dict[str, set[str]]:
    return imports_within("orchestrator")


def _meant(path: Path, layer: str, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
        for parts in (name.split(".") for name in names if name.split(".")[0] == layer):
            ends = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
            found = (name for end in ends for name in (end, f"{end}.__init__") if name in known)
            yield from islice(found, 1)


@pytest.mark.parametrize("layer", LAYERS)
def test_no_modules_import_each_other(layer: str) -> None:
    """Nor do any in a longer circle."""
    imports = imports_within(layer)
    for one, other in MUTUAL:
        imports.get(one, set()).discard(other)
    TopologicalSorter(imports).prepare()  # says which, if they do


def test_no_two_rooms_of_a_folder_of_the_orchestrator_import_each_other() -> None:
    imports = kernel()
    folders = {name.rpartition(".")[0] for name in imports}
    for folder in sorted(folders):
        rooms: defaultdict[str, set[str]] = defaultdict(set)
        for name in imports:
            for other in imports[name]:
                here, there = room(folder, name), room(folder, other)
                if here and there and here != there:
                    rooms[here].add(there)
        TopologicalSorter(rooms).prepare()


def room(folder: str, name: str) -> str:
    """The part of `name` that stands in `folder`; nothing if it is elsewhere."""
    return name.removeprefix(f"{folder}.").partition(".")[0] if name.startswith(f"{folder}.") else ""


def test_the_orchestrator_has_few_rooms() -> None:
    assert len({room("orchestrator", name) for name in kernel()}) <= ROOMS


def test_what_is_stored_needs_nothing_of_the_orchestrator() -> None:
    within = {name: found for name, found in kernel().items() if name.startswith("orchestrator.records.")}

    assert [each for found in within.values() for each in found if each not in within] == []


def test_only_the_command_line_imports_other_surfaces() -> None:
    found = {
        (room("orchestrator", name), room("orchestrator", other)) for name, found in kernel().items() for other in found
    }
    between = {pair for pair in found if pair[0] != pair[1] and set(pair) <= set(SURFACES) and pair[0] != "cli"}

    assert between == SHARED_SURFACES.keys()


def test_langgraph_is_imported_where_graphs_are_run_or_served() -> None:
    users = {
        path.relative_to(ROOT / "orchestrator").parent.as_posix()
        for path in modules("orchestrator")
        for _, name in imported(path)
        if name.startswith("langgraph")
    }

    assert users == {"runtime/langgraph", "langgraph_server"}


STACK_WORDS = re.compile(r"fastapi|alembic|\breact|\bvite\b|\bapp/|\bopenapi\.json", re.IGNORECASE)
STACK_WORDS_OF = {
    "handoff/prd_entities.py": "keeps a PRD from naming the table in which migrations are counted",
    "orchestrator/phase14/artifacts.py": "sorts a built app's files into the kinds of F08, whose words these are",
    "orchestrator/steps/workspace.py": "names the folders that tools leave in a working copy, as a `.gitignore` does",
}


def test_what_runs_agents_knows_no_framework() -> None:
    """What a stack means is a toolchain's and a skill's to say."""
    found = {
        path.relative_to(ROOT).as_posix()
        for layer in ("handoff", "orchestrator")
        for path in modules(layer)
        if STACK_WORDS.search(path.read_text(encoding="utf-8"))
    }

    assert found == STACK_WORDS_OF.keys()
