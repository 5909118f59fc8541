"""Write the project's lock files, so that every pip that a supported Python brings installs exactly what they name.

    python -m deploy.locks              # again, with the versions that are locked
    python -m deploy.locks --upgrade    # with the newest that fit

Where a package is asked for with extras, pip before 24.1 looks for a pin of just those extras: with hashes it refuses
`google-auth[requests]` beside a pin of `google-auth`, as soon as a newer release is out. So a package whose extras are
asked for is pinned once for each set of them, the empty one included.

Not here: the frontend's lock (`npm` writes it; see `skills/react_typed_client/SKILL.md`).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import uv

ROOT = Path(__file__).parents[1]
OLDEST_PYTHON = "3.11"
_APP = "skills/python_api_patterns/templates"
_EXTRAS = re.compile(r"(?P<name>[\w.-]+)\[(?P<extras>[^]]+)\](?P<rest>==.+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """A lock file and what it resolves. `until` ends its requirements at a line of the file that lists them."""

    path: str
    source: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    hashes: bool = True
    until: str = ""
    agrees_with: str = ""  # another lock, whose versions it takes


LOCKS = (
    Lock(path="requirements-dev.lock", source="pyproject.toml", groups=("dev",)),
    Lock(path="requirements.lock", source="pyproject.toml", groups=("build",), agrees_with="requirements-dev.lock"),
    Lock(path="deploy/requirements-build.lock", source="", groups=("build",), agrees_with="requirements-dev.lock"),
    Lock(path="deploy/requirements.lock", source="deploy/requirements.in", agrees_with="requirements-dev.lock"),
    Lock(
        path="orchestrator/vertex/deployment/requirements.lock",
        source="pyproject.toml",
        extras=("vertex",),
        hashes=False,  # Agent Engine takes none
        agrees_with="requirements-dev.lock",
    ),
    Lock(path=f"{_APP}/requirements-dev.lock", source=f"{_APP}/locks.in"),
    Lock(
        path=f"{_APP}/requirements.lock",
        source=f"{_APP}/locks.in",
        until="# development",
        agrees_with=f"{_APP}/requirements-dev.lock",
    ),
)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.locks", description="Write the lock files.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    upgrade: bool = parser.parse_args(arguments).upgrade
    for lock in LOCKS:
        write(lock, upgrade=upgrade)
        print(lock.path)  # noqa: T201 - a command's answer


def write(lock: Lock, *, upgrade: bool) -> None:
    """Resolve a lock's requirements and write it.

    Raises:
        subprocess.CalledProcessError: They cannot be resolved; the lock stays as it was.
    """
    place = ROOT / lock.path
    if not upgrade and place.exists():
        place.write_text(_without_repeated_pins(place.read_text(encoding="utf-8")), encoding="utf-8")
    asked = None
    if lock.until:
        asked = (ROOT / lock.source).read_text(encoding="utf-8").partition(f"{lock.until}\n")[0]
    subprocess.run(_command(lock, upgrade=upgrade), cwd=ROOT, input=asked, text=True, check=True)
    place.write_text("".join(_pinned_once_a_set_of_extras(place.read_text(encoding="utf-8"))), "utf-8")


def _command(lock: Lock, *, upgrade: bool) -> list[str]:
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-package=baton-engine"]
    command += ["--no-strip-extras", "--generate-hashes"] if lock.hashes else []
    command += ["--upgrade"] if upgrade else []
    command += [f"--constraint={lock.agrees_with}"] if lock.agrees_with else []
    command += [f"--extra={extra}" for extra in lock.extras] + [f"--group={group}" for group in lock.groups]
    command += [f"--output-file={lock.path}"]
    return command + ["-" if lock.until else lock.source] * bool(lock.source)


def _pinned_once_a_set_of_extras(lock: str) -> Iterator[str]:
    """Yield a lock's pins, those with extras once for each set of the extras that anybody asks for."""
    for pin in _pins(lock):
        found = _EXTRAS.fullmatch(pin)
        if found is None:
            yield pin
            continue
        extras = sorted(extra.strip() for extra in found["extras"].split(","))
        for size in range(len(extras) + 1):
            for chosen in combinations(extras, size):
                yield found["name"] + (f"[{','.join(chosen)}]" if chosen else "") + found["rest"]


def _without_repeated_pins(lock: str) -> str:
    """Return a lock with one pin a package, the one with most extras, as the resolver reads its own."""
    kept = {re.split(r"[\[=]", pin)[0] + pin.partition(";")[2].partition("\\")[0]: pin for pin in _pins(lock)}
    return "".join(kept.values())


def _pins(lock: str) -> Iterator[str]:
    """Yield each pin with its hashes: the lines up to the next that is not indented."""
    return (each.group() for each in re.finditer(r"^[^#\s].*\n(?:[ \t]+.*\n)*", lock, re.MULTILINE))


if __name__ == "__main__":
    main(sys.argv[1:])
