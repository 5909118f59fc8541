"""A PRD of prose on the command line: `baton draft`, and a run that shows its draft and takes the answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.test_cli_commands import baton
from tests.support.drafts import NOTE, STRUCTURED, recorded
from tests.support.small_agents import Kit

pytestmark = pytest.mark.slow


@pytest.fixture
def small(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line with the small agents, a note, and a tape of what a model made of it."""
    monkeypatch.setattr("orchestrator.orchestrator.Workflows", kit.workflow_class())
    monkeypatch.setattr("orchestrator.orchestrator.Registry", kit.registry)
    (tmp_path / "note.md").write_text(NOTE, encoding="utf-8")
    asyncio.run(recorded(kit, tmp_path / "tape", tmp_path / "note.md"))
    return kit


@pytest.mark.usefixtures("small")
def test_a_draft_goes_to_a_file_or_to_the_output_with_its_account_beside_it(tmp_path: Path) -> None:
    words = ("draft", tmp_path / "note.md", "--model", "ScriptedModel:scripted", "--replay", tmp_path / "tape")
    done = baton(*words)
    assert (done.returncode, done.stdout) == (0, STRUCTURED)
    assert "Of 7 statements, 3 are in the entities and the stack" in done.stderr
    assert "2 calls, " in done.stderr

    written = baton(*words, "--output", tmp_path / "out.md")
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "out.md").read_text("utf-8") == STRUCTURED
    assert f"baton run {tmp_path / 'out.md'} --workspace DIR" in written.stderr
    assert baton("handoff", "check", tmp_path / "out.md").returncode == 0

    again = baton(*words, "-o", tmp_path / "out.md")
    assert (again.returncode, "is already there; it was not touched" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("note.md",), "only a model can read prose: name one with `--model provider:name`"),
        (
            ("prd.md", "--model", "ScriptedModel:scripted", "--replay", "tape"),
            "is a structured PRD already: `baton run ",
        ),
        (("none.md", "--model", "ScriptedModel:scripted", "--replay", "tape"), "there is no PRD "),
        (("note.md", "--model", "ScriptedModel:scripted", "--replay", "nothing"), "nothing is recorded in "),
        (("note.md", "--model", "scripted"), "the model `scripted` names no provider"),
    ],
)
@pytest.mark.usefixtures("small")
def test_what_cannot_be_drafted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = baton("draft", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.usefixtures("small")
def test_a_run_waits_for_its_draft_to_be_approved(tmp_path: Path) -> None:
    words = ("--model", "ScriptedModel:scripted", "--replay", tmp_path / "tape", "--workspace", tmp_path / "w")
    asked = baton("run", tmp_path / "note.md", *words)
    assert asked.returncode == 3
    assert STRUCTURED.rstrip() in asked.stdout
    run = json.loads(baton("runs", "--limit", "1", "--json").stdout)[0]["id"]
    assert f"  baton approve {run} {run}-intake-1\n" in asked.stdout
    assert f"  baton reject {run} {run}-intake-1 --reason 'WHY'\n" in asked.stdout
    done = baton("approve", run, "--resume")
    assert (done.returncode, "completed with gaps: Bibliothek ->" in done.stdout) == (4, True)
    assert "not implemented: Nach 3 Wochen wird gemahnt" in done.stdout
