from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agents.contracts import Agent
from agents.ownership import owns
from orchestrator.steps.workspace import PublishFailed, Workspace, WorkspaceBusy, WorkspaceConflict, WorkspaceUnusable
from schemas.handoffs import ArchitectOutput


def agent(*owned: str, excludes: tuple[str, ...] = ()) -> Agent:
    return Agent(
        name="a-agent",
        title="A",
        reads=(),
        writes="architect-output",
        owns=owned,
        excludes=excludes,
        guards=(),
        checks=(),
        compose=lambda work: ArchitectOutput(task=work.task),
    )


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("path", "owned"),
    [
        ("tests/test_a.py", True),
        ("tests/deep/er/x.py", True),
        ("tests/unit/test_b.py", False),
        ("tests", False),
        ("xtests/test_a.py", False),
        ("pyproject.toml", True),
        ("pyproject.toml.bak", False),
        ("sub/pyproject.toml", False),
    ],
)
def test_double_stars_cross_folders_and_exclusions_win(path: str, owned: bool) -> None:  # noqa: FBT001 - a table
    assert owns(agent("tests/**", "pyproject.toml", excludes=("tests/unit/**",)), path) is owned


def test_files_that_baton_did_not_write_stop_it_and_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/mine.py").write_text("mine")
    (tmp_path / "app/changed.py").write_text("changed")
    (tmp_path / "app/kept.py").write_text("kept")
    (tmp_path / "notes.txt").write_text("elsewhere")
    recorded = {"app/changed.py": sha("before"), "app/kept.py": sha("kept")}
    with pytest.raises(WorkspaceConflict) as conflict:
        Workspace(tmp_path).refuse_conflicts([agent("app/**")], recorded)
    assert conflict.value.files == ("app/changed.py", "app/mine.py")
    assert "app/mine.py" in str(conflict.value)


def test_what_tools_leave_and_foreign_files_elsewhere_are_no_conflict(tmp_path: Path) -> None:
    for path in ("app/__pycache__/x.pyc", "app/.env", "frontend/node_modules/a/b.js", "frontend/dist/i.js", "doc.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    Workspace(tmp_path).refuse_conflicts([agent("app/**", "frontend/**")], {})


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("app", "link"), ("app", "file"), ("app", "dangling"), ("app/core", "link"), ("tests", "link"),
        ("tests/unit", "link"), ("alembic.ini", "folder"), (".claude", "file"), (".claude/handoff", "file"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_found_before_anything_is_written(tmp_path: Path, path: str, how: str) -> None:
    (tmp_path / "out").mkdir()
    workspace = tmp_path / "w"
    place = workspace / path
    place.parent.mkdir(parents=True)
    match how:
        case "link":
            place.symlink_to(tmp_path / "out")
        case "dangling":
            place.symlink_to(tmp_path / "nowhere")
        case "file":
            place.write_text("mine")
        case _:
            place.mkdir()
    with pytest.raises(WorkspaceConflict) as conflict:
        Workspace(workspace).refuse_conflicts([agent("app/**", "tests/unit/**", "alembic.ini")], {})
    assert conflict.value.files == (path,)


def test_a_refused_publication_leaves_no_folder_behind(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "app").symlink_to(tmp_path)
    with pytest.raises(PublishFailed, match="symbolic link"):
        Workspace(workspace).publish({"alembic/env.py": b"x", "app/x.py": b"x"}, dict)
    assert [path.name for path in workspace.iterdir()] == ["app"]
    (workspace / "app").unlink()
    (workspace / "app").write_text("a file")
    with pytest.raises(PublishFailed, match="Nothing was changed"):
        Workspace(workspace).publish({"alembic/env.py": b"x", "app/x.py": b"x"}, dict)
    assert [path.name for path in workspace.iterdir()] == ["app"]


def test_a_symbolic_link_where_baton_would_write_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "app").symlink_to(tmp_path / "out")
    with pytest.raises(WorkspaceConflict):
        Workspace(workspace).refuse_conflicts([agent("app", "app/**")], {})
    with pytest.raises(PublishFailed, match="symbolic link"):
        Workspace(workspace).publish({"app/x.py": b"x"}, dict)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_workspace_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(WorkspaceUnusable, match="is a file"):
            Workspace(path)


def test_a_read_only_workspace_is_refused() -> None:
    """As an ordinary user: root may write anywhere."""
    code = """
        import os
        from pathlib import Path
        from orchestrator.steps.workspace import Workspace
        if os.geteuid() == 0:
            os.setuid(65534)
        Workspace(Path("/usr/share/new"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert "WorkspaceUnusable" in done.stderr
    assert "read-only" in done.stderr


def test_publishing_replaces_what_baton_wrote_and_removes_what_is_no_longer_produced(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.publish({"app/a.py": b"1", "app/old/b.py": b"2", "app/old/c.py": b"3"}, dict)
    recorded = {path: sha(text) for path, text in {"app/a.py": "1", "app/old/b.py": "2", "app/old/c.py": "3"}.items()}
    (tmp_path / "app/old/c.py").write_text("edited")

    workspace.publish({"app/a.py": b"new"}, lambda: recorded, removed=recorded)

    assert (tmp_path / "app/a.py").read_text() == "new"
    assert not (tmp_path / "app/old/b.py").exists()
    assert (tmp_path / "app/old/c.py").read_text() == "edited"
    assert not (tmp_path / ".claude/.arriving").exists()


def test_a_file_that_came_while_the_run_worked_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("mine")
    with pytest.raises(WorkspaceConflict, match=r"b\.py"):
        Workspace(tmp_path).publish({"a.py": b"1", "b.py": b"2"}, dict)
    assert not (tmp_path / "a.py").exists()


def test_an_unchanged_file_is_not_written_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.publish({"a.py": b"1"}, dict)
    before = (tmp_path / "a.py").stat()
    workspace.publish({"a.py": b"1"}, dict)
    assert (tmp_path / "a.py").stat().st_ino == before.st_ino


def test_a_full_disk_leaves_the_workspace_as_it_was(tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the write of the second file fails half-way."""
    workspace = Workspace(tmp_path)
    workspace.publish({"a.py": b"old"}, dict)
    code = """
        import resource, signal, sys
        from pathlib import Path
        from orchestrator.steps.workspace import Workspace
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        Workspace(Path(sys.argv[1])).publish({"a.py": b"new", "b.py": b"x" * 5000}, lambda: {"a.py": {sys.argv[2]}})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), sha("old")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PublishFailed" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert (tmp_path / "a.py").read_text() == "old"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.py"]


def test_a_second_run_in_the_same_workspace_is_refused(tmp_path: Path) -> None:
    with Workspace(tmp_path / "new").lock():
        with pytest.raises(WorkspaceBusy, match="another run"), Workspace(tmp_path / "new").lock():
            pass
        with Workspace(tmp_path / "other").lock():
            pass
    with Workspace(tmp_path / "new").lock():
        pass
