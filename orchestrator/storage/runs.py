"""The runs that Baton knows, where each stands, and who works on it.

A run's row is written before anything else happens, so a run that crashes at once is still known. Where it may go from
where it stands:

    running → waiting | stopped | completed | completed with gaps | failed | cancelled
    waiting | stopped → running | cancelled
    failed | completed | completed with gaps | cancelled → running          (`baton retry`)

`running` without a live owner is a run that was killed; it can be resumed as one that was stopped.

Not here: what its steps did (`orchestrator.storage.steps`), its events (`orchestrator.storage.event_log`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from orchestrator.records.events import RunStatus
from orchestrator.storage.database import Database
from orchestrator.storage.lease import IS_DEAD, OWNER_IS_DEAD
from orchestrator.storage.writer import Row, SqlStatement
from schemas.base import JSON, Document
from schemas.errors import InputError

if TYPE_CHECKING:
    import asyncpg

    from orchestrator.storage.database import Connection

OPEN: tuple[RunStatus, ...] = ("running", "waiting", "stopped")
ENDED: tuple[RunStatus, ...] = ("failed", "cancelled", "completed", "completed with gaps")
Wanted = Literal["cancel", "stop"]
KILLED = "killed"  # what becomes of `running` when nobody works on the run any more
LATEST = "latest"
_NAMED = 3  # runs that an error names
_COMPARED = 500  # newest runs that a name is compared with

_ADD = SqlStatement(
    "INSERT INTO baton.runs (id, workspace, title, status, agents, policy, prd, owner, forked_from, started_at,"
    " workflow, shape)"
    " VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
    rank=0,
)
_PLAN = SqlStatement("UPDATE baton.runs SET title = $2, fingerprint = $3, prd = $4 WHERE id = $1", rank=5)
_POLICY = SqlStatement("UPDATE baton.runs SET policy = $2 WHERE id = $1", rank=5)
_LEAVE = SqlStatement(
    "UPDATE baton.runs SET status = $2, result = $3, owner = NULL, wanted = NULL,"
    " finished_at = CASE WHEN $2 = ANY('{running,waiting,stopped}'::text[]) THEN NULL ELSE now() END WHERE id = $1",
    rank=6,
)
_COLUMNS = (
    "id, workspace, title, status, agents, workflow, owner, wanted, generation, resumes, forked_from, started_at,"
    " finished_at"
)

# The cases are in order: a lock is tried only of a run that is at work, or was.
_IDLE = f"""
    SELECT id FROM baton.runs WHERE starts_with(workspace, $1) AND CASE status
        WHEN 'stopped' THEN true
        WHEN 'running' THEN owner IS NULL OR ({OWNER_IS_DEAD})
        WHEN 'waiting' THEN NOT EXISTS (
            SELECT FROM baton.questions WHERE run_id = runs.id AND answered_by IS NULL
                AND (deadline IS NULL OR deadline > now()))
        ELSE false END
    ORDER BY started_at
"""  # noqa: S608 - constants


class RunUnknown(InputError):
    """There is no such run."""

    code = "run_unknown"


class RunBusy(InputError):
    """Somebody works on the run."""

    code = "run_busy"


class RunRefused(InputError):
    """The run may not be started, resumed or changed as things are."""

    code = "run_refused"


class RunRecord(Document):
    """A run as it is listed.

    `agents` are the steps of its `workflow`, each called as its agent unless the workflow says otherwise. `owner` is
    the engine that works on it, or did when it was killed; `wanted` what its owner was asked to do; `generation` counts
    its LangGraph threads, `resumes` how often it was taken up again.
    """

    id: str
    workspace: str
    title: str
    status: RunStatus
    agents: tuple[str, ...]
    workflow: str
    owner: str | None = None
    wanted: Wanted | None = None
    generation: int = 0
    resumes: int = 0
    forked_from: str | None = None
    started_at: datetime
    finished_at: datetime | None = None


class RunDetails(RunRecord):
    """All that is remembered of a run.

    `shape` is the JSON of the `Workflow` that it was started with; `prd` is the SHA-256 of the PRD it works from;
    `result` the JSON of a `RunResult` once it is over or pauses.
    """

    shape: JSON
    policy: JSON
    fingerprint: JSON
    prd: str
    result: JSON


def add(record: RunRecord, *, shape: JSON, policy: JSON, prd: str) -> Row:
    """Return the row of a new run, as running."""
    return (
        _ADD,
        (
            record.id,
            record.workspace,
            storable(record.title),
            list(record.agents),
            json.dumps(policy),
            bytes.fromhex(prd),
            record.owner,
            record.forked_from,
            record.started_at,
            record.workflow,
            json.dumps(shape),
        ),
    )


def planned(run_id: str, title: str, fingerprint: JSON, prd: str) -> Row:
    """Return the row that says what was planned, once the PRD is understood."""
    return (_PLAN, (run_id, storable(title), json.dumps(fingerprint), bytes.fromhex(prd)))


def revised(run_id: str, policy: JSON) -> Row:
    """Return the row that says what a person changed of a run's policy."""
    return (_POLICY, (run_id, json.dumps(policy)))


