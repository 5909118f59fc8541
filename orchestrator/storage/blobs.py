"""Contents by their SHA-256: PRDs, published files and handoffs, kept once however many runs have them.

With them in the database a run can go on where its folder is gone, or on another machine, and can be forked.

Content that no run refers to may be removed at any moment (`orchestrator.storage.retention`), also content that this
process knows to be stored. A run's reference to it then finds nothing: it is stored again, this time held until the
reference stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import asyncpg
import zstandard

from orchestrator.storage.database import Database
from orchestrator.storage.writer import Row, SqlStatement
from schemas.errors import RunError

_KEPT = 100_000  # hashes that a process remembers as stored
_LEVEL = 3

_PUT = SqlStatement(
    "INSERT INTO baton.content (sha256, size, data) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING", rank=1
)
# Nothing is updated, but the row is locked until the transaction ends: nobody can remove it meanwhile.
_PUT_AND_HOLD = SqlStatement(
    "INSERT INTO baton.content (sha256, size, data) VALUES ($1, $2, $3)"
    " ON CONFLICT (sha256) DO UPDATE SET size = excluded.size WHERE false",
    rank=1,
)
_REFER = SqlStatement(
    "INSERT INTO baton.content_of_runs (run_id, sha256) VALUES ($1, $2) ON CONFLICT DO NOTHING", rank=2
)
_REFERS_TO_NOTHING = "content_of_runs_sha256_fkey"

Write = Callable[[Sequence[Row]], Awaitable[None]]


class ContentLost(RunError):
    """Content that a run refers to is not in the database, or is not what its hash says."""

    code = "content_lost"


class Content:
    """The contents of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored: set[str] = set()

    async def keep(self, run_id: str, contents: Iterable[bytes], write: Write) -> None:
        """Have `contents` kept for a run.

        Args:
            run_id: The run.
            contents: What to keep.
            write: Writes the rows that it is given, in one transaction with what else belongs to them. It is called a
                second time if what was stored already is removed at this very moment. Its errors are raised.
        """
        by_hash = {hashlib.sha256(content).hexdigest(): content for content in contents}
        references: list[Row] = [(_REFER, (run_id, bytes.fromhex(sha256))) for sha256 in by_hash]
        try:
            await write([*_puts(_PUT, by_hash, by_hash.keys() - self._stored), *references])
        except asyncpg.ForeignKeyViolationError as error:
            if error.constraint_name != _REFERS_TO_NOTHING:
                raise
            await write([*_puts(_PUT_AND_HOLD, by_hash, by_hash), *references])
        if len(self._stored) > _KEPT:
            self._stored.clear()
        self._stored.update(by_hash)

    async def get(self, hashes: Iterable[str]) -> Mapping[str, bytes]:
        """Return contents by SHA-256.

        Raises:
            ContentLost: One is not there, or is damaged.
        """
        wanted = {bytes.fromhex(each) for each in hashes}
        rows = await self._database.fetch("SELECT sha256, data FROM baton.content WHERE sha256 = ANY($1)", list(wanted))
        found = {row["sha256"].hex(): zstandard.decompress(row["data"]) for row in rows}
        damaged = [each for each, content in found.items() if hashlib.sha256(content).hexdigest() != each]
        missing = [each.hex() for each in wanted if each.hex() not in found]
        if damaged or missing:
            raise ContentLost(
                f"{len(damaged) + len(missing)} file(s) of the run are not in Baton's database any more, the first"
                f" with SHA-256 {(damaged + missing)[0]}. Start the run anew with `baton run`."
            )
        return found


def _puts(put: SqlStatement, by_hash: Mapping[str, bytes], wanted: Iterable[str]) -> list[Row]:
    """Return the rows that store the contents with a `wanted` hash, in an order that is the same in every process."""
    return [
        (put, (bytes.fromhex(each), len(by_hash[each]), zstandard.compress(by_hash[each], _LEVEL)))
        for each in sorted(wanted)
    ]
