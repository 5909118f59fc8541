"""Questions and control on the command line: asked on a terminal, answered from elsewhere, refused when wrong."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from orchestrator.records.answers import ANSWERS, QuestionKind, schema_of, words_of
from orchestrator.storage.postgres import Server
from orchestrator.storage.questions import AnswerRefused, Question, refuse_invalid
from schemas.base import JSON
from tests.orchestrator.cli.test_cli_commands import Said, baton
from tests.support.small_agents import Compiles, Kit
from tests.support.terminal import CTRL_C, CTRL_D, Terminal, on_terminal

pytestmark = pytest.mark.slow

CLI = Path(__file__).parents[3] / "tests/support/small_cli.py"
NESTED: JSON = 0
PROSE = "# Feature PRD: Small\n\nThings have names.\n"


@pytest.fixture
def small(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line, in this process, with the small agents."""
    monkeypatch.setattr("orchestrator.orchestrator.Workflows", kit.workflow_class())
    monkeypatch.setattr("orchestrator.orchestrator.Registry", kit.registry)
    return kit


def start(tmp_path: Path, *words: str, workspace: str = "w") -> tuple[Said, str]:
    """Run the small PRD off a terminal; return what was said, and the run's id."""
    done = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / workspace, *words)
    return done, json.loads(baton("runs", "--limit", "1", "--json").stdout)[0]["id"]


def shown(run: str) -> dict[str, object]:
    """Return the run's line of `baton show --json`."""
    lines = [json.loads(line) for line in baton("show", run, "--json").stdout.splitlines()]
    found: dict[str, object] = next(line for line in lines if line["type"] == "run")
    return found


def dump(server: Server) -> dict[str, list[str]]:
    """Return every row of every table of Baton's."""

    async def rows() -> dict[str, list[str]]:
        connection = await asyncpg.connect(server.database)
        tables = await connection.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'baton'")
        found = {}
        for (table,) in tables:
            each = await connection.fetch(f"SELECT t::text AS row FROM baton.{table} AS t")  # noqa: S608 - our tables
            found[table] = sorted(row["row"] for row in each)
        await connection.close()
        return found

    return asyncio.run(rows())


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- off a terminal


@pytest.mark.usefixtures("small")
def test_off_a_terminal_a_plan_is_shown_with_the_commands_that_decide(tmp_path: Path) -> None:
    done, run = start(tmp_path, "--approve", "plan")
    question = f"{run}-intake-1"
    assert done.returncode == 3
    for said in (
        "One agent: 1 of its 1 skills apply",
        "  - make-one",
        f"  baton approve {run} {question}\n",
        f"  baton reject {run} {question} --reason 'WHY'\n",
    ):
        assert said in done.stdout
    assert done.stdout.splitlines()[-1] == f"Answer, then go on with: baton resume {run}"
    assert done.stdout.count("Shall this be built?") == 1
    assert not (tmp_path / "w/one").exists()

    approved = baton("approve", run)
    assert (approved.returncode, approved.stdout) == (0, f"answered. Go on with: baton resume {run}\n")
    resumed = baton("resume", run)
    assert resumed.returncode == 0
    assert "completed: Small ->" in resumed.stdout
    assert (tmp_path / "w/one/names.py").is_file()


@pytest.mark.usefixtures("small")
def test_nothing_is_asked_off_a_terminal_unless_it_is_wanted(tmp_path: Path) -> None:
    assert start(tmp_path)[0].returncode == 0


@pytest.mark.usefixtures("small")
def test_a_rejected_plan_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    _, run = start(tmp_path, "--approve", "plan")
    done = baton("reject", run, "--reason", "too much", "--resume")
    assert done.returncode == 1
    assert "intake: rejected: too much" in done.stdout
    assert "answered by a person: reject: too much" in baton("show", run).stdout
    assert list((tmp_path / "w").iterdir()) == []


