"""Check of the API that is handed on: it is the one that the app serves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from agents.checks.openapi.check import running_document
from agents.checks.openapi.document import operations
from agents.checks.outcomes import faulty
from agents.checks.scratch import Scratch
from agents.contracts import Api, Outcome, Work
from schemas.base import JSON
from schemas.handoffs import PythonBackendAgentOutput


class DriftCheck:
    """The API the app serves, the one it published, and the one handed on to others are the same."""

    name = "drift"
    after: tuple[str, ...] = ()

    def __init__(self, api: Api) -> None:
        """Ask for the document as `api` says."""
        self._api = api

    async def run(self, scratch: Scratch, work: Work, /) -> Outcome:
        found = await running_document(self._api, scratch, self.name)
        if isinstance(found, Outcome):
            return found
        evidence, running = found
        published = json.loads(scratch.left(scratch.tree / self._api.document) or "null")
        handed_on = cast("PythonBackendAgentOutput", work.handoffs["backend"]).api_contract
        problems = self._differences(json.loads(running), published, [f"{e.method} {e.path}" for e in handed_on])
        if problems:
            return faulty(evidence, problems)
        return Outcome(passed=True, summary=f"no drift in {len(handed_on)} endpoints", evidence=(evidence,))

    def _differences(self, running: JSON, published: JSON, handed_on: Sequence[str]) -> list[str]:
        problems = []
        if running != published:
            problems.append(f"{self._api.document} is not the document of the running app; publish it again")
        served = {f"{method} {path}" for method, path, _ in operations(cast("Mapping[str, JSON]", running))}
        problems += [f"{name}: served, but not in the backend's handoff" for name in sorted(served - {*handed_on})]
        problems += [f"{name}: in the backend's handoff, but not served" for name in sorted({*handed_on} - served)]
        return problems
