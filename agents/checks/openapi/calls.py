"""Which tests called which endpoints of an OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.checks.openapi.document import operations
from schemas.base import JSON


def called_endpoints(
    document: Mapping[str, JSON], requests: Sequence[tuple[str, str, int, Sequence[str]]]
) -> dict[str, dict[str, set[str]]]:
    """Return for each `METHOD path` of the document the tests that called it, by the status they were answered with.

    Args:
        document: OpenAPI; a path without parameters is preferred to one that has some.
        requests: Method, path, status, and the tests that sent it.
    """
    endpoints: dict[str, dict[str, set[str]]] = {}
    patterns: list[tuple[str, re.Pattern[str], str]] = []
    for method, path, _ in operations(document):
        name = f"{method} {path}"
        endpoints[name] = {}
        pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path))
        patterns.append((method, re.compile(pattern), name))
    patterns.sort(key=lambda known: "{" in known[2])
    for method, path, status, tests in requests:
        for known_method, pattern_, name in patterns:
            if method == known_method and pattern_.fullmatch(path):
                endpoints[name].setdefault(str(status), set()).update(tests)
                break
    return endpoints