@pytest.mark.usefixtures("small")
def test_each_agent_may_be_approved_one_after_the_other(tmp_path: Path) -> None:
    done, run = start(tmp_path, "--approve", "each-agent", "--agents", "one-agent,two-agent")
    assert "one-agent asks:" in done.stdout
    assert not (tmp_path / "w/one").exists()
    second = baton("approve", run, "--resume")
    assert (second.returncode, "two-agent asks:" in second.stdout) == (3, True)
    assert baton("approve", run, "--resume").returncode == 0
    attempts = {each["step"]: each["attempt"] for each in shown(run)["attempts"]}  # type: ignore[attr-defined]
    assert attempts == {"intake": 1, "one-agent": 2, "two-agent": 2}


@pytest.mark.usefixtures("small")
def test_an_agent_that_works_again_is_approved_again(tmp_path: Path) -> None:
    _, run = start(tmp_path, "--approve", "each-agent", "--agents", "one-agent,two-agent")
    for _ in range(2):
        done = baton("approve", run, "--resume")
    assert done.returncode == 0
    again = baton("retry", run, "--from", "two-agent")
    assert (again.returncode, "two-agent asks:" in again.stdout) == (3, True)
    assert baton("approve", run, "--resume").returncode == 0


def test_a_failed_step_asks_what_to_do_if_that_is_wanted(small: Kit, tmp_path: Path) -> None:
    flag = tmp_path / "fixed"
    code = f"import pathlib; assert pathlib.Path({str(flag)!r}).exists(), 'boom'"
    small.checks = {"two": (replace(Compiles("two"), code=code),)}
    done, run = start(tmp_path, "--on-failure", "ask")
    assert done.returncode == 3
    assert "boom" in done.stdout
    assert f"  baton answer {run} {run}-two-agent-1 retry\n" in done.stdout
    assert f"  baton answer {run} {run}-two-agent-1 'give up'\n" in done.stdout
    again = baton("answer", run, "retry", "--resume")
    assert (again.returncode, f"{run}-two-agent-2" in again.stdout) == (3, True)
    flag.touch()
    assert baton("answer", run, "retry", "--resume").returncode == 0


def test_given_up_it_fails_with_what_was_wrong(small: Kit, tmp_path: Path) -> None:
    small.checks = {"two": (replace(Compiles("two"), code="raise SystemExit('boom')"),)}
    _, run = start(tmp_path, "--on-failure", "ask")
    done = baton("answer", run, "give up", "--resume")
    assert done.returncode == 1
    assert "boom" in done.stdout
    assert done.stdout.splitlines()[-1] == f"try again with: baton retry {run}"


@pytest.mark.usefixtures("small")
def test_a_prd_is_named_by_its_full_path_and_looked_at_before_it_is_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = (tmp_path / "prd.md").read_text()
    (tmp_path / "prd.md").write_text(PROSE)
    done, run = start(tmp_path)
    assert (done.returncode, "Entities" in done.stdout) == (3, True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("better.md").write_text(PROSE)
    for wrong, said in (("nowhere.md", "there is no PRD"), ("better.md", "Entities"), (".", "is a folder")):
        refused = baton("answer", run, wrong)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    Path("better.md").write_text(complete)
    assert baton("answer", run, "better.md").returncode == 0
    monkeypatch.chdir(tmp_path)
    assert baton("resume", run).returncode == 0


@pytest.mark.usefixtures("small")
def test_a_question_that_nobody_answers_takes_its_default(tmp_path: Path) -> None:
    _, run = start(tmp_path, "--approve", "plan", "--answer-within", "0.2s")
    done = baton("resume", run)
    while done.returncode == 3:
        done = baton("resume", run)
    assert done.returncode == 1
    assert "rejected" in done.stdout
    assert "answered by its deadline: reject" in baton("show", run).stdout


def test_a_step_may_be_given_less_time(small: Kit, tmp_path: Path) -> None:
    small.checks = {"two": (replace(Compiles("two"), code="import time; time.sleep(60)"),)}
    done, _ = start(tmp_path, "--step-timeout", "1s")
    assert done.returncode == 1
    assert "--step-timeout" in done.stdout


def test_a_check_may_be_given_less_time_and_more_when_its_run_is_taken_up(small: Kit, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    waits = f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.05)"
    small.checks = {"two": (replace(Compiles("two"), code=waits),)}
    done, run = start(tmp_path, "--check-timeout", "1s")
    assert done.returncode == 1
    assert "still running after 1 s" in done.stdout
    again = baton("retry", run, "--check-timeout", "1.5s")
    assert (again.returncode, "still running after 1.5 s" in again.stdout) == (1, True)
    flag.touch()
    assert baton("retry", run, "--check-timeout", "2h").returncode == 0


@pytest.mark.parametrize("text", ["", "0", "-1s", "soon", "1w", "1h 30m", "nan", "1e3", "99999d", "٣m"])
def test_a_wrong_duration_is_explained(tmp_path: Path, text: str) -> None:
    (tmp_path / "prd.md").write_text(PROSE)
    done = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / "w", "--answer-within", text)
    assert done.returncode == 2
    assert "30m, 2h or 1d" in done.stderr or "ten years" in done.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.usefixtures("small")
