"""A mypy cache that knows the app's packages before the app is checked, so that `mypy --strict` takes under a second.

The seed holds third-party modules only. A seed with the app's own modules would be wrong: mypy trusts a cached module
whose path, size and modification second agree, and the next app has the same paths.
"""

from __future__ import annotations

import ast
import json
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from agents.checks.environments.cache import cache_key, cached_folder
from agents.checks.environments.environments import PythonEnvironment
from agents.checks.sandbox.untrusted_files import read_plain
from agents.checks.scratch import Scratch

_MODULE = "seed_imports.py"


async def seeded_cache(scratch: Scratch, environment: PythonEnvironment, place: Path, folders: Sequence[str]) -> None:
    """Make `place` a mypy cache folder of its own, filled with what earlier checks learned about the packages.

    Args:
        scratch: Has the tree to be checked, whose `pyproject.toml` configures mypy and whose imports are learned; its
            cache keeps seeds, one for an environment and a mypy configuration.
        environment: The environment whose packages the app imports.
        place: A folder that does not exist yet.
        folders: Folders of the tree to be checked; each set of them has a seed of its own.
    """
    key = cache_key(environment.key, _configuration(scratch.tree), *folders)
    seed = await cached_folder(
        scratch.cache / "mypy" / key, lambda folder: _learn(scratch, folder, environment, folders)
    )
    shutil.copytree(seed, place)


async def _learn(scratch: Scratch, folder: Path, environment: PythonEnvironment, folders: Sequence[str]) -> None:
    tree = scratch.tree
    module = folder / _MODULE
    module.write_text("".join(f"import {name}\n" for name in _third_party_modules(tree, folders)), encoding="utf-8")
    argv = [str(environment.python), "-m", "mypy", "--strict", "--cache-dir", str(folder)]
    if (tree / "pyproject.toml").is_file():
        argv += ["--config-file", str(tree / "pyproject.toml")]
    # Whatever mypy thinks of the imports does not matter here: it has read them.
    await scratch.run_quietly([*argv, _MODULE], cwd=folder, env={}, write=[folder])
    module.unlink()


def _configuration(tree: Path) -> str:
    """Return what decides whether mypy accepts a cache: its section of `pyproject.toml`."""
    project = read_plain(tree / "pyproject.toml")
    try:
        table = tomllib.loads(project)["tool"]["mypy"] if project is not None else {}
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        table = {}
    return json.dumps(table, sort_keys=True, default=str)


def _third_party_modules(tree: Path, folders: Sequence[str]) -> list[str]:
    """Return the modules that `folders`, and what they import of the tree, import from elsewhere, sorted."""
    own = {path.parent.name for path in tree.glob("*/__init__.py")} | {path.stem for path in tree.glob("*.py")}
    found: set[str] = set()
    looked, waiting = set[str](), set(folders)
    while waiting:
        folder = waiting.pop()
        looked.add(folder)
        imported = {name for path in (tree / folder).rglob("*.py") for name in _imports(path)}
        found |= imported
        waiting |= {name.partition(".")[0] for name in imported} & own - looked
    return sorted(name for name in found if name.partition(".")[0] not in own | sys.stdlib_module_names)


def _imports(path: Path) -> set[str]:
    """Return the modules that a file imports; none if it is not Python, which mypy itself will say."""
    try:
        module = ast.parse(read_plain(path) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found
