"""A secret that a tool prints, an error carries or the environment holds is nowhere afterwards."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest
import zstandard

from agents.checks.errors import ScratchError
from agents.checks.scratch import Scratch
from agents.contracts import Outcome, Work
from orchestrator.planning.policy import Policy
from orchestrator.storage.postgres import Server
from orchestrator.telemetry.logs import configure_logging, stop_logging
from tests.support.small_agents import Compiles, Kit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PLANTED = "pl4nted-s3cret-of-mine"
SHAPED = "postgresql://app:sh4ped-s3cret@db/shop"
LEAK = re.compile(rb"pl4nted|sh4ped", re.IGNORECASE)
ZSTD = b"\x28\xb5\x2f\xfd"
PRINTS = f"import sys; print('{PLANTED} {SHAPED}'); sys.exit('it failed with {PLANTED} and {SHAPED}')"


@dataclass(frozen=True)
class Raises(Compiles):
    """Fails as the machine or Baton itself does, with a secret in the text."""

    error: type[Exception] = KeyError

    async def run(self, _scratch: Scratch, _work: Work, /) -> Outcome:
        raise self.error(f"no {PLANTED} at {SHAPED}")


def leaks(folder: Path) -> list[str]:
    """Return the files below `folder` that hold a secret."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and LEAK.search(path.read_bytes())]


async def stored_leaks(dsn: str) -> list[str]:
    """Return the columns that hold a secret, in whatever table and form."""
    connection = await asyncpg.connect(dsn)
    columns = await connection.fetch(
        "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert {"events", "steps", "runs", "questions", "content"} <= {each["table_name"] for each in columns}
    found, read = [], 0
    for schema, table, column, kind in columns:
        text = column if kind == "bytea" else f'"{column}"::text'
        query = f'SELECT {text} FROM "{schema}"."{table}"'  # noqa: S608 - names from the catalogue
        for value in await connection.fetch(query):
            read += value[0] is not None
            if value[0] is not None and LEAK.search(plain(value[0])):
                found.append(f"{table}.{column}")
    await connection.close()
    assert read > 100
    return found


def plain(value: bytes | str) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return zstandard.decompress(data) if data.startswith(ZSTD) else data


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (replace(Compiles("two"), code=PRINTS), "it failed with [redacted] and postgresql://app:[redacted]@db/shop"),
        (Raises("two", error=ScratchError), "no [redacted] at postgresql://app:[redacted]@db/shop"),
        (Raises("two", error=KeyError), "KeyError: 'no [redacted] at postgresql://app:[redacted]@db/shop'"),
        (Raises("two", error=OSError), "no [redacted] at postgresql://app:[redacted]@db/shop"),
    ],
    ids=["a tool prints it", "a tool cannot be run", "a fault of Baton", "the system refuses"],
)
@pytest.mark.parametrize("on_failure", ["fail", "ask"])
async def test_a_failed_run_leaves_no_secret_anywhere(
    check: Compiles, problem: str, on_failure: str, kit: Kit, server: Server, baton_home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Not in what is returned, printed, logged or stored, and in no file of the run or its workspace."""
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    kit.checks["two"] = (check,)
    log = io.StringIO()
    configure_logging("json", level="debug", stream=log)
    async with kit.engine(tmp_path / "shop") as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy.model_validate({"on_failure": on_failure}))
        result = await run.result()
        told = [event.model_dump_json() async for event in run.events()]
        asked = [question.text for question in await run.questions()]
    stop_logging()

    shown = "\n".join([*told, *asked, result.model_dump_json()])
    assert problem in shown
    assert result.status in {"failed", "waiting"}
    assert "[redacted]" in log.getvalue()
    assert not LEAK.search("\n".join([shown, log.getvalue(), *capfd.readouterr()]).encode())
    assert (baton_home / "runs" / run.id / "logs").is_dir()
    assert leaks(tmp_path / "shop") == leaks(baton_home / "runs" / run.id) == []
    assert await stored_leaks(server.database) == []


def baton(kit: Kit, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    given = {name: os.environ[name] for name in ("BATON_HOME", "BATON_DATABASE_URL", "PATH")}
    return subprocess.run(
        [sys.executable, ROOT / "tests/support/small_cli.py", kit.skills, PRINTS, *words],
        cwd=tmp_path,
        env={**given, "PYTHONPATH": str(ROOT), "SHOP_TOKEN": PLANTED},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("words", [[], ["--json"], ["--verbose"]])
async def test_the_command_line_shows_no_secret(words: list[str], kit: Kit, server: Server, tmp_path: Path) -> None:
    ran = baton(kit, tmp_path, "run", "prd.md", "--workspace", "shop", *words)
    shown = baton(kit, tmp_path, "show", "latest")

    assert ran.returncode == 1
    assert "[redacted]" in ran.stdout
    assert "[redacted]" in shown.stdout
    assert not LEAK.search((ran.stdout + ran.stderr + shown.stdout + shown.stderr).encode())
    assert leaks(tmp_path / "shop") == []
    assert await stored_leaks(server.database) == []


async def test_what_people_wrote_is_content_and_stays_but_is_not_told(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PRD is the user's own text: the app's files have it as it is written. Events, logs and messages do not."""
    monkeypatch.setenv("SHOP_TOKEN", PLANTED)
    prd = tmp_path / "prd.md"
    prd.write_text(prd.read_text().replace("Feature PRD: Small", f"Feature PRD: {PLANTED}"))
    async with kit.engine(tmp_path / "shop") as engine:
        run = await engine.start(prd)
        result = await run.result()
        told = [event.model_dump_json() async for event in run.events()]

    assert result.status == "completed"
    assert (tmp_path / "shop/one/deep/er/notes.md").read_text() == f"{PLANTED}\n"
    assert PLANTED in (tmp_path / "shop/.claude/handoff/feature-prd.md").read_text()
    assert result.title == "[redacted]"
    assert not LEAK.search("\n".join([*told, result.model_dump_json()]).encode())
