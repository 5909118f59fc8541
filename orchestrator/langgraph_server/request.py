"""A Phase-14 request as a PRD."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from handoff.codec import render
from handoff.store import as_data
from orchestrator.phase14.phase import FieldsMissing, read_request
from orchestrator.phase14.specialists import require_available
from schemas.contract import contract_of


def prd_of(request: object) -> str:
    """Return the PRD that a document of `@python-specialist.input` asks for.

    Raises:
        RequestInvalid: It is not of its contract, with every problem.
        SpecialistMissing: The backend is not Python.
        FieldsMissing: Models without fields; nothing is guessed.
    """
    with tempfile.TemporaryDirectory(prefix="baton-request-") as folder:
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(request), encoding="utf-8")
        asked = read_request(path)
    require_available(asked.language)
    if asked.missing:
        raise FieldsMissing(asked.question)
    return render(contract_of("feature-prd"), as_data(asked.prd))
