"""How the OpenAPI document of an app in Python is had: a script imports the app and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.checks.evidence import Evidence
from agents.checks.scratch import Scratch


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonApi:
    """An app whose document `python PROBE TARGET` writes to TARGET, in the tree and under `environment`.

    `document` is where the document is published, `tool` the package that makes it.
    """

    document: str
    probe: Path
    environment: Mapping[str, str]
    tool: str

    async def write(self, scratch: Scratch, check: str, target: Path, /) -> tuple[Evidence, str]:
        argv: list[str | Path] = [await scratch.python(), self.probe, target]
        return await scratch.tool(check, argv, env=self.environment, tool=self.tool, reads=[self.probe])
