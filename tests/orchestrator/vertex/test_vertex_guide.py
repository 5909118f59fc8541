"""What the guide to the cloud shows is what works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.vertex import app as deployed
from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.operations import operations_of
from orchestrator.vertex.settings import Settings
from tests.support.small_agents import PRD

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "vertex.md").read_text("utf-8")
COLUMNS = 3  # of the table of methods
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_the_example_runs(
    app: BatonApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "feature-prd.md").write_text(PRD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(deployed, "app", app)
    exec(PROGRAM.replace("database-agent", "one-agent"), {})  # noqa: S102  # the guide's own program

    printed = capsys.readouterr().out
    assert "Shall this be built?" in printed
    assert printed.splitlines()[-1] == "completed"


def test_every_method_and_its_input_is_in_the_table() -> None:
    for operation in operations_of(BatonApp):
        if operation.mode in {"", "stream"}:
            rows = re.findall(r"^\| `.*$", GUIDE, re.MULTILINE)
            (row,) = [
                each for each in rows if each.count("|") == COLUMNS + 1 and f"`{operation.name}`" in each.split("|")[1]
            ]
            assert [name for name in operation.contract.model_fields if f"`{name}`" not in row] == []


def test_every_setting_is_in_the_guide() -> None:
    modules = ("vertex/settings.py", "storage/cloud_sql.py")
    text = "".join((ROOT / "orchestrator" / module).read_text("utf-8") for module in modules)
    assert Settings.model_fields
    assert [name for name in set(re.findall(r"BATON_[A-Z_]+", text)) if name not in GUIDE] == []
