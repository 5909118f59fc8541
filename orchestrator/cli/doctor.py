"""`baton doctor`."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
import uv
from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package ships no types

from agents.checks.environments.node import find_node
from agents.checks.sandbox.isolation import VARIABLE, Isolation, isolation, isolation_for
from agents.checks.sandbox.limits import limits_from_environment
from orchestrator.cli.console import say
from orchestrator.storage import database, postgres
from orchestrator.storage.home import cache_folder, home
from orchestrator.storage.migrations import version_of
from schemas.errors import BatonError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

FAILED = 1
OLDEST_PYTHON = (3, 11)
_RIGHTS = "SELECT rolcreatedb, rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
LEAST_FREE = 2 * 1024**3  # bytes: the environments of an app and PostgreSQL


class Ailment(Exception):
    """Something is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What a look found. `said`: what there is, or what is wrong and what to do."""

    name: str
    ok: bool
    said: str


@app.command()
def doctor(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Say whether this machine has what Baton needs, and what to do if not."""
    isolated = asyncio.run(isolation())
    looks = (
        ("Python", _python),
        ("folder", _folder),
        ("PostgreSQL", _postgres),
        ("Node.js", _node),
        ("uv", _uv),
        ("ruff", _ruff),
        ("isolation", _isolation),
    )
    findings = []
    for name, look in looks:
        findings.append(asyncio.run(_look(name, look)))
        if not json:
            say(f"{'✓' if findings[-1].ok else '✗'} {name}: {findings[-1].said}")
    healthy = all(finding.ok for finding in findings)
    if json:
        report = {"healthy": healthy, "found": list(map(asdict, findings)), "isolation": as_json(isolated)}
        typer.echo(jsonlib.dumps(report, ensure_ascii=False))
    if not healthy:
        raise typer.Exit(FAILED)


async def _look(name: str, look: Callable[[], Awaitable[str]]) -> Diagnosis:
    try:
        return Diagnosis(name=name, ok=True, said=await look())
    except (Ailment, BatonError, OSError) as error:
        return Diagnosis(name=name, ok=False, said=str(error))


async def _isolation() -> str:
    limits_from_environment()
    await isolation_for(untrusted=True)
    wish = os.environ.get(VARIABLE)
    return ("off, by BATON_ISOLATION; possible is " if wish == "off" else "") + described(await isolation())


def described(found: Isolation) -> str:
    """Return what isolates checks, and what of Baton and its user is out of their reach, a line each."""
    lines = [f"    {'✓' if each.held else '✗'} {each.name}: {each.said}" for each in found.assets()]
    return "\n".join([found.by, *lines, *([f"    {found.more}"] if found.more else [])])


def as_json(found: Isolation) -> dict[str, object]:
    """Return the same for programs."""
    return {
        "wanted": os.environ.get(VARIABLE) or "auto",
        "by": found.by,
        "complete": found.complete,
        "aspects": list(map(asdict, found.assets())),
        "more": found.more,
    }


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
            may_create, may_isolate = await connection.fetchrow(_RIGHTS) or (False, False)
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close()
    if not may_create:
        raise Ailment("checks need databases of their own: `ALTER ROLE … CREATEDB` for the user of BATON_DATABASE_URL.")
    advice = "" if may_isolate else "; for isolated checks, which have a role of their own: `ALTER ROLE … CREATEROLE`"
    return f"{version}, {'embedded' if server.embedded else 'from BATON_DATABASE_URL'}{advice}"


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