def test_a_run_is_named_by_the_beginning_of_its_id_or_as_the_latest(tmp_path: Path) -> None:
    _, first = start(tmp_path, "--approve", "plan", workspace="a")
    _, second = start(tmp_path, "--approve", "plan", workspace="b")
    assert f"run {second}:" in baton("show", "latest").stdout
    assert f"run {first}:" in baton("show", first[:-1]).stdout
    several = baton("show", first[:6])
    assert (several.returncode, several.stdout) == (2, "")
    assert "the beginning of more than one run" in several.stderr
    assert first in several.stderr
    wrong = f"{first[:-1]}{'0' if first[-1] != '0' else '1'}"
    near = baton("cancel", wrong)
    assert near.returncode == 2
    assert f"did you mean `{first}`" in near.stderr
    assert f"did you mean `{second}`" in baton("show", second[-6:]).stderr
    assert baton("approve", "latest", "--resume").returncode == 0
    assert [row["status"] for row in json.loads(baton("runs", "--json").stdout)] == ["completed", "waiting"]


@pytest.mark.usefixtures("small")
def test_runs_are_listed_by_how_they_stand(tmp_path: Path) -> None:
    start(tmp_path, "--approve", "plan", workspace="a")
    start(tmp_path, workspace="b")
    for status, rows in (("waiting", 1), ("completed", 1), ("failed", 0), ("running", 0), ("killed", 0)):
        assert len(json.loads(baton("runs", "--status", status, "--json").stdout)) == rows
    assert baton("runs", "--status", "nonsense").returncode == 2


@pytest.mark.usefixtures("small")
def test_show_tells_of_attempts_answers_and_where_a_run_comes_from(tmp_path: Path) -> None:
    _, run = start(tmp_path, "--approve", "plan")
    baton("approve", run, "--resume")
    assert baton("retry", run, "--from", "two-agent").returncode == 0
    said = baton("show", run).stdout
    assert f"run {run}: completed" in said
    assert "taken up again 2 times" in said
    assert "two-agent           2  published, published" in said
    assert f"question {run}-intake-1 (approval): answered by a person: approve" in said

    fork = baton("fork", run, "--workspace", tmp_path / "copy", "--from", "three-agent")
    assert (fork.returncode, "Shall this be built?" in fork.stdout) == (3, True)
    assert baton("approve", "latest", "--resume").returncode == 0
    copy = json.loads(baton("runs", "--limit", "1", "--json").stdout)[0]
    assert copy["forked_from"] == run
    assert f"forked from {run}" in baton("show", "latest").stdout
    assert (tmp_path / "copy/three/names.py").read_bytes() == (tmp_path / "w/three/names.py").read_bytes()


