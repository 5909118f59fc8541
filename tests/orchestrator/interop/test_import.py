"""A project's agents and skills are taken as they are found: with warnings, never with a crash."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts import Agent
from orchestrator.interop import lenient_front_matter
from orchestrator.interop.formats import command_problems, skill_problems, subagent_problems, words
from orchestrator.interop.import_ import Imported, NothingToImport, import_project
from orchestrator.interop.project import MAPPING, ProjectInvalid, overlap, project_at
from orchestrator.interop.read import slug
from tests.orchestrator.cli.test_cli_commands import baton

AGENT = (
    "---\nname: copy-editor\ndescription: Edits texts. Use when text changed.\ntools: Read, Edit\n---\n\nBe brief.\n"
)
EXAMPLES = "---\nname: x\ndescription: Do.\n<example>\nuser: a: b\n</example>\nmodel: opus\n---\nB\n"
SKILL = "---\nname: house-style\ndescription: How texts are written here.\n---\n\nShort words.\n"


def put(root: Path, path: str, content: str | bytes) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)


def agent(root: Path, content: str | bytes, name: str = "an-agent") -> Imported:
    put(root, f".claude/agents/{name}.md", content)
    return import_project(root)


def edit(root: Path, **changes: dict[str, dict[str, object]]) -> None:
    """Change entries of the project's file: `agents={"copy-editor": {"owns": ["docs/**"]}}`."""
    place = root / MAPPING
    mapping = yaml.safe_load(place.read_text())
    for part, entries in changes.items():
        for name, values in entries.items():
            mapping[part][name].update(values)
    place.write_text(yaml.safe_dump(mapping))


def test_agents_and_skills_become_those_of_a_pipeline_once_it_is_said_what_they_own(tmp_path: Path) -> None:
    put(tmp_path, ".claude/agents/copy-editor.md", AGENT)
    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL)
    found = import_project(tmp_path)
    assert found.warnings == ()
    project = project_at(tmp_path)
    assert project is not None
    assert "copy-editor" not in project.workflows.pipeline().names  # it owns nothing yet

    edit(tmp_path, agents={"copy-editor": {"owns": ["docs/**"]}}, skills={"house-style": {"agent": "copy-editor"}})
    assert import_project(tmp_path).mapping.agents["copy-editor"].owns == ("docs/**",)
    project = project_at(tmp_path)
    assert project is not None
    own = project.workflows.pipeline().step("copy-editor").agent
    assert isinstance(own, Agent)
    assert (own.owns, own.writes, own.title) == (("docs/**",), "copy-editor-handoff", "Copy Editor")
    skills = {skill.name: skill for skill in project.registry.skills if "copy-editor" in skill.agents}
    assert skills["copy-editor"].description == "Edits texts. Use when text changed."
    assert skills["copy-editor"].instructions() == "Be brief.\n"
    assert skills["house-style"].blueprint().contribute is None


def test_an_agent_gets_the_skills_that_it_names(tmp_path: Path) -> None:
    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL)
    found = agent(tmp_path, AGENT.replace("tools: Read, Edit", "skills: [house-style, other]"), "copy-editor")
    assert found.mapping.skills["house-style"].agent == "copy-editor"


