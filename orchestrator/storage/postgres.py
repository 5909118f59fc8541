"""Have a PostgreSQL: the embedded one, started on demand, or the one that `BATON_DATABASE_URL` names.

Not here: connections (`orchestrator.storage.database`), the embedded server (`orchestrator.storage.embedded`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.storage.embedded import Embedded
from orchestrator.storage.errors import PostgresUnavailable

if TYPE_CHECKING:
    from orchestrator.storage.cloud_sql import Dial


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where PostgreSQL answers, as connection URLs. `admin` may create databases; `database` is Baton's own.

    `embedded` is null for a server that the user runs. With `pooled`, `database` leads through a transaction pooler.
    With `dial`, no URL leads to `database`: it is a name, and `dial` connects to it.
    """

    admin: str
    database: str
    embedded: Embedded | None = field(default=None, compare=False, repr=False)
    pooled: bool = False
    dial: Dial | None = field(default=None, compare=False, repr=False)


@asynccontextmanager
async def serve(home: Path) -> AsyncIterator[Server]:
    """Yield a PostgreSQL that answers; the embedded one is stopped afterwards if nobody else uses it.

    Raises:
        PostgresUnavailable: It cannot be started; the text says why and what to do.
    """
    url, direct = os.environ.get("BATON_DATABASE_URL"), os.environ.get("BATON_DATABASE_DIRECT_URL")
    if url is not None:
        yield Server(admin=url if direct is None else direct, database=url, pooled=direct is not None)
        return
    if direct is not None:
        raise PostgresUnavailable(
            "BATON_DATABASE_DIRECT_URL is set, but BATON_DATABASE_URL, which names the pooler before it, is not.\n"
            "Set both, or only BATON_DATABASE_URL if there is no pooler."
        )
    async with _embedded(home) as embedded:
        admin = embedded.url("postgres")
        if instance := os.environ.get("BATON_CLOUD_SQL"):
            from orchestrator.storage.cloud_sql import dialling  # noqa: PLC0415 - an optional extra

            async with dialling(os.environ) as dial:  # the embedded server is for checks, whose tools need URLs
                yield Server(admin=admin, database=f"cloud-sql://{instance}", dial=dial)
        else:
            yield Server(admin=admin, database=embedded.url("baton"), embedded=embedded)


@asynccontextmanager
async def _embedded(home: Path) -> AsyncIterator[Embedded]:
    embedded = await asyncio.to_thread(Embedded.at, home)
    await asyncio.to_thread(embedded.start)
    try:
        yield embedded
    finally:
        await asyncio.to_thread(embedded.leave)