@pytest.mark.usefixtures("small")
def test_a_run_s_handoff_is_shown_as_people_read_it(tmp_path: Path) -> None:
    _, run = start(tmp_path)
    shown = baton("handoff", "show", "latest")
    assert (shown.returncode, shown.stdout.startswith("# ")) == (0, True), shown
    assert shown.stderr.endswith("test-agent-output.md: test-agent-output\n")
    assert "sha256" not in shown.stdout
    prd = baton("handoff", "show", run, "--contract", "feature-prd")
    assert prd.stdout == (tmp_path / "prd.md").read_text()
    assert json.loads(baton("handoff", "show", run, "--contract", "feature-prd", "--json").stdout)["data"]
    none = baton("handoff", "show", run, "--contract", "api-contract")
    assert (none.returncode, "has no handoff" in none.stderr) == (2, True)
    assert baton("handoff", "show", "nope").returncode == 2


@pytest.mark.usefixtures("small")
def test_show_may_begin_after_an_event(tmp_path: Path) -> None:
    done, run = start(tmp_path, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    said = [json.loads(line) for line in baton("show", run, "--after", "3", "--json").stdout.splitlines()]
    assert said[: len(events) - 4] == events[4:]
    assert [line["type"] for line in said[len(events) - 4 :]] == ["run", "result"]


def test_a_resume_says_what_changed_meanwhile(small: Kit, tmp_path: Path) -> None:
    _, run = start(tmp_path, "--approve", "each-agent")
    with (small.skills / "make_one" / "blueprint.py").open("a") as file:
        file.write("# another\n")
    done = baton("approve", run, "--resume")
    assert done.stdout.startswith(
        "migrates: what the run was begun with changed\n  skill make-one of one-agent changed"
    )
    with (small.skills / "make_one" / "blueprint.py").open("a") as file:
        file.write("# and another\n")
    quiet = baton("approve", run, "--resume", "--json")
    lines = [json.loads(line) for line in quiet.stdout.splitlines()]
    assert quiet.returncode == 3
    assert not any(line["type"] == "resumption" for line in lines)  # the step of the changed skill is done


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, 1.5, "", "Approve", "reject", "approve\n", "reject:", [], ["approve"], {"answer": "approve"},
        "reject: \0", "reject: \ud800", float("nan"), float("inf"),
        functools.reduce(lambda each, _: [each], range(500), NESTED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(ANSWERS))
def test_any_value_is_an_answer_or_refused_with_a_reason(kind: QuestionKind, value: JSON) -> None:
    question = Question(id="q", run_id="r", node="n", kind=kind, text="t", answer_schema=schema_of(kind))
    fits: dict[str, list[JSON]] = {
        "approval": ["reject", "approve"],
        "draft": ["reject", "approve"],
        "prd": ["Approve", "reject", "approve\n", "reject:"],
    }
    value = words_of(kind, value)
    if value in fits.get(kind, []):
        refuse_invalid(question, value)
    else:
        with pytest.raises(AnswerRefused, match="The question is still open"):
            refuse_invalid(question, value)


# ---- bad input: explained, refused, nothing changed


@contextmanager
def unchanged(server: Server, *folders: Path) -> Iterator[None]:
    before = dump(server), [files_of(folder) for folder in folders]
    yield
    assert (dump(server), [files_of(folder) for folder in folders]) == before


@pytest.mark.usefixtures("small")
def test_wrong_answers_are_refused_and_the_question_stays_open(tmp_path: Path, server: Server) -> None:
    _, run = start(tmp_path, "--approve", "plan")
    question, workspace = f"{run}-intake-1", tmp_path / "w"
    with unchanged(server, workspace):
        for words, *said in (
            (
                ("answer", run, question, "perhaps"),
                "is not an answer to question",
                "Choose one of: `approve`, `reject`, `reject: WHY`.",
            ),
            (("answer", run, question, "5"), "is not an answer to question", "still open"),
            (("answer", run, question, "null"), "is not an answer to question"),
            (("answer", run, question, "[" * 5000), "is not an answer to question"),
            (("answer", run, question, "\udcff"), "not valid UTF-8"),
            (("answer", run, "q-1", "approve"), f"run `{run}` has no question `q-1`", question),
            (("answer", run, question, "not", "quoted"), "needs quotes"),
            (("approve", run, "q-1"), f"run `{run}` has no question `q-1`", question),
        ):
            done = baton(*words)
            assert (done.returncode, done.stdout) == (2, "")
            assert all(each in done.stderr for each in said), done.stderr
            assert "Traceback" not in done.stderr
    assert (workspace / ".claude/handoff/questions" / f"{question}.md").is_file()
    assert baton("approve", run, question).returncode == 0
    with unchanged(server, workspace):
        second = baton("answer", run, question, "reject")
        assert (second.returncode, "already has its answer" in second.stderr) == (2, True)
        third = baton("reject", run)
        assert (third.returncode, "asks for no approval" in third.stderr) == (2, True)
    assert baton("resume", run).returncode == 0
    with unchanged(server, workspace):
        late = baton("answer", run, question, "reject")
        assert (late.returncode, "has ended (completed)" in late.stderr) == (2, True)


def test_an_approval_is_no_answer_to_another_kind_of_question(small: Kit, tmp_path: Path, server: Server) -> None:
    small.checks = {"two": (replace(Compiles("two"), code="raise SystemExit('boom')"),)}
    _, run = start(tmp_path, "--on-failure", "ask")
    with unchanged(server, tmp_path / "w"):
        for words in (("approve", run), ("reject", run, f"{run}-two-agent-1")):
            done = baton(*words)
            assert (done.returncode, "asks for no approval" in done.stderr) == (2, True)


@pytest.mark.usefixtures("small")
def test_a_run_that_has_ended_is_only_retried(tmp_path: Path, server: Server) -> None:
    _, run = start(tmp_path)
    with unchanged(server, tmp_path / "w"):
        for words, said in (
            (("resume", run), f"baton retry {run}"),
            (("cancel", run), "has ended (completed)"),
            (("stop", run), "has ended (completed)"),
            (("answer", run, "yes"), "has no open question"),
            (("approve", run), "has no open question"),
            (("retry", run), "every step of run"),
            (("retry", run, "--from", "tow-agent"), "did you mean `two-agent`"),
        ):
            done = baton(*words)
            assert (done.returncode, done.stdout) == (2, "")
            assert said in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("small")
def test_a_changed_prd_or_a_deleted_workspace_refuses_to_go_on(tmp_path: Path, server: Server) -> None:
    _, run = start(tmp_path, "--approve", "each-agent")
    baton("approve", run)
    workspace, prd = tmp_path / "w", tmp_path / "w/.claude/handoff/feature-prd.md"
    original = prd.read_bytes()
    prd.write_bytes(original + b"\nMore.\n")
    with unchanged(server, workspace):
        done = baton("resume", run)
        assert (done.returncode, "is not the one that run" in done.stderr) == (2, True)
        assert f"`baton run {prd} --workspace DIR`" in done.stderr
    prd.write_bytes(original)
    workspace.rename(tmp_path / "moved")
    with unchanged(server, tmp_path / "moved"):
        for command in ("resume", "retry"):
            done = baton(command, run)
            assert (done.returncode, "is gone. Put it back" in done.stderr) == (2, True)
            assert f"baton fork {run} --workspace DIR" in done.stderr
    assert not workspace.exists()
    (tmp_path / "moved").rename(workspace)
    assert baton("resume", run).returncode == 3


@pytest.mark.usefixtures("small")
def test_a_fork_into_somebody_elses_folder_is_refused(tmp_path: Path, server: Server) -> None:
    _, run = start(tmp_path)
    (tmp_path / "mine/one").mkdir(parents=True)
    (tmp_path / "mine/one/names.py").write_text("mine")
    with unchanged(server, tmp_path / "w", tmp_path / "mine"):
        done = baton("fork", run, "--workspace", tmp_path / "mine")
        assert (done.returncode, "one/names.py" in done.stderr) == (2, True)
        done = baton("fork", run, "--workspace", tmp_path / "new", "--from", "for-agent")
        assert (done.returncode, "did you mean" in done.stderr) == (2, True)
    assert not (tmp_path / "new").exists()


# ---- processes: a terminal, signals, another process


@pytest.fixture
def words(kit: Kit) -> list[str]:
    """The command line with the small agents, as a program."""
    return [sys.executable, str(CLI), str(kit.skills), ""]


def outside(**more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "CI"}, "TERM": "xterm", **more}


