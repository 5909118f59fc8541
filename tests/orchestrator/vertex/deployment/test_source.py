"""The archive that is deployed: the same from a checkout and from a wheel, and nothing in it that is not Baton's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement

from orchestrator.vertex.deployment.requirements import LOCK
from orchestrator.vertex.deployment.source import PACKAGES

ROOT = Path(__file__).parents[4]
MAKE = (
    "import json; from orchestrator.vertex.deployment.source import make_source; made = make_source('a==1\\n');"
    "print(json.dumps([made.sha256, made.paths]))"
)


def made_of(packages: Path) -> tuple[str, list[str]]:
    """The digest and the paths of the archive that Baton in a folder makes."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE],
        cwd=packages.parent,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=True,
    )
    sha256, paths = json.loads(done.stdout)
    return sha256, paths


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy, so that edits meanwhile change nothing."""
    copy = tmp_path / "checkout"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.mark.slow
def test_a_checkout_and_a_wheel_make_the_same_archive(checkout: Path, tmp_path: Path) -> None:
    installing = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*installing, "--python", sys.executable, str(checkout)], check=True)

    assert (tmp_path / "site/orchestrator/vertex/deployment/requirements.lock").is_file()
    assert made_of(checkout) == made_of(tmp_path / "site")


def test_nothing_that_hides_holds_keys_or_was_made_by_a_tool_is_in_it(checkout: Path) -> None:
    before = made_of(checkout)
    planted = ("orchestrator/.env", "skills/prod.env", "agents/id.key", "handoff/.git/config", "schemas/a.pem", ".env")
    for path in (*planted, "schemas/__pycache__/a.cpython-311.pyc", "skills/node_modules/a/index.js"):
        place = checkout / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("SECRET=hunter2hunter2\n")
    (checkout / "agents/link.py").symlink_to("/etc/passwd")

    assert made_of(checkout) == before


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Refreshed with `python -m deploy.locks`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [Requirement(each) for each in (*project["dependencies"], *extras["vertex"], *extras["model"])]
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))

    missing = [str(each) for each in asked if each.name != "baton-engine" and each.name not in pinned]
    wrong = [str(each) for each in asked if each.name in pinned and pinned[each.name] not in each.specifier]

    assert (missing, wrong) == ([], [])
