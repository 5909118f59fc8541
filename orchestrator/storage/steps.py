"""What the steps of a run did: the truth that a node of the graph consults before it does anything.

A row is an attempt. It is written when the attempt begins, gets its receipt before anything is published, and its
outcome when it is over. A node that LangGraph runs once more (after a crash, in a retried or a forked run) finds its
outcome here and does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from orchestrator.records.outcome import StepOutcome
from orchestrator.storage.database import Database
from orchestrator.storage.writer import Row, SqlStatement
from schemas.base import JSON, Document

if TYPE_CHECKING:
    import asyncpg

AttemptStatus = Literal["begun", "published", "skipped", "failed", "waiting", "rejected", "returned"]

_BEGIN = SqlStatement(
    "INSERT INTO baton.steps (run_id, step, attempt, status, input_hash) VALUES ($1, $2, $3, 'begun', $4)"
    " ON CONFLICT (run_id, step, attempt) DO NOTHING",
    rank=2,
)
_RECEIPT = SqlStatement("UPDATE baton.steps SET receipt = $4 WHERE run_id = $1 AND step = $2 AND attempt = $3", rank=3)
_FINISH = SqlStatement(
    "UPDATE baton.steps SET status = $4, outcome = $5, finished_at = now(),"
    " published_at = CASE WHEN $4 = ANY('{published,returned}'::text[]) THEN now() END"
    " WHERE run_id = $1 AND step = $2 AND attempt = $3",
    rank=4,
)
_HANDOFF = SqlStatement(
    "INSERT INTO baton.handoffs (run_id, step, attempt, contract, path, sha256) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT DO NOTHING",
    rank=4,
)
_COLUMNS = "step, attempt, status, input_hash, receipt, outcome, started_at, finished_at"


class StepAttempt(Document):
    """One attempt at a step. `receipt` and `outcome` are null before they are known; times are UTC."""

    step: str
    attempt: int
    status: AttemptStatus
    input_hash: str
    receipt: JSON = None
    outcome: StepOutcome | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


def begin(run_id: str, attempt: StepAttempt) -> Row:
    """Return the row that says that an attempt begins."""
    return (_BEGIN, (run_id, attempt.step, attempt.attempt, attempt.input_hash))


def receipt(run_id: str, attempt: StepAttempt, what: JSON) -> Row:
    """Return the row that says what an attempt is about to publish."""
    return (_RECEIPT, (run_id, attempt.step, attempt.attempt, json.dumps(what)))


def finish(run_id: str, attempt: StepAttempt, outcome: StepOutcome) -> Row:
    """Return the row that says how an attempt ended."""
    return (_FINISH, (run_id, attempt.step, attempt.attempt, outcome.status, outcome.model_dump_json()))


def handoff(run_id: str, attempt: StepAttempt, contract: str, path: str, sha256: str) -> Row:
    """Return the row that remembers a version of a handoff."""
    return (_HANDOFF, (run_id, attempt.step, attempt.attempt, contract, path, bytes.fromhex(sha256)))


class Steps:
    """The attempts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attempts(self, run_id: str, *, superseded: bool = False) -> list[StepAttempt]:
        """Return a run's attempts, the superseded ones only if asked for, each step's in order."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM baton.steps WHERE run_id = $1 AND (NOT superseded OR $2) ORDER BY step, attempt",  # noqa: S608 - a constant
            run_id,
            superseded,
        )
        return [_attempt(row) for row in rows]

    async def supersede(self, run_id: str, steps: Iterable[str]) -> None:
        """Have `steps` done again. What they published stays known as Baton's."""
        await self._database.execute(
            "UPDATE baton.steps SET superseded = true WHERE run_id = $1 AND step = ANY($2)", run_id, list(steps)
        )

    async def last_attempts(self, run_id: str) -> dict[str, int]:
        """Return the number of each step's last attempt, superseded or not."""
        rows = await self._database.fetch(
            "SELECT step, max(attempt) AS last FROM baton.steps WHERE run_id = $1 GROUP BY step", run_id
        )
        return {row["step"]: row["last"] for row in rows}

    async def copy(self, source: str, run_id: str, steps: Sequence[str]) -> None:
        """Give the run `run_id` what another one was about to publish in `steps`, as if it were about to itself."""
        async with self._database.transaction() as connection:
            # While it is copied, the other run is not removed, and neither are its contents.
            await connection.execute("SELECT FROM baton.runs WHERE id = $1 FOR KEY SHARE", source)
            await connection.execute(
                "INSERT INTO baton.steps (run_id, step, attempt, status, input_hash, receipt)"
                " SELECT $2, step, 1, 'begun', input_hash, receipt FROM baton.steps"
                " WHERE run_id = $1 AND step = ANY($3) AND NOT superseded AND status = 'published'"
                " ON CONFLICT DO NOTHING",
                source,
                run_id,
                list(steps),
            )
            await connection.execute(
                "INSERT INTO baton.content_of_runs (run_id, sha256)"
                " SELECT $2, sha256 FROM baton.content_of_runs WHERE run_id = $1 ON CONFLICT DO NOTHING",
                source,
                run_id,
            )

    async def workspace_receipts(self, workspace: str) -> list[JSON]:
        """Return every receipt of the runs in a workspace, the oldest first."""
        rows = await self._database.fetch(
            "SELECT receipt FROM baton.steps JOIN baton.runs ON runs.id = run_id"
            " WHERE workspace = $1 AND receipt IS NOT NULL ORDER BY runs.started_at, steps.started_at",
            workspace,
        )
        return [json.loads(row["receipt"]) for row in rows]


def _attempt(row: asyncpg.Record) -> StepAttempt:
    outcome = None if row["outcome"] is None else StepOutcome.model_validate_json(row["outcome"])
    stored = None if row["receipt"] is None else json.loads(row["receipt"])
    return StepAttempt(**{**dict(row), "receipt": stored, "outcome": outcome})