@contextmanager
def person(words: list[str], tmp_path: Path, *more: str, **env: str) -> Iterator[Terminal]:
    run = ("run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w"))
    with on_terminal([*words, *(more or run)], outside(COLUMNS="200", **env)) as terminal:
        yield terminal


def status() -> str:
    return str(json.loads(baton("runs", "--json").stdout)[0]["status"])


@pytest.mark.parametrize("typed", ["y", "", "1"])
def test_a_person_is_asked_on_the_terminal_and_the_run_goes_on_at_once(
    words: list[str], tmp_path: Path, typed: str
) -> None:
    with person(words, tmp_path) as terminal:
        terminal.until("intake asks:")
        asked = terminal.until("answer: ")
        assert "Shall this be built?" in asked
        assert "Enter or y approves, n asks why and rejects" in asked
        for wrong in ("maybe", "3"):
            terminal.type(f"{wrong}\n")
            said = terminal.until("answer: ")
            assert "Enter or y approves" in said
            assert "schema" not in said
        terminal.type("e\n")
        assert "make-one" in terminal.until("answer: ")
        terminal.type(f"{typed}\n")
        said = terminal.until("completed: Small")
        assert "✓" in said
        assert terminal.end() == 0
    assert (tmp_path / "w/three/names.py").is_file()
    assert not (tmp_path / "w/.claude/handoff/questions").exists()


