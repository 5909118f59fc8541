"""Find the toolchains and say which of them a stack has.

A toolchain is a folder with a `toolchain.py` that exposes `TOOLCHAIN`: the built-in ones are the folders beside this
file, others come from folders passed in. Adding a folder adds a toolchain; nothing else changes.

Source: `docs/extending.md`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from agents.contracts import Toolchain
from agents.ownership import unownable
from handoff.catalogue import Provider
from handoff.plugins import load_module
from schemas.errors import InputError
from schemas.stack import Choice, Condition, Stack, all_hold

BUILT_IN = Path(__file__).parent
MODULE = "toolchain"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ToolchainInvalid(InputError):
    """Toolchain folders that cannot be used, with every problem found."""

    code = "toolchain_invalid"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        return f"the toolchains cannot be used ({len(self.problems)} found):\n{listed}"


class Toolchains:
    """All toolchains, by name."""

    def __init__(self, folders: Sequence[Path] = (), *, built_in: bool = True) -> None:
        """Discover the built-in toolchains, unless told not to, and those in `folders`, each of which holds some.

        Raises:
            ToolchainInvalid: With every problem found.
        """
        self.toolchains = _discover((BUILT_IN, *folders) if built_in else folders)

    def providers(self) -> tuple[Provider, ...]:
        """Return who makes choices of a stack possible."""
        return tuple(
            Provider(name=each.name, kind="toolchain", provides=each.provides, when=each.when)
            for each in self.toolchains
        )

    def select(self, stack: Stack) -> tuple[Toolchain, ...]:
        """Return the toolchains of `stack`."""
        return tuple(each for each in self.toolchains if all_hold(each.when, stack))


def _discover(folders: Sequence[Path]) -> tuple[Toolchain, ...]:
    problems: list[str] = []
    found: dict[str, tuple[Path, Toolchain]] = {}
    for folder in _folders(folders, problems):
        try:
            toolchain = _load(folder)
        except ToolchainInvalid as error:
            problems.extend(error.problems)
            continue
        other, _ = found.setdefault(toolchain.name, (folder, toolchain))
        if other != folder:
            problems.append(f"{folder}: a toolchain called `{toolchain.name}` is already in {other}; rename one")
    if problems:
        raise ToolchainInvalid(tuple(problems))
    return tuple(found[name][1] for name in sorted(found))


def _folders(parents: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    for parent in parents:
        if parent.is_dir():
            yield from sorted(path.parent for path in parent.glob(f"*/{MODULE}.py"))
        else:
            problems.append(f"{parent}: no such folder of toolchains")


def _load(folder: Path) -> Toolchain:
    """Return the toolchain of a folder.

    Raises:
        ToolchainInvalid: It cannot be imported, or exposes none.
    """
    path = folder / f"{MODULE}.py"
    try:
        if folder.parent == BUILT_IN:
            module = importlib.import_module(f"agents.toolchains.{folder.name}.{MODULE}")
        else:
            module = load_module(folder, MODULE)
    except Exception as error:  # whatever a stranger's module raises at import
        raise ToolchainInvalid((f"{path}: cannot be imported: {type(error).__name__}: {error}",)) from error
    toolchain = getattr(module, "TOOLCHAIN", None)
    if not isinstance(toolchain, Toolchain):
        raise ToolchainInvalid((f"{path}: `TOOLCHAIN` must be an `agents.contracts.Toolchain`",))
    if problems := tuple(_problems(toolchain)):
        raise ToolchainInvalid(tuple(f"{path}: {problem}" for problem in problems))
    return replace(toolchain, folder=folder)


def _problems(toolchain: Toolchain) -> Iterator[str]:
    if not _NAME.fullmatch(str(toolchain.name)):
        yield f"`name` is `{toolchain.name}`; write lower-case words joined by single hyphens"
    if not all(isinstance(each, Condition) for each in toolchain.when):
        yield f"`when` must be conditions, as `conditions('docs=Handbook')`, got {toolchain.when!r}"
    if not all(isinstance(each, Choice) for each in toolchain.provides):
        yield f"`provides` must be choices, as `choices('docs=Handbook')`, got {toolchain.provides!r}"
    for role, binding in toolchain.bindings.items():
        yield from (f"the binding of `{role}`: {problem}" for problem in unownable(binding))