def leave(run_id: str, status: RunStatus, result: JSON) -> Row:
    """Return the row that says where a run stands, with which result, when its owner lets go of it."""
    return (_LEAVE, (run_id, status, None if result is None else json.dumps(result)))


def thread(run_id: str, generation: int) -> str:
    """Return the LangGraph thread of a run's `generation`."""
    return f"{run_id}.{generation}"


class Runs:
    """The runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: str) -> RunDetails:
        """Return a run.

        Raises:
            RunUnknown: There is none of that id.
        """
        row = await self._database.fetchrow("SELECT * FROM baton.runs WHERE id = $1", run_id)
        if row is None:
            raise _unknown(run_id)
        return _details(row)

    async def list(
        self, *, workspace: str | None = None, status: RunStatus | None = None, limit: int = 50
    ) -> list[RunRecord]:
        """Return the newest runs first, of one workspace and of one status if given."""
        where = "WHERE $1::text IS NULL" if workspace is None else "WHERE workspace = $1"
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM baton.runs {where} AND ($2::text IS NULL OR status = $2)"  # noqa: S608 - constants
            " ORDER BY started_at DESC LIMIT $3",
            workspace,
            status,
            limit,
        )
        return [RunRecord(**dict(row)) for row in rows]

    async def find(self, name: str) -> str:
        """Return the id of the run that `name` means: an id, the beginning of exactly one, or `latest`.

        Raises:
            RunUnknown: It means none, or more than one.
        """
        wanted = storable(name)
        if wanted == LATEST:
            found = [each.id for each in await self.list(limit=1)]
        elif await self._database.fetchval("SELECT EXISTS (SELECT FROM baton.runs WHERE id = $1)", wanted):
            found = [wanted]
        else:
            rows = await self._database.fetch(
                "SELECT id FROM baton.runs WHERE starts_with(id, $1) ORDER BY id DESC LIMIT $2", wanted, _NAMED + 1
            )
            found = [row["id"] for row in rows]
        if len(found) == 1:
            return found[0]
        if not found:
            raise await self._none(wanted)
        listed = ", ".join(f"`{each}`" for each in found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
        raise RunUnknown(f"`{wanted}` is the beginning of more than one run: {listed}. Give more of the one you mean.")

    async def _none(self, name: str) -> RunUnknown:
        """Return the error that says that no run is called so, and which are nearly."""
        known = [each.id for each in await self.list(limit=_COMPARED)]
        if not known:
            return RunUnknown(f"there is no run `{name}`: there are none yet. `baton run PRD` makes one.")
        near = get_close_matches(name, known, _NAMED) or [each for each in known if name and name in each][:_NAMED]
        hint = f"; did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "."
        return RunUnknown(f"there is no run `{name}`{hint} `baton runs` lists the runs that are known.")

    async def unfinished(self, workspace: str) -> Sequence[RunRecord]:
        """Return the runs of a workspace that are not over."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM baton.runs WHERE workspace = $1"  # noqa: S608 - constants
            " AND status = ANY('{running,waiting,stopped}') ORDER BY started_at",
            workspace,
        )
        return [RunRecord(**dict(row)) for row in rows]

    async def idle(self, workspaces: str) -> Sequence[str]:
        """Return the ids of the runs that could go on and nobody works on, the oldest first.

        Their process died, or stopped them, or they have their answers: from a person, or because a deadline is over.

        Args:
            workspaces: How the paths of their workspaces begin.
        """
        rows = await self._database.fetch(_IDLE, workspaces)
        return [row["id"] for row in rows]

    async def claim(self, run_id: str, owner: str, *, from_: Sequence[RunStatus]) -> RunDetails:
        """Take a run, as running; return it as it was before.

        Raises:
            RunUnknown: There is no such run.
            RunBusy: Somebody works on it.
            RunRefused: It stands where it may not be taken from.
        """
        async with self._database.transaction() as connection:
            before = await _idle(connection, run_id)
            _refuse_unless(before, from_)
            await connection.execute(
                "UPDATE baton.runs SET owner = $2, wanted = NULL, status = 'running', resumes = resumes + 1,"
                " result = NULL, finished_at = NULL WHERE id = $1",
                run_id,
                owner,
            )
        return before

    async def release(self, before: RunDetails) -> None:
        """Put a run that was claimed, and then could not be worked on, back to where it was."""
        await self._database.execute(
            "UPDATE baton.runs SET owner = NULL, status = $2, result = $3, finished_at = $4, resumes = $5"
            " WHERE id = $1",
            before.id,
            before.status,
            None if before.result is None else json.dumps(before.result),
            before.finished_at,
            before.resumes,
        )

    async def next_generation(self, run_id: str) -> int:
        """Give a run a new LangGraph thread; return its number."""
        return int(
            await self._database.fetchval(
                "UPDATE baton.runs SET generation = generation + 1 WHERE id = $1 RETURNING generation", run_id
            )
        )

    async def request_stop(self, run_id: str, what: Wanted) -> bool:
        """Ask a run's owner to do something; False if nobody works on it.

        Raises:
            RunUnknown: There is no such run.
            RunRefused: It is over.
        """
        async with self._database.transaction() as connection:
            try:
                _refuse_unless(await _idle(connection, run_id), OPEN)
            except RunBusy:
                await connection.execute("UPDATE baton.runs SET wanted = $2 WHERE id = $1", run_id, what)
                return True
        return False

    async def wanted(self, owner: str) -> dict[str, Wanted]:
        """Return what others want an owner to do, by run."""
        rows = await self._database.fetch(
            "SELECT id, wanted FROM baton.runs WHERE owner = $1 AND wanted IS NOT NULL", owner
        )
        return {row["id"]: row["wanted"] for row in rows}

    async def cancel(self, run_id: str) -> None:
        """Give up a run that nobody works on. Nothing of it is undone.

        Raises:
            RunUnknown: There is no such run.
            RunBusy: Somebody works on it.
            RunRefused: It is over.
        """
        async with self._database.transaction() as connection:
            _refuse_unless(await _idle(connection, run_id), OPEN)
            await connection.execute(
                "UPDATE baton.runs SET status = 'cancelled', owner = NULL, wanted = NULL, finished_at = now(),"
                " result = jsonb_set(result::jsonb, '{status}', '\"cancelled\"')::json WHERE id = $1",
                run_id,
            )

    async def is_live(self, run_id: str) -> bool:
        """Return whether somebody works on the run."""
        owner = await self._database.fetchval("SELECT owner FROM baton.runs WHERE id = $1", run_id)
        return owner is not None and not await self._database.fetchval(IS_DEAD, owner)

    async def lost(self, owner: str, run_ids: Sequence[str]) -> set[str]:
        """Return which of an owner's runs are somebody else's now."""
        return await not_owned(self._database, owner, run_ids)


