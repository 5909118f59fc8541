"""What tools print is kept without its secrets."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from agents.checks.process import LOG_LIMIT, minimal_environment, run_process
from agents.checks.time_limit import TimeLimit
from tests.support.agent_material import ScratchIn


async def test_what_a_tool_prints_is_redacted_in_its_output_log_and_evidence(
    tmp_path: Path, scratch_in: ScratchIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "pl4nted-in-a-tool")
    code = "import sys; print('it is', sys.argv[1]); print('postgresql://a:0ther@h/', file=sys.stderr); sys.exit(1)"
    async with scratch_in(tmp_path / "tree") as scratch:
        evidence, output = await scratch.tool("demo", [sys.executable, "-c", code, "pl4nted-in-a-tool"])
        recorded = scratch.record("asked", "baton", "the answer: pl4nted-in-a-tool\n", 0.1)

    log = Path(evidence.log).read_bytes()
    assert sorted(output.splitlines()) == ["it is [redacted]", "postgresql://a:[redacted]@h/"]
    assert b"it is [redacted]" in log
    assert evidence.log_sha256 == hashlib.sha256(log).hexdigest()
    assert evidence.argv[-1] == "[redacted]"
    assert Path(recorded.log).read_text() == "the answer: [redacted]\n"
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"pl4nted" not in path.read_bytes()


@pytest.mark.parametrize("before", [0, 11, 25])
async def test_no_half_of_a_secret_is_left_where_a_long_output_is_cut(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret stands across the end of the first half, and across the begin of the last."""
    secret = "pl4nted-acr0ss-the-cut"
    monkeypatch.setenv("SHOP_TOKEN", secret)
    half = LOG_LIMIT // 2
    code = (
        f"import sys; s = {secret!r}; o = sys.stdout.write; o('x' * ({half} - {before})); o(s); o('y' * 100_000);"
        f" o(s); o('z' * ({half} - {before}))"
    )

    ran = await run_process(
        [sys.executable, "-c", code], cwd=tmp_path, env=minimal_environment(tmp_path), limit=TimeLimit()
    )

    assert "bytes left out" in ran.output
    assert not any(part in ran.output for part in ("pl4", "acr0ss", "-the-", "cut"))