@pytest.mark.parametrize(
    ("content", "name", "description", "warning"),
    [
        (AGENT.replace("\n", "\r\n"), "copy-editor", "Edits texts. Use when text changed.", None),
        (codecs.BOM_UTF8 + AGENT.encode(), "copy-editor", "Edits texts. Use when text changed.", None),
        (AGENT.encode("utf-16"), "copy-editor", "Edits texts. Use when text changed.", "is UTF-16, not UTF-8"),
        (AGENT.encode() + b"\xff", "copy-editor", "Edits texts. Use when text changed.", "line 8 is not UTF-8"),
        (AGENT + "\0", "copy-editor", "Edits texts. Use when text changed.", "holds NUL characters"),
        ("\n\n" + AGENT, "copy-editor", "Edits texts. Use when text changed.", None),
        ("# Title\n\nFirst words\nof it.\n", "an-agent", "First words of it.", "has no front matter"),
        ("---\nname: x\n\nNever ends.\n", "an-agent", "name: x", "its front matter has no end"),
        ("---\n---\nWords.\n", "an-agent", "Words.", None),
        ("---\nname: x-y\ndescription: Use when: asked\n---\nB\n", "x-y", "Use when: asked", "read line by line"),
        ("---\nname: x-y\ndescription: |\n  Two\n  lines\n---\nB\n", "x-y", "Two lines", None),
        ("---\nname:\tx-y\ndescription:\ttabs\ntools:\n\t- Swim\n---\nB\n", "x-y", "tabs", "tools: `Swim`"),
        ("---\nname: x-y\nname: z\ndescription: d\n---\nB\n", "z", "d", "`name` is there more than once"),
        ("---\nname: My Agent!\ndescription: d\n---\nB\n", "my-agent", "d", "should be lower-case letters"),
        ("---\nname: 7\ndescription: yes\n---\nB\n", "7", "yes", None),
        ("---\nname: [a, b]\ndescription: d\n---\nB\n", "a-b", "d", "`name` is missing"),
        ("---\n- a\n- b\n---\nB\n", "an-agent", "B", "its front matter is not a mapping"),
        ("---\na: &a [x]\nb: *a\n---\nB\n", "an-agent", "B", "aliases are not read"),
        ("---\nname: ß\ndescription: d\n---\nB\n", "an-agent", "d", "should be lower-case letters"),
        ("---\nname: x\ndescription: d\ntools: Fly, mcp__a__b, Bash(git add:*)\n---\nB\n", "x", "d", "tools: `Fly`"),
        ("---\nname: x-y\ndescription: d\ntools:\n  - Read\n  - Swim\n---\nB\n", "x-y", "d", "unknown tools: `Swim`"),
        ("---\nname: x-y\ndescription: d\nmodel: gpt-7\n---\nB\n", "x-y", "d", "`model` is `gpt-7`"),
        ("---\nname: x-y\ndescription: d\nfoo: 1\n---\nB\n", "x-y", "d", "unknown keys: `foo`"),
        ("---\nname: test-agent\ndescription: d\n---\nB\n", "own-test-agent", "d", "is called `own-test-agent`"),
        (EXAMPLES, "x", "Do. <example>", "read line by line"),
        (f"---\nname: {'n' * 80}\ndescription: d\n---\nB\n", "n" * 64, "d", "at most 64"),
        (f"---\nname: x-y\ndescription: {'d' * 2000}\n---\nB\n", "x-y", "d" * 1023 + "…", "cut to 1,024"),
    ],
)  # fmt: skip
def test_whatever_an_agent_looks_like_it_is_taken(
    tmp_path: Path, content: str | bytes, name: str, description: str, warning: str | None
) -> None:
    found = agent(tmp_path, content)
    (piece,) = found.agents
    assert (list(found.mapping.agents), piece.description) == ([name], description)
    if warning is None:
        assert [each for each in found.warnings if "`name` is missing" not in each and "description" not in each] == []
    else:
        assert any(warning in each for each in found.warnings), found.warnings
    edit(tmp_path, agents={name: {"owns": ["docs/**"]}})
    import_project(tmp_path)
    project = project_at(tmp_path)
    assert project is not None
    assert name in project.workflows.pipeline().names


def test_what_is_no_agent_is_passed_over_and_said(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "secret.md", AGENT)
    root = tmp_path / "w"
    put(root, ".claude/agents/README.md", "# About\n")
    put(root, ".claude/agents/notes.txt", "no\n")
    put(root, ".claude/agents/empty.md", "")
    put(root, ".claude/agents/huge.md", b"x" * 1_000_001)
    put(root, ".claude/agents/team/nested/deep.md", AGENT.replace("copy-editor", "deep-one"))
    put(root, ".claude/skills/pdf/reference/guide.md", "no\n")
    (root / ".claude/agents/out.md").symlink_to(outside / "secret.md")
    (root / ".claude/agents/gone.md").symlink_to(root / "nowhere")
    (root / ".claude/agents/in.md").symlink_to(root / ".claude/agents/team/nested/deep.md")
    (root / ".claude/agents/folder").symlink_to(outside)
    os.mkfifo(root / ".claude/agents/pipe.md")
    found = import_project(root)
    assert {Path(each.source).name: each.reason for each in found.skipped} == {
        "README.md": "it has no front matter, and is named like a document about the others",
        "empty.md": "it is empty",
        "huge.md": "it has more than 1,000,000 bytes",
        "out.md": "it is a link that leads out of the project",
        "gone.md": "it cannot be read: No such file or directory",
        "folder": "it is a link to a folder; links to folders are not followed",
        "pipe.md": "it cannot be read: it is a pipe, not a regular file",
    }
    assert sorted(found.mapping.agents) == ["deep-one", "own-deep-one"]


