"""Which paths an agent owns, from its glob patterns: `*` stays within a folder, `**` crosses folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from agents.contracts import Agent


def owns(agent: Agent, path: str) -> bool:
    """Return whether `path`, relative to the workspace, is the agent's."""
    return matches(agent.owns, path) and not matches(agent.excludes, path)


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
