from __future__ import annotations

from pathlib import Path

from agents.checks.python.mypy_seed import _third_party_modules


def tree_of(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.parent != root:
            (path.parent / "__init__.py").touch()
    return root


def test_a_seed_knows_what_the_checked_folders_import_and_what_the_apps_own_modules_behind_them_do(
    tmp_path: Path,
) -> None:
    tree = tree_of(
        tmp_path,
        tests__test_app="import pytest\nfrom app.main import app",
        app__main="import json\nfrom sqlalchemy.ext.asyncio import AsyncEngine\nfrom app import models",
        app__models="from .other import thing",
        other__tool="import unrelated",
    )
    assert _third_party_modules(tree, ("tests",)) == ["pytest", "sqlalchemy.ext.asyncio"]


def test_a_folder_of_the_app_that_is_no_package_does_not_hide_the_package_of_its_name(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, tests__test_app="from alembic import command")
    (tree / "alembic").mkdir()
    assert _third_party_modules(tree, ("tests",)) == ["alembic"]


def test_a_file_that_is_not_python_is_left_to_mypy(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, app__main="import jwt", app__broken="def (")
    assert _third_party_modules(tree, ("app",)) == ["jwt"]
