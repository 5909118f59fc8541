"""Run the programs of an app in Node, in a folder of the tree that has its `package.json` and its packages."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from agents.checks.evidence import Evidence
from agents.checks.scratch import Scratch

JOURNAL = Path(__file__).parent / "probes" / "journal.mjs"  # a reporter for Vitest


async def run_script(
    scratch: Scratch, check: str, folder: str, script: str, *arguments: str, tool: str, notes_tests: bool = False
) -> tuple[Evidence, str]:
    """Run a script of the `package.json` in `folder` without npm, which would cost more than most of them.

    Raises:
        ScratchError: Node cannot be had.
    """
    package = json.loads(scratch.left(scratch.tree / folder / "package.json") or "{}")
    argv = [*shlex.split(package["scripts"][script]), *arguments]
    return await run_program(scratch, check, folder, argv, tool=tool, notes_tests=notes_tests)


async def run_program(
    scratch: Scratch, check: str, folder: str, argv: list[str], *, tool: str, notes_tests: bool = False
) -> tuple[Evidence, str]:
    """Run `node`, or a program of `node_modules/.bin`, in `folder`.

    Raises:
        ScratchError: Node cannot be had.
    """
    environment = await scratch.node()
    node = environment.bin / "node"
    program: list[str | Path] = [node] if argv[0] == "node" else [node, Path("node_modules/.bin") / argv[0]]
    env = {"CI": "true", "NO_COLOR": "1", "DEBUG_PRINT_LIMIT": "0", "PATH": f"{environment.bin}:/usr/bin:/bin"}
    return await scratch.tool(check, [*program, *argv[1:]], cwd=folder, env=env, tool=tool, notes_tests=notes_tests)
