"""Which checks an instance can run: looked at once, when the app is set up, and told to whoever asks.

A check that cannot run here fails its step with the reason: it is never taken for passed. Node comes from PyPI if the
instance has none, so what is looked for is what would be used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from pathlib import Path

import uv

from agents.checks.environments.node import find_node
from agents.checks.sandbox.isolation import isolation_for
from orchestrator.storage import database
from orchestrator.storage.home import cache_folder
from orchestrator.storage.postgres import Server
from schemas.base import JSON, Document
from schemas.errors import BatonError

_log = logging.getLogger("baton.vertex")


class Capability(Document):
    """One kind of check, and whether it can run here; `detail` says what it would use, or what to do."""

    checks: str
    possible: bool
    detail: str


class Capabilities:
    """What an instance can check."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._looked = asyncio.Event()
        self._found: tuple[Capability, ...] = ()

    async def look(self, server: Server) -> None:
        """Find out; what is impossible is logged."""
        self._found = (
            await _look("database: migrations up and down, the app's tests", _database(server)),
            await _look("python: mypy, pytest, imports", _python()),
            await _look("frontend: types, tests, build", self._node()),
            await _look("a model's work: isolated", _isolation()),
        )
        for each in self._found:
            if not each.possible:
                _log.warning("checks are impossible here: %s: %s", each.checks, each.detail)
        self._looked.set()

    async def reply(self) -> dict[str, JSON]:
        """Return what was found, once it is."""
        await self._looked.wait()
        return {"checks": [each.model_dump(mode="json") for each in self._found]}

    async def _node(self) -> str:
        node = await find_node(cache_folder(self._home))
        return f"Node {node.version}, {node.bin}"


async def _look(checks: str, looking: Awaitable[str]) -> Capability:
    try:
        return Capability(checks=checks, possible=True, detail=await looking)
    except (BatonError, OSError) as error:
        return Capability(checks=checks, possible=False, detail=str(error))


async def _database(server: Server) -> str:
    connection = await database.visit(server, server.admin)
    try:
        may_create = await connection.fetchval("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user")
        version = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    if not may_create:
        raise PermissionError(
            "checks make databases of their own, and the role may not: `ALTER ROLE … CREATEDB` for the user of"
            " BATON_DATABASE_URL"
        )
    return f"PostgreSQL {version}"


async def _isolation() -> str:
    found = await isolation_for(untrusted=True)
    if found is None:
        return "not isolated, by BATON_ISOLATION"
    return "; ".join([found.by, *(f"{each.name}: {each.said}" for each in found.assets() if not each.held)])


async def _python() -> str:
    return f"uv, {await asyncio.to_thread(uv.find_uv_bin)}"
