"""The catalogue of choices that a stack can be made of, from the skills that are installed."""

from __future__ import annotations

from functools import cache

from handoff.catalogue import Catalogue
from skills.core.registry import Registry


def catalogue_of(registry: Registry) -> Catalogue:
    """Return what the skills of `registry` provide."""
    return Catalogue(registry.providers())


@cache
def built_in() -> Catalogue:
    """Return what the built-in skills provide."""
    return catalogue_of(Registry())
