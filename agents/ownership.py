"""Which paths an agent owns, from its glob patterns: `*` stays within a folder, `**` crosses folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from agents.contracts import Agent, Binding
from agents.guards.paths import path_fault


def owns(agent: Agent, path: str) -> bool:
    """Return whether `path`, relative to the workspace, is the agent's."""
    return matches(agent.owns, path) and not matches(agent.excludes, path)


def unownable(binding: Binding) -> Iterator[str]:
    """Yield what no agent may own: what leaves the workspace, a reserved folder, and what is no pattern."""
    if not isinstance(binding.owns, tuple):
        yield f"`owns` must be a tuple of patterns, got {binding.owns!r}"
        return
    for pattern in binding.owns:
        if fault := path_fault(pattern):
            yield f"`owns` has `{pattern}`, which {fault}; name paths of the workspace, as `docs/**`"


def owns_within(agent: Agent, path: str) -> bool:
    """Return whether the agent owns anything in the folder `path`."""
    return owns(agent, f"{path}/_") or any(pattern.startswith(f"{path}/") for pattern in agent.owns)


def matches(patterns: Iterable[str], path: str) -> bool:
    """Return whether a pattern matches the whole of `path`."""
    return any(_expression(pattern).fullmatch(path) for pattern in patterns)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    words = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(words.get(part) or re.escape(part) for part in parts), re.DOTALL)
