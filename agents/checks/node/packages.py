"""Check that the packages of an app in Node are those of its lock."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import cast

from agents.checks.environments.environments import NodeEnvironment
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from schemas.base import JSON


class InstallCheck:
    """The packages are those of the lock, version by version."""

    name = "npm-ci"
    after: tuple[str, ...] = ()

    def __init__(self, lock: str) -> None:
        """Compare with `lock`, a `package-lock.json` of the tree."""
        self._lock = lock

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        del work
        started = time.monotonic()
        environment = await scratch.node()
        lock = json.loads(scratch.left(scratch.tree / self._lock) or "{}")
        installed, problems = compare_packages(lock, environment)
        text = "\n".join([f"{installed} packages as locked", *problems])
        tool = f"npm ci, node {environment.version}"
        evidence = scratch.record(self.name, tool, text, time.monotonic() - started)
        summary = f"{installed} packages as locked"
        return Outcome(passed=not problems, summary=summary, evidence=(evidence,), problems=tuple(problems))


def compare_packages(lock: Mapping[str, JSON], environment: NodeEnvironment) -> tuple[int, list[str]]:
    """Return how many packages are installed as the lock says, and where one is not. Other platforms' are left out."""
    installed, problems = 0, []
    packages = cast("Mapping[str, Mapping[str, JSON]]", lock["packages"])
    for path, package in packages.items():
        if not path:
            continue
        manifest = environment.modules.parent / path / "package.json"
        if not manifest.is_file():
            if not package.get("optional"):
                problems.append(f"{path}: not installed, {package['version']} is locked")
            continue
        version = json.loads(manifest.read_text(encoding="utf-8"))["version"]
        if version != package["version"]:
            problems.append(f"{path}: {version} is installed, {package['version']} is locked")
        installed += 1
    return installed, problems
