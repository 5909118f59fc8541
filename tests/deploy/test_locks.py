"""Each lock installs with the pip that Python brings and with the newest, and nothing is chosen while it installs."""

from __future__ import annotations

import re
import subprocess
import venv
from pathlib import Path

import pytest

from deploy.locks import LOCKS, ROOT, Lock

HASHED = [lock for lock in LOCKS if lock.hashes]
WHOLE = [lock for lock in HASHED if not lock.agrees_with]  # the others pin what one of these pins
NEWEST_PIP = "pip==26.3"
PIN = re.compile(r"^([\w.-]+(?:\[[\w,-]+\])?==[^ ]+)", re.MULTILINE)
INSTALL = re.compile(r"pip(?: --python \S+)? (?:install|wheel) (?P<arguments>[^&\n`]+)")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    ".ci/run",
    "Dockerfile",
    "skills/python_api_patterns/templates/README.md.j2",
    "skills/python_api_patterns/templates/Dockerfile",
)


@pytest.fixture(scope="module")
def oldest_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that Python brings."""
    place = tmp_path_factory.mktemp("pip")
    venv.create(place, with_pip=True)
    return place / "bin/pip"


@pytest.fixture(scope="module")
def newest_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pip")
    venv.create(place, with_pip=True)
    subprocess.run([place / "bin/pip", "install", "--quiet", NEWEST_PIP], check=True, stderr=subprocess.DEVNULL)
    return place / "bin/pip"


def install(pip: Path, lock: Lock) -> None:
    """Have pip resolve a lock and fetch what it needs to know, without installing."""
    asked: list[str | Path] = [pip, "install", "--quiet", "--dry-run", "--ignore-installed", "--require-hashes"]
    asked += ["-r", ROOT / lock.path]
    installed = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("lock", WHOLE, ids=lambda lock: lock.path)
def test_a_lock_with_hashes_can_be_installed_by_the_pip_that_python_brings(oldest_pip: Path, lock: Lock) -> None:
    install(oldest_pip, lock)


@pytest.mark.slow
@pytest.mark.parametrize("lock", HASHED, ids=lambda lock: lock.path)
def test_a_lock_with_hashes_can_be_installed_by_the_newest_pip(newest_pip: Path, lock: Lock) -> None:
    install(newest_pip, lock)


@pytest.mark.parametrize("lock", [lock for lock in HASHED if lock.agrees_with], ids=lambda lock: lock.path)
def test_a_lock_that_agrees_with_another_pins_nothing_else_and_its_extras_as_that_one_does(lock: Lock) -> None:
    other = {*PIN.findall((ROOT / lock.agrees_with).read_text(encoding="utf-8"))}

    assert {*PIN.findall((ROOT / lock.path).read_text(encoding="utf-8"))} <= other


@pytest.mark.parametrize("lock", HASHED, ids=lambda lock: lock.path)
def test_whoever_asks_for_a_package_with_extras_finds_a_pin_of_just_those(lock: Lock) -> None:
    """Of what is installed here: pip before 24.1 would choose the newest release for any that is missing."""
    text = (ROOT / lock.path).read_text(encoding="utf-8")
    names = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    with_extras = re.findall(r"^([\w.-]+)\[([\w,-]+)\]==", text, re.MULTILINE)

    assert {name for name, _ in with_extras} <= names
    for name, extras in with_extras:
        for extra in extras.split(","):
            assert f"\n{name}[{extra}]==" in f"\n{text}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_that_is_installed_is_chosen_while_it_is_installed(document: str) -> None:
    """Packages come from a lock; Baton itself is built by what a lock holds, and brings nothing along."""
    commands = [each["arguments"] for each in INSTALL.finditer((ROOT / document).read_text(encoding="utf-8"))]

    assert commands
    for arguments in commands:
        from_a_lock = re.search(r"-r \S*requirements\S*\.lock", arguments)
        itself = "--no-deps" in arguments and ("--no-build-isolation" in arguments or ".whl" in arguments)
        assert from_a_lock or itself, arguments


def test_what_builds_baton_is_the_version_that_is_locked() -> None:
    wanted = re.search(r'^requires = \["(hatchling==\S+)"\]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert wanted is not None
    for lock in ("requirements.lock", "requirements-dev.lock", "deploy/requirements-build.lock"):
        assert f"{wanted[1]} " in (ROOT / lock).read_text(encoding="utf-8")