async def not_owned(connection: Database | Connection, owner: str, run_ids: Sequence[str]) -> set[str]:
    """Return the runs among `run_ids` that another engine has taken over. Until the transaction ends, none can be."""
    rows = await connection.fetch(
        "SELECT id, owner FROM baton.runs WHERE id = ANY($1) ORDER BY id FOR SHARE", list(run_ids)
    )
    return {row["id"] for row in rows if row["owner"] != owner}


async def _idle(connection: Connection, run_id: str) -> RunDetails:
    """Return a run, its row locked, if nobody works on it."""
    row = await connection.fetchrow("SELECT * FROM baton.runs WHERE id = $1 FOR UPDATE", run_id)
    if row is None:
        raise _unknown(run_id)
    if row["owner"] is not None and not await connection.fetchval(IS_DEAD, row["owner"]):
        raise RunBusy(f"run `{run_id}` is being worked on. Wait for it, or stop it with `baton stop {run_id}`.")
    return _details(row)


def _refuse_unless(run: RunRecord, allowed: Sequence[RunStatus]) -> None:
    if run.status not in allowed:
        over = run.status not in OPEN
        raise RunRefused(
            f"run `{run.id}` {'has ended' if over else 'is not over'} ({run.status})."
            + (f" Do it again with `baton retry {run.id}`." if over else f" Go on with `baton resume {run.id}`.")
        )


def _unknown(run_id: str) -> RunUnknown:
    return RunUnknown(f"there is no run `{run_id}`. `baton runs` lists the runs that are known.")


def storable(value: str) -> str:
    """Return `value` without NUL, which PostgreSQL's text cannot hold, and without lone surrogates."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _details(row: asyncpg.Record) -> RunDetails:
    fields = dict(row)
    for name in ("shape", "policy", "fingerprint", "result"):
        fields[name] = None if fields[name] is None else json.loads(fields[name])
    return RunDetails(**{**fields, "prd": "" if fields["prd"] is None else fields["prd"].hex()})
