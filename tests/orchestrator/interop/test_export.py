"""`baton export claude-code`: valid files that drive runs, and nobody's work written over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from agents.custom import own_agent
from orchestrator.interop.claude_code import exported
from orchestrator.interop.export import ExportRefused, export
from orchestrator.interop.formats import command_problems, skill_problems, subagent_problems
from orchestrator.interop.import_ import NothingToImport, import_project
from orchestrator.interop.signature import marked, whose
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.workflows import Workflows
from skills.core.registry import Registry
from tests.orchestrator.cli.test_cli_commands import baton

FILES = exported(Workflows().pipeline(), Registry())


def front_of(text: str) -> dict[str, object]:
    head, _, rest = text.removeprefix("---\n").partition("\n---\n")
    assert text.startswith("---\n")
    assert rest.strip()
    found = yaml.safe_load(head)
    assert isinstance(found, dict)
    return found


def states(root: Path, *, check: bool = False) -> dict[str, str]:
    """Return how each file was found that was not up to date."""
    return {each.path: each.found for each in export(root, FILES, check=check) if each.found != "up to date"}


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_file_is_valid_under_its_public_format(path: str) -> None:
    front, parts = front_of(FILES[path]), path.split("/")
    match parts[1]:
        case "agents":
            assert list(subagent_problems(front)) == []
            assert front["name"] == parts[-1].removesuffix(".md")
        case "skills":
            assert list(skill_problems(front, parts[-2])) == []
        case _:
            assert list(command_problems(front)) == []
            assert front["description"]


def test_there_is_a_subagent_an_agent_a_skill_a_skill_and_what_drives_a_run() -> None:
    assert {f".claude/agents/{name}.md" for name in Workflows().pipeline().names} <= set(FILES)
    used = [skill for skill in Registry().skills if {*skill.agents} & {*Workflows().pipeline().names}]
    assert {f".claude/skills/{skill.name}/SKILL.md" for skill in used} <= set(FILES)
    commands = ["run", "status", "answer", "outside", "handoffs"]
    assert {f".claude/commands/baton-{name}.md" for name in commands} <= set(FILES)
    agent = FILES[".claude/agents/frontend-agent.md"]
    assert "`.claude/handoff/outside/frontend-agent/task.md`" in agent
    assert "`.claude/handoff/outside/frontend-agent/frontend-agent-output.md`" in agent


def test_exporting_again_changes_nothing(tmp_path: Path) -> None:
    assert set(states(tmp_path).values()) == {"missing"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert states(tmp_path) == {}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_check_writes_nothing_and_says_what_differs(tmp_path: Path) -> None:
    assert set(states(tmp_path, check=True).values()) == {"missing"}
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_and_edited_ones_are_left_alone(tmp_path: Path) -> None:
    states(tmp_path)
    other, edited = tmp_path / ".claude/agents/test-agent.md", tmp_path / ".claude/skills/baton/SKILL.md"
    other.write_text("---\nname: test-agent\n---\nMine.\n")
    edited.write_text(edited.read_text().replace("## Rules", "## My rules"))
    (tmp_path / ".claude/agents/own.md").write_text("Mine, too.\n")
    expected = {".claude/agents/test-agent.md": "not Baton's", ".claude/skills/baton/SKILL.md": "edited"}
    assert states(tmp_path, check=True) == expected
    assert states(tmp_path) == expected
    assert other.read_text().endswith("Mine.\n")
    assert "## My rules" in edited.read_text()


def test_what_an_earlier_export_wrote_is_brought_up_to_date_or_goes(tmp_path: Path) -> None:
    old = {**FILES, ".claude/skills/gone-skill/SKILL.md": "x\n", ".claude/agents/frontend-agent.md": "old\n"}
    export(tmp_path, old, check=False)
    assert states(tmp_path) == {
        ".claude/agents/frontend-agent.md": "old",
        ".claude/skills/gone-skill/SKILL.md": "no longer exported",
    }
    assert not (tmp_path / ".claude/skills/gone-skill").exists()
    assert states(tmp_path) == {}


def test_line_ends_of_another_system_are_no_change(tmp_path: Path) -> None:
    states(tmp_path)
    place = tmp_path / ".claude/commands/baton-run.md"
    place.write_bytes(place.read_bytes().replace(b"\n", b"\r\n"))
    assert states(tmp_path) == {}
    assert whose(place.read_bytes()) == "ours"
    assert whose(marked("x").encode()) == "ours"
    assert whose(marked("x").replace("x", "y", 1).encode()) == "edited"
    assert whose(b"\xff") == "another's"


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "w/.claude").mkdir(parents=True)
    (tmp_path / "w/.claude/agents").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExportRefused, match="is a symbolic link"):
        states(tmp_path / "w")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_export_is_not_imported(tmp_path: Path) -> None:
    states(tmp_path)
    found = import_project(tmp_path)
    assert (found.agents, found.skills) == ((), ())
    assert {each.reason for each in found.skipped} == {"`baton export` wrote it"}
    with pytest.raises(NothingToImport):
        import_project(tmp_path / ".claude" / "commands")


def test_the_command_writes_checks_and_says_so(tmp_path: Path) -> None:
    assert baton("export", "claude-code", tmp_path, "--check").returncode == 1
    said = baton("export", "claude-code", tmp_path)
    assert said.returncode == 0
    assert ".claude/commands/baton-run.md: missing, written" in said.stdout
    checked = baton("export", "claude-code", tmp_path, "--check")
    assert (checked.returncode, checked.stdout) == (0, f"{len(FILES)} of {len(FILES)} files are up to date\n")
    lines = [json.loads(line) for line in baton("export", "claude-code", tmp_path, "--json").stdout.splitlines()]
    assert {line["found"] for line in lines} == {"up to date"}


def test_an_agent_without_prose_of_its_own_is_described_by_what_it_may_do() -> None:
    own = own_agent("copy-editor", title="Copy Editor", reads=["feature-prd"], owns=["docs/**"], excludes=[])
    text = exported(Pipeline.of((own,)), Registry(built_in=False))[".claude/agents/copy-editor.md"]
    assert list(subagent_problems(front_of(text))) == []
    assert "- `.claude/handoff/feature-prd.md`" in text
    assert "nothing else:\n\n- `docs/**`" in text
