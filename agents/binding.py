"""Bind a role to the toolchains of a stack: the agent that works.

Not here: which toolchains a stack has (`agents.toolchains.registry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from agents.contracts import Agent, Role, Toolchain
from agents.guards.ownership import Ownership
from agents.guards.paths import PathEscape

ALWAYS = (PathEscape(), Ownership())  # guards of every agent, first of all


def bind(role: Role, toolchains: Sequence[Toolchain]) -> Agent:
    """Return `role` with all that `toolchains` bind to it; of one that is bound already, only the API may be new."""
    api = next((chain.api for chain in toolchains if chain.api is not None), None)
    if isinstance(role, Agent):
        return role if role.api is not None else replace(role, api=api)
    bindings = [chain.bindings[role.name] for chain in toolchains if role.name in chain.bindings]
    return Agent(
        **{each.name: getattr(role, each.name) for each in fields(Role)},
        owns=tuple(pattern for each in bindings for pattern in each.owns),
        excludes=tuple(pattern for each in bindings for pattern in each.excludes),
        fixed=tuple(pattern for each in bindings for pattern in each.fixed),
        guards=(*ALWAYS, *(guard for each in bindings for guard in each.guards)),
        checks=tuple(check for each in bindings for check in each.checks),
        locks={ecosystem: path for each in bindings for ecosystem, path in each.locks.items()},
        api=api,
        rule_tests=next((each.rule_tests for each in bindings if each.rule_tests), None),
    )