def test_who_says_no_on_the_terminal_is_asked_why(words: list[str], tmp_path: Path) -> None:
    with person(words, tmp_path) as terminal:
        terminal.until("answer: ")
        terminal.type("n\n")
        terminal.until("why not? ")
        terminal.type("too much\n")
        terminal.until("intake: rejected: too much")
        assert terminal.end() == 1


def test_a_failed_step_is_asked_about_on_the_terminal(kit: Kit, tmp_path: Path) -> None:
    flag = tmp_path / "fixed"
    code = f"import pathlib; assert pathlib.Path({str(flag)!r}).exists(), 'boom'"
    with person([sys.executable, str(CLI), str(kit.skills), code], tmp_path) as terminal:
        terminal.until("answer: ")
        terminal.type("app\n")
        assert "boom" in terminal.until("answer: ")
        flag.touch()
        terminal.type("ret\n")
        terminal.until("completed: Small")
        assert terminal.end() == 0


def test_an_agent_that_is_rejected_ends_the_run(words: list[str], tmp_path: Path) -> None:
    run = ("run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w"), "--approve", "each-agent")
    with person(words, tmp_path, *run) as terminal:
        terminal.until("one-agent asks:")
        terminal.until("answer: ")
        terminal.type("a\n")
        terminal.until("two-agent asks:")
        terminal.until("answer: ")
        terminal.type("reject: not this\n")
        terminal.until("two-agent: rejected: not this")
        terminal.until("cancelled: Small")
        assert terminal.end() == 1


def test_in_ci_nobody_is_asked_even_on_a_terminal(words: list[str], tmp_path: Path) -> None:
    with person(words, tmp_path, CI="true") as terminal:
        terminal.until("completed: Small")
        assert terminal.end() == 0


def test_what_was_typed_before_the_question_is_no_answer(words: list[str], tmp_path: Path) -> None:
    with person(words, tmp_path) as terminal:
        terminal.type("2\n")
        terminal.until("answer: ")
        terminal.type("1\n")
        terminal.until("completed: Small")
        assert terminal.end() == 0


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 3)])
def test_leaving_at_a_question_leaves_the_run_waiting(words: list[str], tmp_path: Path, key: str, code: int) -> None:
    with person(words, tmp_path) as terminal:
        terminal.until("answer: ")
        terminal.type(key)
        said = terminal.until("Answer, then go on with: baton resume ")
        assert "baton approve " in said
        assert terminal.end() == code
        assert "Traceback" not in terminal.screen
        run = terminal.screen.rsplit("baton resume ", 1)[1].strip()
    assert status() == "waiting"

    with person(words, tmp_path, "resume", run) as terminal:
        terminal.until("answer: ")
        terminal.type("approve\n")
        terminal.until("completed: Small")
        assert terminal.end() == 0


