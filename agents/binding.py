"""Bind a role to the toolchains of a stack: the agent that works.

Not here: which toolchains a stack has (`agents.toolchains.registry`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from agents.contracts import Agent, Binding, Role, Toolchain
from agents.guards.ownership import Ownership
from agents.guards.paths import PathEscape
from schemas.errors import InputError

ALWAYS = (PathEscape(), Ownership())  # guards of every agent, first of all


class BindingsConflict(InputError):
    """Toolchains of one stack bind the same to one role; `twice` names what, and which two."""

    code = "bindings_conflict"

    def __init__(self, role: str, twice: tuple[str, ...]) -> None:
        super().__init__(role, twice)
        self.role, self.twice = role, twice

    def __str__(self) -> str:
        return (
            f"toolchains that work together bind the same to `{self.role}`: {'; '.join(self.twice)}. Have one of them"
            " leave it to the other, or give one a `when` that rules the other out."
        )


def bind(role: Role, toolchains: Sequence[Toolchain]) -> Agent:
    """Return `role` with all that `toolchains` bind to it; an agent that is bound already stays as it is.

    Raises:
        BindingsConflict: Two of them bind a check of one name, or name another lock file for one ecosystem.
    """
    if isinstance(role, Agent):
        return role
    if twice := tuple(_twice(role, toolchains)):
        raise BindingsConflict(role.name, twice)
    bindings = [chain.bindings[role.name] for chain in toolchains if role.name in chain.bindings]
    return Agent(
        **{each.name: getattr(role, each.name) for each in fields(Role)},
        owns=tuple(pattern for each in bindings for pattern in each.owns),
        excludes=tuple(pattern for each in bindings for pattern in each.excludes),
        fixed=tuple(pattern for each in bindings for pattern in each.fixed),
        guards=(*ALWAYS, *(guard for each in bindings for guard in each.guards)),
        checks=tuple(check for each in bindings for check in each.checks),
        locks={ecosystem: path for each in bindings for ecosystem, path in each.locks.items()},
        rule_tests=next((each.rule_tests for each in bindings if each.rule_tests), None),
    )


def _twice(role: Role, toolchains: Sequence[Toolchain]) -> Iterator[str]:
    checks: dict[str, str] = {}
    locks: dict[str, tuple[str, str]] = {}
    for chain in toolchains:
        binding = chain.bindings.get(role.name, Binding())
        for check in binding.checks:
            if (other := checks.setdefault(check.name, chain.name)) != chain.name:
                yield f"the check `{check.name}` (`{other}` and `{chain.name}`)"
        for ecosystem, path in binding.locks.items():
            other, known = locks.setdefault(ecosystem, (chain.name, path))
            if known != path:
                yield f"the lock file for {ecosystem} (`{other}` and `{chain.name}`)"
