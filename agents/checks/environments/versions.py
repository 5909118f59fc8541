"""Name the tool that a command runs, with its version, without running it: from what is installed beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from agents.checks.sandbox.untrusted_files import read_plain


def tool_label(argv: Sequence[str], package: str | None, cwd: Path) -> str:
    """Return `name version` (`mypy 2.4.1`) of the tool that `argv` runs in `cwd`; the bare name if it has no version.

    `package` is the package that provides the tool where its name does not say it.
    """
    program = Path(argv[0])
    module = argv[2] if len(argv) > 2 and argv[1] == "-m" else None  # noqa: PLR2004  # program, -m, module
    name = package or module or program.name
    version = _python_version(program, name) or _node_version(cwd / "node_modules" / name)
    return f"{name} {version}" if version else name


@cache
def _python_version(program: Path, name: str) -> str | None:
    """Look for the package's metadata in the virtual environment that the program belongs to."""
    wanted = re.sub(r"[-_.]+", "_", name).lower()
    for found in program.parent.parent.glob("lib/python*/site-packages/*.dist-info"):
        distribution, _, version = found.name.removesuffix(".dist-info").partition("-")
        if distribution.lower() == wanted:
            return version
    return None


def _node_version(package: Path) -> str | None:
    try:
        version = json.loads(read_plain(package / "package.json") or "{}")["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return str(version)
