"""What a handoff written outside says about packages, as skills say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from skills.core.contribution import Dependency

_REQUIREMENT = re.compile(
    r"(?P<name>@?[\w.-]+(?:/[\w.-]+)?(?:\[[\w,. -]*\])?)\s*@?(?P<version>[^()]*?)\s*(?:\((?P<group>runtime|dev)\))?"
)


def package_claims(ecosystem: Literal["python", "npm"], lines: Iterable[str]) -> tuple[Dependency, ...]:
    """Return the packages that lines such as `fastapi>=0.120` or `vite@^7.0.0 (dev)` name; others are passed over."""
    found = (_REQUIREMENT.fullmatch(line.strip()) for line in lines)
    return tuple(
        Dependency(
            ecosystem=ecosystem,
            name=each["name"],
            version=each["version"],
            group="dev" if each["group"] == "dev" else "runtime",
        )
        for each in found
        if each is not None
    )
