"""The catalogue of choices that a stack can be made of: what the installed skills and toolchains provide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from agents.contracts import Toolchain
from agents.toolchains.registry import ToolchainInvalid, Toolchains
from handoff.catalogue import Catalogue, Provider
from skills.core.conditions import read_choices, read_conditions
from skills.core.registry import Registry


def catalogue_of(registry: Registry, toolchains: Sequence[Toolchain] | None = None) -> Catalogue:
    """Return what the skills of `registry` and the toolchains, by default the built-in ones, provide.

    Raises:
        ToolchainInvalid: A toolchain's words are none.
    """
    chains = _built_in_toolchains() if toolchains is None else toolchains
    return Catalogue((*registry.providers(), *(_provider(chain) for chain in chains)))


@cache
def built_in() -> Catalogue:
    """Return what the built-in skills and toolchains provide."""
    return catalogue_of(Registry())


@cache
def _built_in_toolchains() -> tuple[Toolchain, ...]:
    return Toolchains().toolchains


def _provider(chain: Toolchain) -> Provider:
    problems: list[str] = []
    provider = Provider(
        name=chain.name,
        kind="toolchain",
        provides=read_choices("provides", chain.provides, problems.append),
        when=read_conditions(chain.when, problems.append),
    )
    if problems:
        raise ToolchainInvalid(tuple(f"{chain.name}: {problem}" for problem in problems))
    return provider
