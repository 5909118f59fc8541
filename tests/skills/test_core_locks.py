"""The lock files of a generated app: complete, current, and free of the machine they were made on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import skills
from skills.core.templates import Templates
from skills.python_api_patterns.dependencies import RUNTIME as FRAME
from skills.python_api_patterns.dependencies import development

SKILLS = Path(next(iter(skills.__path__)))
TEMPLATES = SKILLS / "python_api_patterns" / "templates"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
PIN = re.compile(r"(?P<name>[a-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\")


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; a package may have several, for several Pythons."""
    found: dict[str, set[str]] = {}
    for line in (TEMPLATES / lock).read_text(encoding="utf-8").splitlines():
        if pin := PIN.fullmatch(line):
            found.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return found


def contributed() -> Iterator[tuple[str, str, str]]:
    """Yield skill, group and requirement of every Python `Dependency(...)` that a built-in skill writes."""
    for path in sorted(SKILLS.glob("*/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Dependency"):
                continue
            said = {item.arg: item.value.value for item in node.keywords if isinstance(item.value, ast.Constant)}
            if said.get("ecosystem") == "python" and "name" in said:
                yield path.parent.name, str(said["group"]), str(said["name"]) + str(said["version"])
    for dependency in (*FRAME, *development(Templates(TEMPLATES).read("locks.in"))):
        yield "python_api_patterns", dependency.group, f"{dependency.name}{dependency.version}"


@pytest.mark.parametrize(("skill", "group", "requirement"), sorted(set(contributed())))
def test_what_a_skill_depends_on_is_locked_in_a_version_that_satisfies_it(
    skill: str, group: str, requirement: str
) -> None:
    wanted = Requirement(requirement)
    versions = pins(RUNTIME if group == "runtime" else DEVELOPMENT).get(canonicalize_name(wanted.name), set())
    assert versions, f"{skill} needs {requirement}, which is not in the lock: see SKILL.md, Refreshing the locks"
    assert all(wanted.specifier.contains(version) for version in versions)


def test_the_development_lock_has_all_of_the_runtime_lock_in_the_same_versions() -> None:
    assert pins(RUNTIME).items() <= pins(DEVELOPMENT).items()


def test_what_is_asked_for_is_what_is_locked() -> None:
    text = (TEMPLATES / "locks.in").read_text(encoding="utf-8")
    locked = pins(DEVELOPMENT)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert all(wanted.specifier.contains(version) for version in locked[canonicalize_name(wanted.name)])


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_every_line_is_a_pin_or_its_hash_and_names_no_place(lock: str) -> None:
    lines = (TEMPLATES / lock).read_text(encoding="utf-8").splitlines()
    strange = [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))]
    assert strange == []
    assert all(HASH.fullmatch(after) for line, after in pairwise(lines) if PIN.fullmatch(line))
