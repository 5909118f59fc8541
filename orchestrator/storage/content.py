"""Contents by their SHA-256: PRDs, published files and handoffs, kept once however many runs have them.

With them in the database a run can go on where its folder is gone, or on another machine, and can be forked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import zstandard

from orchestrator.storage.database import Database
from orchestrator.storage.writer import Row, Statement
from schemas.errors import RunError

_KEPT = 100_000  # hashes that a process remembers as stored
_LEVEL = 3

_PUT = Statement(
    "INSERT INTO baton.content (sha256, size, data) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING", rank=1
)
_REFER = Statement("INSERT INTO baton.content_of_runs (run_id, sha256) VALUES ($1, $2) ON CONFLICT DO NOTHING", rank=2)


class ContentLost(RunError):
    """Content that a run refers to is not in the database, or is not what its hash says."""

    code = "content_lost"


class Content:
    """The contents of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored: set[str] = set()

    async def rows(self, run_id: str, contents: Iterable[bytes]) -> list[Row]:
        """Return the rows that keep `contents` for a run, to be written together with what refers to them."""
        by_hash = {hashlib.sha256(content).hexdigest(): content for content in contents}
        unknown = [sha256 for sha256 in by_hash if sha256 not in self._stored]
        puts = [(_PUT, (bytes.fromhex(each), len(by_hash[each]), _compress(by_hash[each]))) for each in unknown]
        return [*puts, *((_REFER, (run_id, bytes.fromhex(sha256))) for sha256 in by_hash)]

    def written(self, rows: Iterable[Row]) -> None:
        """Remember that `rows` are in the database, so that the same contents need not be sent again."""
        if len(self._stored) > _KEPT:
            self._stored.clear()
        hashes = (row[0] for statement, row in rows if statement is _PUT)
        self._stored.update(each.hex() for each in hashes if isinstance(each, bytes))

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


def _compress(content: bytes) -> bytes:
    return zstandard.compress(content, _LEVEL)