def test_a_sigterm_at_a_question_leaves_the_run_waiting(words: list[str], tmp_path: Path) -> None:
    with person(words, tmp_path) as terminal:
        terminal.until("answer: ")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.until("go on with: baton resume")
        assert terminal.end() == 143
    assert status() == "waiting"


def test_a_deadline_passes_while_a_person_thinks(words: list[str], tmp_path: Path) -> None:
    run = ("run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w"), "--answer-within", "1s")
    with person(words, tmp_path, *run) as terminal:
        terminal.until("the answer is `reject`.")
        terminal.until("nobody answered in time: `reject`")
        terminal.until("cancelled: ")
        assert terminal.end() == 1


def test_an_answer_from_elsewhere_goes_before_the_one_at_the_prompt(words: list[str], tmp_path: Path) -> None:
    with person(words, tmp_path) as terminal:
        terminal.until("answer: ")
        assert baton("approve", "latest").returncode == 0
        terminal.type("reject\n")
        terminal.until("already has its answer")
        terminal.until("completed: Small")
        assert terminal.end() == 0


def hanging(tmp_path: Path) -> tuple[Path, str]:
    """Return a flag, and what a check runs: it sets the flag and hangs, once."""
    flag = tmp_path / "started"
    return (
        flag,
        f"import pathlib, time; f = pathlib.Path({str(flag)!r}); was = f.exists(); f.touch(); was or time.sleep(60)",
    )


def still_running(flag: Path) -> bytes:
    return subprocess.run(["pgrep", "-f", str(flag)], capture_output=True, check=False).stdout


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_stops_a_run_with_its_tools_and_pressing_it_again_does_no_harm(
    kit: Kit, tmp_path: Path, presses: int
) -> None:
    flag, code = hanging(tmp_path)
    words = [sys.executable, str(CLI), str(kit.skills), code]
    run = ("run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w"), "--approve", "never")
    with person(words, tmp_path, *run) as terminal:
        while not flag.exists():
            terminal._read()
        for _ in range(presses):
            terminal.type(CTRL_C)
        terminal.until("stopped: Small")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.screen
        last = terminal.screen.strip().splitlines()[-1]
        assert last.startswith("go on with: baton resume ")
    assert still_running(flag) == b""
    assert status() == "stopped"
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [".claude", "one"]

    resumed = subprocess.run([*words, *last.split()[4:]], env=outside(), capture_output=True, text=True, check=False)
    assert (resumed.returncode, resumed.stderr) == (0, "")


