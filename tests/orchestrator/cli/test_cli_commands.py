"""The command line as a person or a script uses it: what it prints, how it exits."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS, GROUPS, main
from orchestrator.cli.summary import show_result
from orchestrator.records.result import RunResult
from orchestrator.records.sanitize import sanitize
from orchestrator.storage.postgres import Server

pytestmark = pytest.mark.slow

TODO = Path(__file__).parents[3] / "examples" / "todo-lists.md"


@dataclass
class Said:
    returncode: int
    stdout: str
    stderr: str


def baton(*words: str | Path, **env: str) -> Said:
    """Run the command in this process: what it does is the same, and a hundred imports are saved."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["baton", *map(str, words)])
        for name, value in {"COLUMNS": "200", **env}.items():
            patch.setenv(name, value)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch, baton_home: Path) -> None:
    monkeypatch.setenv("BATON_DATABASE_URL", server.database)
    monkeypatch.setenv("BATON_HOME", str(baton_home))


def imported_by(*words: str) -> set[str]:
    code = (
        "import sys\nfrom orchestrator.cli.main import main\nsys.argv = ['baton', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('modules', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    return set(done.stderr.rpartition("modules")[2].split())


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ("handoff", "check", str(TODO))])
def test_commands_that_run_nothing_import_no_langgraph(words: tuple[str, ...]) -> None:
    modules = imported_by(*words)
    assert "orchestrator.cli.main" in modules
    assert not modules & {"langgraph", "langchain_core", "langsmith"}


def test_help_names_every_command_and_imports_none_of_them() -> None:
    modules = imported_by("--help")
    assert not {f"orchestrator.cli.{module}" for module, _ in COMMANDS.values()} & modules
    said = baton("--help").stdout
    assert all(f"  {name} " in said for name in COMMANDS)
    groups = [line.removesuffix(":") for line in said.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["Options", *GROUPS]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_used(name: str) -> None:
    done = baton(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Usage: baton {name}" in done.stdout


def test_the_version_is_the_installed_one() -> None:
    assert baton("--version").stdout.startswith("baton 0.")


@pytest.mark.parametrize(
    "words", [("nonsense",), ("run",), ("run", TODO, "--nonsense"), ("runs", "--limit", "0"), ("handoff", "check")]
)
def test_wrong_usage_exits_with_2(words: tuple[str | Path, ...]) -> None:
    assert baton(*words).returncode == 2


BAD_PRDS = {
    "empty": (b"", "empty"),
    "a NUL byte": (b"# Feature PRD: A\0B\n", "NUL"),
    "not UTF-8": (b"# Feature PRD: \xff\n", "UTF-8"),
    "too large": (b"# Feature PRD: A\n" + b"x" * 5_000_000, "too large"),
    "another type": (TODO.read_bytes().replace(b"| boolean |", b"| bolean |"), "boolean"),
    "another entity": (TODO.read_bytes().replace(b"| TodoList |", b"| TodoLost |"), "TodoList"),
    "another rule": (TODO.read_bytes().replace(b"default false", b"defualt false"), "default"),
    "another label": (TODO.read_bytes().replace(b"**Filter:**", b"**Fliter:**"), "Filter"),
    "another field": (TODO.read_bytes().replace(b"due_at, priority", b"due_on, priority"), "due_at"),
    "a default outside the enum": (TODO.read_bytes().replace(b"default grey", b"default pink"), "pink"),
    "min > max": (TODO.read_bytes().replace(b"min 1; max 5", b"min 5; max 1"), "the smallest allowed is larger"),
    "another backend": (TODO.read_bytes().replace(b"| Backend | Python |", b"| Backend | Go |"), "@go-specialist"),
    "Django": (TODO.read_bytes().replace(b"| FastAPI |", b"| Django |"), "not implemented yet"),
}


@pytest.mark.parametrize("fault", BAD_PRDS)
@pytest.mark.usefixtures("database")
def test_a_bad_prd_is_explained_and_nothing_is_written(fault: str, tmp_path: Path) -> None:
    content, said = BAD_PRDS[fault]
    (tmp_path / "prd.md").write_bytes(content)
    done = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / "w")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.usefixtures("database")
def test_bad_places_and_names_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    foreign = tmp_path / "foreign"
    (foreign / "app").mkdir(parents=True)
    (foreign / "app/main.py").write_text("mine")
    for words, said in (
        (("run", tmp_path / "none.md"), "baton init"),
        (("run", tmp_path), "is a folder"),
        (("run", TODO, "--workspace", tmp_path / "file"), "is a file"),
        (("run", TODO, "--workspace", foreign), "app/main.py"),
        (("run", TODO, "--workspace", tmp_path / "w", "--agents", "databse-agent"), "did you mean `database-agent`"),
        (("plan", tmp_path / "none.md"), "baton init"),
        *(((command, "nope"), "no run `nope`") for command in ("resume", "show", "cancel", "stop", "retry", "approve")),
        (("answer", "nope", "q", "v"), "no run `nope`"),
        (("fork", "nope", "--workspace", tmp_path / "w"), "no run `nope`"),
        (("handoff", "check", tmp_path / "none.md"), "none.md"),
        (("handoff", "check", "--workspace", tmp_path), "no handoffs"),
        (("handoff", "show", tmp_path / "file"), "--contract"),
    ):
        done = baton(*words)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "w").exists()
    assert (foreign / "app/main.py").read_text() == "mine"


