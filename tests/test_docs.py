"""What the documents tell people to type is what works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "handoff", "skills", "agents", "orchestrator")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_readmes_test_command_word_for_word() -> None:
    command = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1]

    assert " && .venv/bin/pytest " in command
    assert f"    {command}\n" in README


def test_every_link_inside_the_project_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_what_a_design_note_names_is_there() -> None:
    notes = sorted((ROOT / "docs/design").glob("*.md"))
    named = [(note.name, path) for note in notes for path in re.findall(r"`((?:\w+/)+\w+\.py)`", note.read_text())]
    assert len({note for note, _ in named}) == len(notes) >= 5
    assert [(note, path) for note, path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_a_table_of_folders_names_every_room_and_no_other(document: str) -> None:
    """Skills and roles aside: there is a folder for each, which only its own documents name."""
    rows = re.findall(r"^\| `(\w+)/` \|(.*)$", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
    named = {(folder, room) for folder, text in rows for room in re.findall(r"`(\w+)/`", text)}
    there = {(folder, room) for folder in PACKAGES for room in _rooms(ROOT / folder)}

    assert {folder for folder, _ in rows} >= {*PACKAGES, "tests", "docs"}
    assert there - named == set()
    assert [pair for pair in sorted(named) if not [*(ROOT / pair[0]).glob(f"**/{pair[1]}/")]] == []
    assert {("tests", "support"), ("docs", "design")} <= named


def _rooms(package: Path) -> set[str]:
    files = [path.relative_to(package) for path in package.glob("*/**/*") if path.is_file()]
    holding = {path.parts[0] for path in files if "__pycache__" not in path.parts}
    own = {path.parts[0] for path in files if path.name in {"SKILL.md", "agent.py"} and len(path.parts) == 2}
    return holding - own


def test_the_readme_names_every_command() -> None:
    assert [name for name in COMMANDS if f"`baton {name}" not in README] == []


def test_the_changelog_speaks_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
