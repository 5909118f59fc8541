"""What is installed beside the deployed source: the versions of the lock, resolved here for the machine there.

What does not resolve fails here, in a second, and not in a build in the cloud.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uv

from schemas.errors import InputError, RunError

LOCK = Path(__file__).parent / "requirements.lock"
PLATFORM = "x86_64-manylinux_2_28"
OFFERED = ("3.11", "3.12", "3.13", "3.14")  # of what Agent Engine offers, what Baton runs on
_SHOWN = 12  # lines of what the resolver says


class PythonNotOffered(InputError):
    """Agent Engine has no such Python, or Baton does not run on it."""

    code = "python_not_offered"


class Unresolvable(InputError):
    """There is no set of packages that satisfies the requirements."""

    code = "unresolvable"


class ResolverMissing(RunError):
    """There is no `uv` to resolve with."""

    code = "resolver_missing"


def python_version(wanted: str | None = None) -> str:
    """Return the Python to deploy on: the wanted one, or the one that runs here.

    Raises:
        PythonNotOffered: Agent Engine does not offer it.
    """
    version = wanted or f"{sys.version_info.major}.{sys.version_info.minor}"
    if version not in OFFERED:
        raise PythonNotOffered(
            f"Agent Engine runs Baton on Python {', '.join(OFFERED)}, not on {version}. Choose one with `--python`."
        )
    return version


async def resolve(python: str, more: Sequence[str] = ()) -> str:
    """Return a requirements file: the lock's versions for Linux on x86-64 and `python`, and what `more` needs.

    Args:
        python: As `3.12`.
        more: Requirements of one's own, as pip takes them.

    Raises:
        Unresolvable: They contradict each other or the lock, or name what no index has.
        ResolverMissing: `uv` is not there.
    """
    given = "\n".join([LOCK.read_text("utf-8"), *more, ""])
    argv = [_uv(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    argv += ["--python", sys.executable, "--no-python-downloads"]  # resolving for another Python needs none
    process = await asyncio.create_subprocess_exec(
        *argv,
        *("--python-version", python, "--python-platform", PLATFORM),
        cwd=LOCK.parent,  # what a project in the current folder asks for is not meant
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    resolved, said = await process.communicate(given.encode())
    if process.returncode != 0:
        last = "\n".join(f"  {line}" for line in said.decode(errors="replace").strip().splitlines()[-_SHOWN:])
        raise Unresolvable(
            f"the requirements do not resolve for Python {python} on {PLATFORM}:\n{last}\n"
            "Correct what `--requirement` asks for, or let `uv` reach a package index, then try again."
        )
    return resolved.decode()


def _uv() -> str:
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise ResolverMissing("`uv` is not found. Install it with `pip install uv`.") from error