@pytest.mark.usefixtures("database")
def test_a_folder_that_is_not_empty_is_only_written_to_if_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prd, mine, empty = (tmp_path / name for name in ("prd.md", "mine", "empty"))
    prd.write_text("# Feature PRD: Thoughts\n\nPeople think.\n")
    for folder in (mine, empty):
        folder.mkdir()
    (mine / "notes.txt").write_text("mine")
    monkeypatch.chdir(mine)
    for words in (("run", prd), ("run", prd, "--json"), ("phase14", "run", TODO)):
        done = baton(*words)
        assert done.returncode == 2
        assert "`--workspace .`" in done.stderr + done.stdout
        assert [each.name for each in mine.iterdir()] == ["notes.txt"]
    assert baton("run", prd, "--workspace", ".").returncode == 3
    monkeypatch.chdir(empty)
    assert baton("run", TODO, "--approve", "plan").returncode == 3
    assert baton("cancel", "latest").returncode == 0
    (empty / "more.txt").write_text("beside the app")
    assert baton("run", TODO, "--approve", "plan").returncode == 3  # the same app's: it was here before
    assert baton("cancel", "latest").returncode == 0
    assert baton("run", prd).returncode == 2


@pytest.mark.usefixtures("database")
def test_with_json_a_refusal_is_json_too(tmp_path: Path) -> None:
    for words in (("plan", tmp_path / "none.md"), ("run", tmp_path / "none.md"), ("show", "nope"), ("resume", "nope")):
        done = baton(*words, "--json")
        said = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (2, "")
        assert (said["type"], said["exit_code"]) == ("error", 2)
        assert "baton" in said["message"]


def test_a_mistyped_command_names_the_nearest() -> None:
    assert "Did you mean 'handoff'" in baton("hanoff").stderr


@pytest.mark.usefixtures("database")
def test_a_path_is_never_broken_in_two(tmp_path: Path) -> None:
    workspace = tmp_path / ("long-" * 20) / ("folder-" * 20)
    (tmp_path / "prd.md").write_text("# Feature PRD: Thoughts\n\nPeople think.\n")
    baton("run", tmp_path / "prd.md", "--workspace", workspace)
    assert f" {workspace}" in baton("runs", COLUMNS="40").stdout


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("place", ["prd.md", "w/.claude/handoff/database-agent-output.md", "w/.baton/project.yaml"])
def test_a_pipe_is_refused_and_nobody_waits_for_its_writer(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / place)
    prd = tmp_path / "prd.md" if place == "prd.md" else TODO
    done = baton("run", prd, "--workspace", tmp_path / "w")
    assert (done.returncode, "it is a pipe, not a regular file" in done.stderr) == (2, True), done.stderr
    assert Path(place).name in done.stderr