@contextmanager
def at_work(kit: Kit, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a process that hangs in the check of `two`, and the flag that names its tool."""
    flag, hangs = hanging(tmp_path)
    run = ["run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w")]
    argv = [sys.executable, str(CLI), str(kit.skills), hangs, *run]
    with subprocess.Popen(argv, env=outside(), stdout=subprocess.PIPE, text=True) as process:
        try:
            while not flag.exists():
                assert process.poll() is None
                time.sleep(0.02)
            yield process, flag
        finally:
            process.kill()


@pytest.mark.parametrize(("command", "came_to"), [("stop", "stopped"), ("cancel", "cancelled")])
def test_a_run_at_work_elsewhere_is_asked_to_end_and_waited_for(
    small: Kit, tmp_path: Path, command: str, came_to: str
) -> None:
    with at_work(small, tmp_path) as (process, flag):
        assert json.loads(baton("runs", "--status", "running", "--json").stdout)
        busy = baton("resume", "latest")
        assert (busy.returncode, "is being worked on" in busy.stderr) == (2, True)
        assert "stop it with `baton stop " in busy.stderr
        done = baton(command, "latest")
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert f"{came_to}: Small" in output
    assert done.returncode == 0
    assert "asked whoever works on run" in done.stdout
    assert came_to in done.stdout.splitlines()[-1]
    assert still_running(flag) == b""
    assert status() == came_to


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_a_run_with_its_tools_where_nobody_looks(
    kit: Kit, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    with at_work(kit, tmp_path) as (process, flag):
        process.send_signal(sent)
        output, _ = process.communicate(timeout=600)
    assert process.returncode == code
    assert output.splitlines()[-1].startswith("go on with: baton resume ")
    assert still_running(flag) == b""
    assert status() == "stopped"


SLOW_TO_PUBLISH = """
import sys, time
from pathlib import Path
from orchestrator.steps.workspace import Workspace
from tests.support import small_cli

publish, flag = Workspace.publish, Path(sys.argv[2])
def slowly(self, files, *more):
    if "two/names.py" in files:
        flag.touch()
        time.sleep(0.5)
    publish(self, files, *more)
Workspace.publish = slowly
small_cli.with_small_agents(Path(sys.argv[1]), "")
sys.argv = ["baton", *sys.argv[3:]]
small_cli.main()
"""


def test_a_publication_that_has_begun_is_finished_before_the_run_stops(small: Kit, tmp_path: Path) -> None:
    flag = tmp_path / "publishing"
    words = ["run", str(tmp_path / "prd.md"), "--workspace", str(tmp_path / "w")]
    argv = [sys.executable, "-c", SLOW_TO_PUBLISH, str(small.skills), str(flag), *words]
    with subprocess.Popen(argv, env=outside(), stdout=subprocess.PIPE, text=True) as process:
        while not flag.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=600)
    assert (process.returncode, "stopped: Small" in output) == (143, True)
    assert (tmp_path / "w/two/names.py").is_file()
    assert (tmp_path / "w/.claude/handoff/python-backend-agent-output.md").is_file()
    assert not (tmp_path / "w/three").exists()
    before = files_of(tmp_path / "w")
    assert baton("resume", "latest").returncode == 0
    assert {path: content for path, content in files_of(tmp_path / "w").items() if path in before} == before


def test_a_killed_run_is_shown_as_killed_and_can_be_given_up(kit: Kit, tmp_path: Path) -> None:
    with at_work(kit, tmp_path) as (process, flag):
        process.kill()
    assert still_running(flag)
    (row,) = json.loads(baton("runs", "--status", "killed", "--json").stdout)
    said = baton("show", row["id"]).stdout
    assert f"run {row['id']}: killed" in said
    assert f"was killed; go on with: baton resume {row['id']}" in said
    assert "is killed. Go on with: baton resume" in baton("stop", "latest").stdout
    assert baton("cancel", "latest").returncode == 0
    assert still_running(flag) == b""
    assert status() == "cancelled"


def test_the_shell_completes_runs_agents_and_questions_without_langgraph(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaaaa", "20260102-000000-bbbbbb"):
        (tmp_path / "home/runs" / name).mkdir(parents=True)
    folder = tmp_path / "app/.claude/handoff/questions"
    folder.mkdir(parents=True)
    (folder / "20260102-000000-bbbbbb-intake-1.md").touch()
    code = (
        "from orchestrator.cli.main import main\ntry:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    for line, completed in (
        ("baton re", ["reject", "resume", "retry", "remote"]),
        ("baton show ", ["latest", "20260102-000000-bbbbbb", "20260101-000000-aaaaaa"]),
        ("baton show 20260101", ["20260101-000000-aaaaaa"]),
        ("baton retry latest --from da", ["database-agent"]),
        ("baton approve latest ", ["20260102-000000-bbbbbb-intake-1"]),
        ("baton run --approve ", ["plan", "each-agent", "never"]),
    ):
        env = {
            "_BATON_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            "BATON_HOME": str(tmp_path / "home"),
        }
        argv = [sys.executable, "-c", f"import sys; sys.argv[0] = 'baton'\n{code}"]
        done = subprocess.run(argv, env=outside(**env), cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stdout.split() == completed, done.stderr
        assert not {"langgraph", "langchain_core"} & set(done.stderr.split())


def test_completion_can_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "complete_bash" in baton("--show-completion", "bash").stdout
