"""A database that cannot be used is refused in words that help, at once, and without its password."""

from __future__ import annotations

import asyncio
import shlex
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from orchestrator.storage import database, postgres
from orchestrator.storage.embedded import VERSION, Embedded
from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.postgres import Server
from tests.orchestrator.cli.test_cli_commands import Said, baton
from tests.support.killable_home import own_home

pytestmark = pytest.mark.slow

PASSWORD = "hunter2/@x"
QUOTED = "hunter2%2F%40x"
RULES = """
local     all postgres trust
hostnossl all all 127.0.0.1/32 scram-sha-256
"""

ENCODE = "the port is not a number, or the password holds one of `@ : / ? # [ ]`, which must be written in percent-"

# What BATON_DATABASE_URL is, and what is said of it. {me}: with the right password; {here}: the right server, which
# asks for passwords and speaks no TLS; {silent}: something that takes connections and never says a word.
CASES = {
    "empty": ("", "BATON_DATABASE_URL is set, but empty.\nSet it to the URL of a PostgreSQL"),
    "no URL": ("baton:hunter2@127.0.0.1/shop", "BATON_DATABASE_URL is not a URL.\nSet it to"),
    "another scheme": ("mysql://{me}@h/shop", "has the scheme `mysql`, but Baton keeps its runs in PostgreSQL"),
    "a port that is no number": ("postgresql://{me}@host:port/shop", ENCODE),
    "a raw slash in the password": ("postgresql://baton:hunter2/@x@127.0.0.1/shop", ENCODE),
    "digits before it": ("postgresql://baton:123/hunter2@127.0.0.1/shop", ENCODE),
    "no host": ("postgresql:///shop", "names no host"),
    "an unknown option": ("postgresql://{me}@127.0.0.1/shop?sslmode=no", "`sslmode` parameter must be one of"),
    "an unknown host": ("postgresql://{me}@no-such-host.invalid/shop", "the PostgreSQL at `no-such-host.invalid` that"),
    "a refused port": (
        "postgresql://{me}@127.0.0.1:1/shop",
        "at `127.0.0.1:1` that BATON_DATABASE_URL names: Connection refused.\nCheck that it runs",
    ),
    "a host that does not answer": ("postgresql://{me}@{silent}/shop", "it does not answer.\nCheck that it runs"),
    "a wrong password": (
        "postgresql://baton:hunter2@{here}/shop",
        'password authentication failed for user "baton".\nCorrect the user or the password',
    ),
    "no password": ("postgresql://baton@{here}/shop", "password"),
    "an unknown database": ("postgresql://{me}@{here}/shopp", 'database "shopp" does not exist.\nMake the database'),
    "TLS where there is none": ("postgresql://{me}@{here}/shop?sslmode=require", "rejected SSL upgrade.\nCheck that"),
}


@pytest.fixture(scope="module")
def guarded() -> Iterator[int]:
    """The port of a server where `baton` owns the database `shop`, and `guest` nothing."""
    with own_home() as home:
        embedded = Embedded.at(home)
        embedded.start()
        asyncio.run(make_roles(embedded.url("postgres")))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        (embedded.data / "pg_hba.conf").write_text(RULES)
        options = f"-h 127.0.0.1 -p {port} -k {shlex.quote(str(embedded.data))}"
        embedded._call("pg_ctl", "restart", "-w", "-l", str(embedded.log), "-o", options)
        yield port
        embedded.leave()


async def make_roles(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE ROLE baton LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    await admin.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    await admin.execute("CREATE DATABASE shop OWNER baton")
    await admin.close()


@pytest.fixture(scope="module")
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(params=CASES, ids=list(CASES))
def bad(request: pytest.FixtureRequest, guarded: int, silent: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.5)
    url, said = CASES[request.param]
    return url.format(me=f"baton:{QUOTED}", here=f"127.0.0.1:{guarded}", silent=f"127.0.0.1:{silent}"), said


def without_password(text: str) -> bool:
    return "hunter2" not in text and "%2F" not in text and PASSWORD not in text


async def test_the_api_refuses_it(bad: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, said = bad
    monkeypatch.setenv("BATON_DATABASE_URL", url)
    async with postgres.serve(tmp_path) as server:
        with pytest.raises(PostgresUnavailable) as refused:
            await use(server)
    assert said in str(refused.value)
    assert without_password("".join(traceback.format_exception(refused.value)))
    assert not list(tmp_path.iterdir())


async def use(server: Server) -> None:
    async with database.connect(server):
        raise AssertionError("it is refused")


def test_the_command_line_says_it_and_exits_with_1(bad: tuple[str, str], tmp_path: Path) -> None:
    url, said = bad
    listed = baton("runs", BATON_DATABASE_URL=url, BATON_HOME=str(tmp_path))
    assert (listed.returncode, listed.stdout) == (1, "")
    assert said in listed.stderr
    looked = doctor(url, tmp_path)
    assert looked.returncode == 1
    assert said in looked.stdout.partition("✗ PostgreSQL: ")[2]
    assert without_password(listed.stderr + looked.stdout + looked.stderr)


def doctor(url: str, home: Path, **env: str) -> Said:
    return baton("doctor", BATON_DATABASE_URL=url, BATON_HOME=str(home), **env)


def test_a_role_that_may_not_make_a_schema_is_told_what_its_owner_can_do(guarded: int, tmp_path: Path) -> None:
    url = f"postgresql://guest:{QUOTED}@127.0.0.1:{guarded}/shop"
    listed = baton("runs", BATON_DATABASE_URL=url, BATON_HOME=str(tmp_path))
    assert listed.returncode == 1
    assert "the role `guest` cannot bring Baton's tables in the database `shop` from version 0" in listed.stderr
    assert "permission denied for database shop" in listed.stderr
    assert '`CREATE SCHEMA IF NOT EXISTS baton AUTHORIZATION "guest"`' in listed.stderr
    assert without_password(listed.stderr)


def test_the_right_password_is_not_refused(guarded: int, tmp_path: Path) -> None:
    url = f"postgresql://baton:{QUOTED}@127.0.0.1:{guarded}/shop"
    listed = baton("runs", BATON_DATABASE_URL=url, BATON_HOME=str(tmp_path))
    assert (listed.returncode, listed.stderr) == (0, "")
    assert f"✓ PostgreSQL: {VERSION}" in doctor(url, tmp_path).stdout


def test_the_address_behind_a_pooler_is_refused_by_its_own_name(guarded: int, tmp_path: Path) -> None:
    url = f"postgresql://baton:{QUOTED}@127.0.0.1:{guarded}/shop"
    direct = url.replace(QUOTED, "hunter2")
    assert (
        "that BATON_DATABASE_DIRECT_URL names: password"
        in doctor(url, tmp_path, BATON_DATABASE_DIRECT_URL=direct).stdout
    )
    assert "BATON_DATABASE_DIRECT_URL is set, but empty" in doctor(url, tmp_path, BATON_DATABASE_DIRECT_URL="").stdout


async def test_an_address_behind_a_pooler_without_the_pooler_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BATON_DATABASE_URL", raising=False)
    monkeypatch.setenv("BATON_DATABASE_DIRECT_URL", "postgresql://baton@127.0.0.1/shop")
    with pytest.raises(PostgresUnavailable, match="BATON_DATABASE_DIRECT_URL is set, but BATON_DATABASE_URL"):
        async with postgres.serve(tmp_path):
            pass