@pytest.mark.usefixtures("database")
def test_prose_asks_with_exit_code_3_and_the_conversation_can_go_on(tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_text("# Feature PRD: Thoughts\n\nPeople think.\n")
    workspace = tmp_path / "w"
    done = baton("run", tmp_path / "prd.md", "--workspace", workspace, "--json")
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["type"] == "result"
    assert result["status"] == "waiting"
    (question,) = result["questions"]
    assert "Entities" in question["text"]
    shown = f".claude/handoff/questions/{question['id']}.md"
    assert [path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file()] == [shown]

    run = result["run"]
    assert question["id"] in baton("show", run).stdout
    assert "waiting" in baton("runs").stdout
    assert f"baton answer {run} {question['id']}" in baton("resume", run).stdout
    assert baton("resume", run).returncode == 3
    assert baton("run", TODO, "--workspace", workspace).returncode == 2
    assert baton("cancel", run).returncode == 0
    assert list(workspace.iterdir()) == []
    assert json.loads(baton("runs", "--json").stdout)[0]["status"] == "cancelled"


def test_a_plan_says_who_works_and_why(tmp_path: Path) -> None:
    (tmp_path / "prd.md").write_bytes(TODO.read_bytes().replace(b"| React |", b"| none |"))
    done = baton("plan", tmp_path / "prd.md")
    assert done.returncode == 0, done.stderr
    assert "+ database-agent" in done.stdout
    assert "- frontend-agent: needs frontend React, the stack has none" in done.stdout
    assert json.loads(baton("plan", TODO, "--json").stdout)["agents"][0]["name"] == "database-agent"


def test_choices_are_listed_with_their_default_and_who_provides_them() -> None:
    shown = baton("choices").stdout
    assert "Framework (by default FastAPI)\n  FastAPI: python-api-patterns, fastapi\n  nobody provides Django" in shown
    (frontend,) = (each for each in json.loads(baton("choices", "--json").stdout)["parts"] if each["key"] == "frontend")
    assert (frontend["part"], frontend["default"]) == ("Frontend", "React")
    assert [each["choice"] for each in frontend["choices"] if each["available"]] == ["React", "none"]


def test_init_writes_a_prd_that_can_be_planned_and_overwrites_nothing(tmp_path: Path) -> None:
    assert baton("init", tmp_path / "new").returncode == 0
    prd = tmp_path / "new/feature-prd.md"
    assert baton("plan", prd).returncode == 0
    prd.write_text("mine")
    again = baton("init", tmp_path / "new")
    assert (again.returncode, prd.read_text()) == (2, "mine")


def test_handoffs_are_checked_and_shown(tmp_path: Path) -> None:
    assert baton("handoff", "check", TODO).returncode == 0
    shown = json.loads(baton("handoff", "show", TODO, "--json").stdout)
    assert shown["data"]["title"] == "Todo lists"
    assert baton("handoff", "show", TODO).stdout.startswith("# Feature PRD: Todo lists\n")
    (tmp_path / "database-agent-output.md").write_text("# Something else\n")
    (tmp_path / "feature-prd.md").write_text("")
    broken = baton("handoff", "check", tmp_path / "database-agent-output.md", tmp_path / "feature-prd.md", TODO)
    assert broken.returncode == 2
    assert "database-agent-output.md" in broken.stderr
    assert "feature-prd.md" in broken.stderr
    assert "fine" in broken.stdout
    (tmp_path / "test-agent-output.md").mkdir()
    lines = baton("handoff", "check", tmp_path / "test-agent-output.md", TODO, "--json").stdout.splitlines()
    assert [json.loads(line)["fine"] for line in lines] == [False, True]
    assert baton("handoff", "show", tmp_path / "test-agent-output.md").returncode == 2


def test_agents_and_skills_are_listed_and_the_contracts_fit() -> None:
    assert "database-agent" in baton("agents").stdout
    assert "database-schema-expander (database-agent" in baton("skills").stdout
    done = baton("contracts", "check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("database")
def test_the_doctor_finds_this_machine_healthy_and_says_what_is_wrong_with_a_database() -> None:
    healthy = baton("doctor")
    assert healthy.returncode == 0, healthy.stdout
    ill = baton("doctor", BATON_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    assert ill.returncode == 1
    assert "✗ PostgreSQL" in ill.stdout
    assert "BATON_DATABASE_URL" in ill.stdout
    assert "hunter2" not in ill.stdout + ill.stderr
    homeless = baton("doctor", BATON_HOME="/dev/null/home")
    assert "Set BATON_HOME" in homeless.stdout


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_cleanly_and_it_can_be_resumed(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a job in the background is deaf
    program = [sys.executable, "-c", f"{heard}; from orchestrator.cli.main import main; main()"]
    process = subprocess.Popen(
        [*program, "run", str(TODO), "--workspace", str(tmp_path / "w"), "--agents", "database-agent", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    while '"step_started"' not in process.stdout.readline():
        pass
    time.sleep(0.1)
    process.send_signal(sent)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == code
    result = json.loads(output.splitlines()[-1])
    assert (result["type"], result["status"]) == ("result", "stopped")
    assert "Traceback" not in errors
    (record,) = json.loads(baton("runs", "--json").stdout)
    assert record["status"] == "stopped"
    assert baton("runs", "--workspace", tmp_path / "w").stdout.count("stopped") == 1


def test_text_that_steers_a_terminal_is_shown_and_not_obeyed() -> None:
    assert sanitize("\x1b[31mred\x07\r\u202e[bold]") == "\\x1b[31mred\\x07\\x0d\\x202e[bold]"
    assert sanitize("a\nb\tcäé🎉") == "a\nb\tcäé🎉"


@pytest.mark.parametrize("helps", ["baton retry r1", "baton fork r1 --workspace DIR"])
def test_what_is_advised_in_the_end_is_what_helps(capsys: pytest.CaptureFixture[str], helps: str) -> None:
    problem = f"a migration may not change. Build it in another folder: `{helps}`."
    show_result(RunResult(run="r1", status="failed", title="T", workspace="/w", problems=(problem,)))
    assert capsys.readouterr().out.splitlines()[-1] == f"try again with: {helps}"


def test_the_log_of_a_failure_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    result = RunResult(
        run="r",
        status="failed",
        title="T",
        workspace="/w",
        handoffs=(),
        files={},
        evidence=(),
        gaps=(),
        timings={},
        questions=(),
        problems=("check `ruff`: one fault\nlog: /logs/ruff.log",),
        log="/logs/ruff.log",
    )
    show_result(result)
    show_result(result.model_copy(update={"problems": ("check `ruff`: cut short",)}))
    assert capsys.readouterr().out.count("log: /logs/ruff.log") == 2
