"""All that Baton remembers, in one hand: each table's own module, the group commit, and the owner's lock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.storage.blobs import Content
from orchestrator.storage.database import Database
from orchestrator.storage.lease import Lost, Owner
from orchestrator.storage.questions import Questions
from orchestrator.storage.runs import Runs, not_owned
from orchestrator.storage.steps import Steps
from orchestrator.storage.writer import Writer


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What an engine remembers and who it is."""

    database: Database
    writer: Writer
    owner: Owner
    runs: Runs
    steps: Steps
    questions: Questions
    content: Content


@asynccontextmanager
async def open_ledger(database: Database, on_regained: Lost) -> AsyncIterator[Ledger]:
    """Yield the ledger of an engine; `on_regained` as in `Owner`."""
    async with Owner(database, on_regained) as owner:
        writer = Writer(database, fence=lambda connection, runs: not_owned(connection, owner.id, runs))
        try:
            yield Ledger(
                database=database,
                writer=writer,
                owner=owner,
                runs=Runs(database),
                steps=Steps(database),
                questions=Questions(database),
                content=Content(database),
            )
        finally:
            await writer.close()