def test_names_that_are_no_text_and_folders_of_plugins_are_read_too(tmp_path: Path) -> None:
    put(tmp_path, "agents/a.md", AGENT)
    place = os.fsencode(tmp_path) + b"/agents/\xff\xfe.md"
    with open(place, "wb") as file:  # noqa: PTH123  # a path that is no text
        file.write(b"words\n")
    found = import_project(tmp_path)
    assert len(found.agents) == 2
    assert project_at(tmp_path) is not None


def test_importing_again_keeps_what_people_said_and_drops_what_is_gone(tmp_path: Path) -> None:
    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL)
    agent(tmp_path, AGENT, "copy-editor")
    edit(tmp_path, agents={"copy-editor": {"owns": ["docs/**"], "reads": ["test-agent-output"]}})
    before = import_project(tmp_path).mapping
    text = (tmp_path / MAPPING).read_text()
    assert import_project(tmp_path).mapping == before
    assert (tmp_path / MAPPING).read_text() == text
    assert before.agents["copy-editor"].reads == ("test-agent-output",)
    (tmp_path / ".claude/agents/copy-editor.md").unlink()
    assert import_project(tmp_path).gone == ("copy-editor",)
    assert not (tmp_path / ".baton/skills/copy_editor").exists()


def test_a_skill_that_people_wrote_beside_imported_ones_is_used_and_never_touched(tmp_path: Path) -> None:
    written = (
        "---\nname: house-style\ndescription: Ours.\nmetadata:\n  agent: test-agent\n  provides: style=House\n---\n"
    )
    put(tmp_path, ".baton/skills/house_style/SKILL.md", written)
    alone = project_at(tmp_path)
    assert alone is not None
    assert alone.registry.skill("house-style").provides == (("style", "House"),)

    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL)
    agent(tmp_path, AGENT, "copy-editor")
    edit(tmp_path, skills={"own-house-style": {"agent": "test-agent"}})
    import_project(tmp_path)

    project = project_at(tmp_path)
    assert project is not None
    assert {"house-style", "own-house-style"} <= {skill.name for skill in project.registry.skills}
    assert (tmp_path / ".baton/skills/house_style/SKILL.md").read_text() == written


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"owns": ["app/**"]},
            "agents.copy-editor.owns: `app/**` may mean files that `app/**` of python-backend-agent",
        ),
        ({"owns": ["**/*.md"]}, "may mean files that"),
        ({"owns": ["../x"]}, "is nothing that an agent may own: it leaves the workspace"),
        ({"owns": [".claude/x"]}, "is nothing that an agent may own: it uses the reserved name"),
        ({"owns": [".git/hooks/*"]}, "is nothing that an agent may own: it uses the reserved name `.git`"),
        ({"reads": ["nothing-there"]}, "agents.copy-editor.reads: there is no handoff `nothing-there`"),
        ({"owner": "me"}, "entry `agents.copy-editor.owner`"),
        ({"owns": 7}, "entry `agents.copy-editor.owns`"),
    ],
)
def test_a_project_file_that_cannot_be_used_says_where(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    agent(tmp_path, AGENT, "copy-editor")
    edit(tmp_path, agents={"copy-editor": changes})
    with pytest.raises(ProjectInvalid) as caught:
        project_at(tmp_path)
    assert said in str(caught.value)
    assert MAPPING in str(caught.value)


def test_a_skill_that_was_given_away_since_has_to_be_imported_again(tmp_path: Path) -> None:
    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL)
    import_project(tmp_path)
    edit(tmp_path, skills={"house-style": {"agent": "frontend-agent"}})
    with pytest.raises(ProjectInvalid, match=r"`house-style`: not as they were imported; `baton import`"):
        project_at(tmp_path)
    import_project(tmp_path)
    project = project_at(tmp_path)
    assert project is not None
    assert project.registry.skill("house-style").agents == ("frontend-agent",)


