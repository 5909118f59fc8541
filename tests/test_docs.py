"""What the documents tell people to type is what works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from orchestrator.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
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


def test_the_readme_names_every_command() -> None:
    assert [name for name in COMMANDS if f"`baton {name}" not in README] == []


def test_the_changelog_speaks_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
