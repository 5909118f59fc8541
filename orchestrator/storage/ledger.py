"""What Baton remembers of runs: the runs themselves, questions and their answers, receipts of what was published.

The run's row is written before anything else happens, so a run that crashes at once is still known. Whoever works on a
run holds its lease, a PostgreSQL advisory lock that dies with the connection: no lease means that nobody works on it.

Not here: events (`orchestrator.storage.event_log`), LangGraph's state (`orchestrator.storage.checkpoint`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.events import RunStatus
from schemas.base import JSON, Document
from schemas.errors import InputError

if TYPE_CHECKING:
    import asyncpg

    from orchestrator.storage.database import Pool

_LEASE = "hashtextextended('baton run ' || $1, 0)"


class RunUnknown(InputError):
    """There is no such run."""

    code = "run_unknown"


class RunBusy(InputError):
    """Another process works on the run."""

    code = "run_busy"


class AnswerRefused(InputError):
    """The question does not exist or is already answered."""

    code = "answer_refused"


class RunRecord(Document):
    """A run as it is remembered. `result` is the JSON of a `RunResult` once the run is over."""

    id: str
    workspace: str
    title: str
    status: RunStatus
    agents: tuple[str, ...]
    pipeline_fingerprint: str
    plan_fingerprint: str | None
    started_at: datetime
    finished_at: datetime | None
    result: JSON


class Question(Document):
    """A question to a person. `answer` is null until it is answered."""

    id: str
    run_id: str
    node: str
    text: str
    answer: str | None = None


class Ledger:
    """The remembered runs of one database."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    # ---- runs

    async def add_run(
        self, *, run_id: str, workspace: str, title: str, agents: Sequence[str], fingerprint: str
    ) -> RunRecord:
        """Remember a new run, as running."""
        row = await self.pool.fetchrow(
            "INSERT INTO baton.runs (id, workspace, title, status, agents, pipeline_fingerprint)"
            " VALUES ($1, $2, $3, 'running', $4, $5) RETURNING *",
            run_id,
            workspace,
            _text(title),
            list(agents),
            fingerprint,
        )
        return _run(row)

    async def run(self, run_id: str) -> RunRecord:
        """Return a run.

        Raises:
            RunUnknown: There is none of that id.
        """
        row = await self.pool.fetchrow("SELECT * FROM baton.runs WHERE id = $1", run_id)
        if row is None:
            raise RunUnknown(f"there is no run `{run_id}`. `baton runs` lists the runs that are known.")
        return _run(row)

    async def runs(self, *, workspace: str | None = None, limit: int = 50) -> list[RunRecord]:
        """Return the newest runs first, of one workspace if given."""
        rows = await self.pool.fetch(
            "SELECT * FROM baton.runs WHERE $1::text IS NULL OR workspace = $1 ORDER BY started_at DESC LIMIT $2",
            workspace,
            limit,
        )
        return [_run(row) for row in rows]

    async def set_plan(self, run_id: str, title: str, fingerprint: str) -> None:
        """Remember what was planned, once the PRD is understood."""
        await self.pool.execute(
            "UPDATE baton.runs SET title = $2, plan_fingerprint = $3 WHERE id = $1", run_id, _text(title), fingerprint
        )

    async def set_status(self, run_id: str, status: RunStatus, result: JSON = None) -> None:
        """Remember where a run stands; with a status that ends it, also when and with what result."""
        await self.pool.execute(
            "UPDATE baton.runs SET status = $2, result = $3,"
            " finished_at = CASE WHEN $2 IN ('running', 'waiting') THEN NULL ELSE now() END WHERE id = $1",
            run_id,
            status,
            None if result is None else json.dumps(result),
        )

    # ---- leases

    @asynccontextmanager
    async def lease(self, run_id: str) -> AsyncIterator[None]:
        """Be the only one to work on a run.

        Raises:
            RunBusy: Somebody else does.
        """
        async with self.pool.acquire() as connection:
            if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LEASE})", run_id):
                raise RunBusy(f"run `{run_id}` is being worked on by another process. Wait for it, or stop it first.")
            try:
                yield
            finally:
                if not connection.is_closed():
                    await asyncio.shield(connection.fetchval(f"SELECT pg_advisory_unlock({_LEASE})", run_id))

    async def is_live(self, run_id: str) -> bool:
        """Return whether somebody holds the run's lease."""
        return bool(
            await self.pool.fetchval(
                f"SELECT EXISTS (SELECT FROM pg_locks, (SELECT {_LEASE} AS key) AS lease"  # noqa: S608 - constant
                " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND classid::bigint = (key >> 32) & 4294967295 AND objid::bigint = key & 4294967295)",
                run_id,
            )
        )

    # ---- questions

    async def ask(self, question: Question) -> Question:
        """Remember a question; one that was already asked stays as it is, answer included."""
        await self.pool.execute(
            "INSERT INTO baton.questions (id, run_id, node, text) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            question.id,
            question.run_id,
            question.node,
            _text(question.text),
        )
        (stored,) = [each for each in await self.questions(question.run_id) if each.id == question.id]
        return stored

    async def questions(self, run_id: str) -> list[Question]:
        """Return a run's questions in the order they were asked."""
        rows = await self.pool.fetch(
            "SELECT id, run_id, node, text, answer FROM baton.questions WHERE run_id = $1 ORDER BY asked_at, id", run_id
        )
        return [
            Question(**{**dict(row), "answer": None if row["answer"] is None else json.loads(row["answer"])["answer"]})
            for row in rows
        ]

    async def answer(self, run_id: str, question_id: str, value: str) -> None:
        """Answer a question, once: of two answers at the same time, one is refused.

        Raises:
            AnswerRefused: There is no such question in the run, or it has its answer.
        """
        row = await self.pool.fetchrow(
            "UPDATE baton.questions SET answer = $3, answered_at = now()"
            " WHERE id = $2 AND run_id = $1 AND answer IS NULL RETURNING id",
            run_id,
            question_id,
            json.dumps({"answer": value}),
        )
        if row is not None:
            return
        questions = await self.questions(run_id)
        if question_id in {question.id for question in questions}:
            raise AnswerRefused(f"question `{question_id}` already has its answer. `baton resume {run_id}` goes on.")
        waiting = ", ".join(f"`{question.id}`" for question in questions if question.answer is None) or "none"
        raise AnswerRefused(f"run `{run_id}` has no question `{question_id}`; open questions: {waiting}.")

    # ---- receipts

    async def save_receipt(self, run_id: str, agent: str, receipt: JSON) -> None:
        """Remember what an agent is about to publish."""
        await self.pool.execute(
            "INSERT INTO baton.receipts (run_id, agent, receipt) VALUES ($1, $2, $3)"
            " ON CONFLICT (run_id, agent) DO UPDATE SET receipt = excluded.receipt, published_at = NULL",
            run_id,
            agent,
            json.dumps(receipt),
        )

    async def mark_published(self, run_id: str, agent: str) -> None:
        """Remember that what the receipt says is in the workspace."""
        await self.pool.execute(
            "UPDATE baton.receipts SET published_at = now() WHERE run_id = $1 AND agent = $2", run_id, agent
        )

    async def receipts(self, run_id: str, *, published: bool = False) -> dict[str, JSON]:
        """Return a run's receipts by agent; with `published`, only those of what is in the workspace."""
        rows = await self.pool.fetch(
            "SELECT agent, receipt FROM baton.receipts WHERE run_id = $1 AND (published_at IS NOT NULL OR NOT $2)",
            run_id,
            published,
        )
        return {row["agent"]: json.loads(row["receipt"]) for row in rows}

    async def workspace_receipts(self, workspace: str) -> list[JSON]:
        """Return every receipt of the runs in a workspace, oldest run first."""
        rows = await self.pool.fetch(
            "SELECT receipt FROM baton.receipts JOIN baton.runs ON runs.id = run_id"
            " WHERE workspace = $1 ORDER BY started_at",
            workspace,
        )
        return [json.loads(row["receipt"]) for row in rows]


def _text(value: str) -> str:
    """Return `value` without NUL, which PostgreSQL's text cannot hold, and without lone surrogates."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _run(row: asyncpg.Record | None) -> RunRecord:
    assert row is not None  # noqa: S101 - RETURNING and the caller's check promise it
    return RunRecord(**{**dict(row), "result": None if row["result"] is None else json.loads(row["result"])})
