"""The catalogue of choices that a stack can be made of: what the installed skills and toolchains provide."""

from __future__ import annotations

from functools import cache

from agents.toolchains.registry import Toolchains
from handoff.catalogue import Catalogue
from skills.core.registry import Registry


def catalogue_of(registry: Registry, toolchains: Toolchains) -> Catalogue:
    """Return what skills and toolchains provide, and the labels that came with the skills."""
    return Catalogue((*registry.providers(), *toolchains.providers()), registry.labels)


@cache
def built_in() -> Catalogue:
    """Return what the built-in skills and toolchains provide."""
    return catalogue_of(Registry(), Toolchains())
