"""Give up a run that nobody works on: nothing of it goes on, nothing of it is undone.

Not here: asking whoever works on a run to give it up (`orchestrator.runtime.engine`).
"""

from __future__ import annotations

from pathlib import Path

from agents.checks.orphans import end_orphans
from orchestrator.steps import question_files
from orchestrator.storage.repositories import Ledger


async def cancel_run(ledger: Ledger, run_id: str) -> None:
    """Give up a run: its tools end if it was killed, and its questions are no longer shown.

    Raises:
        RunUnknown: There is no such run.
        RunBusy: Somebody works on it.
        RunRefused: It is over.
        ScratchError: One of its tools could not be ended.
    """
    before = await ledger.runs.get(run_id)
    await ledger.runs.cancel(run_id)
    question_files.hide(Path(before.workspace), run_id)
    if before.status == "running":
        await end_orphans(run_id)