def test_a_project_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingToImport, match=r"neither `\.claude/agents"):
        import_project(tmp_path)


def test_the_command_says_what_to_do_next_and_the_others_know_what_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, ".claude/skills/house-style/SKILL.md", SKILL.replace("house-style", "House Style"))
    agent(tmp_path, AGENT, "copy-editor")
    said = baton("import", tmp_path)
    assert said.returncode == 0, said.stderr
    for line in (
        "warning: .claude/skills/house-style/SKILL.md: `name` is `House Style`; it should be lower-case",
        "1 agents, 1 skills, 2 warnings",
        "own nothing yet, so do not work: copy-editor",
        "have no agent yet: house-style",
        "say what they own and whose they are in .baton/project.yaml, then: baton import",
    ):
        assert line in said.stdout
    edit(tmp_path, agents={"copy-editor": {"owns": ["docs/**"]}}, skills={"house-style": {"agent": "frontend-agent"}})
    assert json.loads(baton("import", tmp_path, "--json").stdout)["agents"]["copy-editor"]["owns"] == ["docs/**"]
    (tmp_path / "prd.md").write_text((Path(__file__).parents[3] / "examples" / "todo-lists.md").read_text())
    monkeypatch.chdir(tmp_path)
    assert "house-style (frontend-agent, always)" in baton("skills").stdout
    assert "copy-editor\n  owns    docs/**\n  reads   feature-prd\n" in baton("agents").stdout
    assert "+ copy-editor: 1 of its 1 skills apply" in baton("plan", "prd.md").stdout


def test_names_become_those_of_skills() -> None:
    assert [slug(each) for each in ("Code Reviewer", "a__b", "Ärger", "日本", "-x-", "n" * 99)] == [
        "code-reviewer", "a-b", "arger", "", "x", "n" * 64,
    ]  # fmt: skip


def test_tools_are_listed_with_commas_or_as_lists() -> None:
    assert words("Read, Bash(git add:*, git commit:*),  Edit ,") == ("Read", "Bash(git add:*, git commit:*)", "Edit")
    assert words(["Read", " Edit "]) == ("Read", "Edit")
    assert words({"Read": "x"}) == ()


def test_patterns_overlap_if_they_may_mean_the_same_file() -> None:
    assert overlap("docs/**", "docs/a.md")
    assert overlap("docs/a.md", "docs/**")
    assert overlap("**", "x")
    assert not overlap("docs/**", "app/**")
    assert not overlap("README.md", "README.rst")
    assert overlap("README.md", "README.md")


FRAGMENTS = st.sampled_from(
    [
        b"---\n", b"name: x\n", b"description: a: b\n", b"\t", b"- a\n", b"tools: [a, b\n", b"&a [*a]\n", b"? [x]: y\n",
        b"|\n", b">", b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"{", b"}", b"!!int ", b"<<: *x\n", b"'", b'"',
        b"%YAML", b"...\n", b"\r\n", b"[[[[", b"2024-99-99", b"skills: [", b"\xed\xa0\x80", b"\xe2\x80\xa8",
    ]
)  # fmt: skip
FILES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=30).map(
        lambda parts: b"---\n" + b"".join(parts) + b"\n---\nbody"
    ),
)


@settings(max_examples=300, deadline=None)
@given(raw=FILES)
def test_no_bytes_crash_the_reading(raw: bytes) -> None:
    found = lenient_front_matter.read(raw)
    for problems in (subagent_problems(found.front), skill_problems(found.front, "x"), command_problems(found.front)):
        assert all(isinstance(each, str) for each in problems)
    assert (found.text("name") + found.body + "".join(found.warnings)).encode()


@settings(max_examples=15, deadline=None)
@given(raw=FILES, name=st.text(alphabet="ab-_ .ß", min_size=1, max_size=6).filter(lambda text: text.strip(". ")))
def test_no_bytes_crash_an_import(tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str) -> None:
    root = tmp_path_factory.mktemp("project")
    put(root, f".claude/agents/{name}.md", raw)
    put(root, f".claude/skills/{name}/SKILL.md", raw)
    found = import_project(root)
    assert len(found.agents) + len(found.skills) + len(found.skipped) == 2
    edit(root, skills={each: {"agent": "frontend-agent"} for each in found.mapping.skills})
    import_project(root)
    assert project_at(root) is not None
