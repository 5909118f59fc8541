"""What the frame of the app runs on, and what its checks and tests need: the packages that the locks pin."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skills.core.contribution import Dependency

RUNTIME = tuple(
    Dependency(ecosystem="python", name=name, version=version, group="runtime")
    for name, version in (
        ("alembic", ">=1.16"),
        ("fastapi", ">=0.120"),
        ("httptools", ">=0.7"),
        ("prometheus-client", ">=0.23"),
        ("pydantic[email]", ">=2.12"),
        ("pydantic-settings", ">=2.11"),
        ("structlog", ">=25.4"),
        ("uvicorn", ">=0.38"),
        ("uvloop", ">=0.22; sys_platform != 'win32'"),
    )
)
_DEVELOPMENT = "# development\n"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)(.*)")


def development(locks: str) -> tuple[Dependency, ...]:
    """Return what `locks.in` lists below `# development`: all that any agent's checks and tests may need."""
    lines = locks.partition(_DEVELOPMENT)[2].splitlines()
    found = (_REQUIREMENT.fullmatch(line) for line in lines)
    return tuple(
        Dependency(ecosystem="python", name=requirement[1], version=requirement[2], group="dev")
        for requirement in found
        if requirement
    )


def requirements(dependencies: Iterable[Dependency], group: str) -> list[str]:
    """Return a group's Python dependencies as `pyproject.toml` lists them."""
    python = (item for item in dependencies if item.ecosystem == "python" and item.group == group)
    return sorted(f"{item.name}{item.version}" for item in python)
