"""What a run has published, from what is remembered: the files a workspace should hold, wherever that workspace is.

Not here: publishing (`orchestrator.steps.publish`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from handoff.store import HandoffStore
from orchestrator.records.receipt import Receipt
from orchestrator.storage.repositories import Ledger

_HANDOFFS = HandoffStore(Path())  # only for their names


async def published(ledger: Ledger, run_id: str) -> Mapping[str, bytes]:
    """Return the contents of what the steps of a run that are done have published, handoffs included, by path.

    Raises:
        ContentLost: Something is no longer there.
    """
    hashes: dict[str, str] = {}
    for attempt in await ledger.steps.attempts(run_id):
        if attempt.status == "published" and attempt.receipt is not None:
            receipt = Receipt.model_validate(attempt.receipt)
            hashes |= receipt.files
            if receipt.handoff is not None and receipt.handoff_sha256 is not None:
                hashes[_HANDOFFS.name(receipt.handoff)] = receipt.handoff_sha256
    found = await ledger.content.get(hashes.values())
    return {path: found[sha256] for path, sha256 in hashes.items()}
