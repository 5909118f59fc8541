"""`baton doctor`."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer
import uv
from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package ships no types

from agents.checks.node import find_node
from orchestrator.cli.console import say
from orchestrator.home import cache_folder, home
from orchestrator.storage import database, postgres
from orchestrator.storage.migrations import version_of
from schemas.errors import BatonError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

FAILED = 1
OLDEST_PYTHON = (3, 11)
LEAST_FREE = 2 * 1024**3  # bytes: the environments of an app and PostgreSQL


class Ailment(Exception):
    """Something is missing."""


@app.command()
def doctor() -> None:
    """Say whether this machine has what Baton needs, and what to do if not."""
    looks = (
        ("Python", _python),
        ("folder", _folder),
        ("PostgreSQL", _postgres),
        ("Node.js", _node),
        ("uv", _uv),
        ("ruff", _ruff),
    )
    healthy = [asyncio.run(_look(name, look)) for name, look in looks]
    if not all(healthy):
        raise typer.Exit(FAILED)


async def _look(name: str, look: Callable[[], Awaitable[str]]) -> bool:
    try:
        found = await look()
    except (Ailment, BatonError, OSError) as error:
        say(f"✗ {name}: {error}")
        return False
    say(f"✓ {name}: {found}")
    return True


async def _python() -> str:
    if sys.version_info < OLDEST_PYTHON:
        raise Ailment(f"{platform.python_version()} is too old. Install Python 3.11 or newer and Baton into it.")
    return f"{platform.python_version()}, {sys.executable}"


async def _folder() -> str:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Ailment(f"`{folder}` cannot be made: {error.strerror}. Set BATON_HOME to a folder that can.") from error
    if not os.access(folder, os.W_OK):
        raise Ailment(f"`{folder}` cannot be written to. Set BATON_HOME to a folder that can.")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise Ailment(f"`{folder}` has {free / 1024**3:.1f} GB left; 2 are needed. Make room, or set BATON_HOME.")
    return f"{folder} ({free / 1024**3:.0f} GB free), caches in {cache_folder(folder)}"


async def _postgres() -> str:
    async with postgres.serve(home()) as server:
        own = await database.visit(server, server.database)
        try:
            await version_of(own)
        finally:
            await own.close()
        connection = await database.visit(server, server.admin)
        try:
            may_create = await connection.fetchval("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user")
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close()
    if not may_create:
        raise Ailment("checks need databases of their own: `ALTER ROLE … CREATEDB` for the user of BATON_DATABASE_URL.")
    return f"{version}, {'embedded' if server.embedded else 'from BATON_DATABASE_URL'}"


async def _node() -> str:
    node = await find_node(cache_folder(home()))
    return f"{node.version}, {node.bin}"


async def _uv() -> str:
    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise Ailment("not found. Install it with `pip install uv`.") from error


async def _ruff() -> str:
    try:
        return str(Path(find_ruff_bin()))
    except FileNotFoundError as error:
        raise Ailment("not found. Install it with `pip install ruff`.") from error
