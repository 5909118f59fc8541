"""Environments for checks, made from lock files and kept: packages are installed once a lock, not once a run.

`python(lock)` and `node(lock)` may be called from the run's first second, and by several checks at once: the first call
starts the work, every call awaits it.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import uv

from agents.checks.diagnostics import machine_trouble
from agents.checks.environments.cache import cache_key, cached_folder
from agents.checks.environments.installer import install
from agents.checks.environments.node import Node, find_node
from agents.checks.errors import ScratchError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonEnvironment:
    """A virtual environment. It is shared: nothing may be installed into it. `key` names its lock and interpreter."""

    python: Path
    key: str
    root: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeEnvironment:
    """`bin` holds `node` and `npm`; `modules` is the shared `node_modules`, to which nothing may be written."""

    bin: Path
    modules: Path
    version: str


class Environments:
    """The environments of a process, under one cache folder that processes share."""

    def __init__(self, cache: Path) -> None:
        """Keep environments under `cache`, which is made on demand."""
        self.cache = cache
        self._tasks: dict[tuple[str, str], asyncio.Task[object]] = {}

    async def python(self, lock: Path, *, build: bool = True) -> PythonEnvironment:
        """Return the environment that holds exactly the packages of a hashed requirements file.

        Without `build` the file is one that nobody here wrote: no package may be built, which would run its code, and
        no option may stand among the packages.

        Raises:
            RegistryUnreachable: A package cannot be fetched now.
            ScratchError: There is no such package, its hash is another, or the machine has no room for it.
        """
        content = lock.read_bytes()
        if not build:
            _refuse_options(content)
        key = cache_key(content, sys.version, platform.platform(), sys.base_prefix)

        async def make() -> PythonEnvironment:
            place = self.cache / "python" / key
            with machine_trouble("installing the app's Python packages", (self.cache, Path(tempfile.gettempdir()))):
                root = await cached_folder(place, lambda folder: _install_python(folder, content, build=build))
            return PythonEnvironment(python=root / "bin" / "python", key=key, root=root)

        return await self._once(("python", key), make)

    async def node(self, lock: Path) -> NodeEnvironment:
        """Return Node with exactly the packages of a `package-lock.json`.

        Raises:
            RegistryUnreachable: Node or a package cannot be fetched now.
            ScratchError: There is no such package, its hash is another, the lock is not one, or there is no room.
        """
        content = lock.read_bytes()
        node = await self.node_itself()
        key = cache_key(content, node.version, platform.platform())

        async def make() -> NodeEnvironment:
            place = self.cache / "node_modules" / key
            with machine_trouble("installing the frontend's packages", (self.cache, Path(tempfile.gettempdir()))):
                root = await cached_folder(place, lambda folder: _install_node(folder, content, node))
            return NodeEnvironment(bin=node.bin, modules=root / "node_modules", version=node.version)

        return await self._once(("node", key), make)

    async def node_itself(self) -> Node:
        """Return the Node that runs the frontend's tools.

        Raises:
            ScratchError: There is none, and none can be installed.
        """
        return await self._once(("node", ""), lambda: find_node(self.cache))

    async def close(self) -> None:
        """Stop what is still being made."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _once(self, key: tuple[str, str], make: Callable[[], Coroutine[object, object, T]]) -> T:
        """Await the one task that makes `key`. A cancelled caller does not stop it; a failure may be retried."""
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._tasks[key] = asyncio.create_task(make())
        return cast("T", await asyncio.shield(task))


def _refuse_options(lock: bytes) -> None:
    for number, line in enumerate(lock.decode("utf-8", "replace").splitlines(), 1):
        if line.lstrip().startswith("-") and not line.lstrip().startswith("--hash="):
            raise ScratchError(
                f"line {number} of the Python lock file is an option of the installer, which only a lock of yours may"
                " have: leave packages, versions and hashes in it"
            )


async def _install_python(folder: Path, lock: bytes, *, build: bool) -> None:
    requirements = folder / "requirements.lock"
    requirements.write_bytes(lock)
    binary = uv.find_uv_bin()
    venv = [binary, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, str(folder)]
    await install(venv, folder, "a Python environment")
    sync = [binary, "pip", "sync", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python")]
    sync += [] if build else ["--no-build"]
    # Without bytecode every tool starts twice as slowly.
    await install([*sync, str(requirements)], folder, "the app's Python packages", {"UV_COMPILE_BYTECODE": "1"})


async def _install_node(folder: Path, lock: bytes, node: Node) -> None:
    (folder / "package-lock.json").write_bytes(lock)
    (folder / "package.json").write_text(json.dumps(_package_of(lock)), encoding="utf-8")
    argv = [str(node.bin / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    path = f"{node.bin}:{os.environ.get('PATH', os.defpath)}"
    await install(argv, folder, "the frontend's packages", {"PATH": path, "npm_config_update_notifier": "false"})


def _package_of(lock: bytes) -> object:
    """Return the `package.json` that a lock was made from: its first package."""
    try:
        return json.loads(lock)["packages"][""]
    except (ValueError, KeyError, TypeError) as error:
        raise ScratchError(
            "`package-lock.json` is not a lock file of npm 7 or later; make it with `npm install`"
        ) from error


def link_modules(environment: NodeEnvironment, folder: Path) -> None:
    """Make `node_modules` in `folder`: a real folder, where tools may keep caches, of links to the shared packages."""
    modules = folder / "node_modules"
    if modules.is_dir():
        return
    modules.mkdir(parents=True)
    for package in environment.modules.iterdir():
        (modules / package.name).symlink_to(package)
