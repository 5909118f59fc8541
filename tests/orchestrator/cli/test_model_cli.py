"""Models on the command line: recorded runs replayed without a network, what is shown of them, what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from rich.console import Console

from orchestrator.cli.model_options import ModelOptionsRefused, PricesUnreadable, dollars, model_use_of
from orchestrator.cli.progress import LiveView
from orchestrator.planning.model_policy import ModelUse
from orchestrator.records.events import ModelSpent, SkillStarted, StepStarted
from skills.model.budget import Limits, Spending
from skills.model.prices import Price
from tests.orchestrator.cli.test_cli_commands import Said, baton
from tests.orchestrator.steps.test_model_runs import BADLY, MENDED, NAME, WELL, done, two
from tests.support.small_agents import Kit

OFF = {
    "model": None, "model_for": "", "all_model": False, "repairs": None, "calls": None, "tokens": None, "money": None,
    "minutes": None, "prices": None, "record": None, "replay": None,
}  # fmt: skip


def use(**options: object) -> ModelUse | None:
    return model_use_of(**{**OFF, **options})  # type: ignore[arg-type]  # options as typer gives them


# ---- options


def test_no_option_is_no_model() -> None:
    assert use() is None


def test_limits_come_on_top_of_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text('{"a:b": {"input": 0.5, "output": "2"}}')
    found = use(
        model="a:b", model_for="one, two", repairs=0, tokens=9000, money=Decimal("0.5"), prices=tmp_path / "prices.json"
    )
    assert found == ModelUse(
        name="a:b",
        skills=("one", "two"),
        repairs=0,
        run=Limits(calls=1000, minutes=240, tokens=9000, money=Decimal("0.5")),
        prices={"a:b": Price(input=Decimal("0.5"), output=Decimal(2))},
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"all_model": True}, "`--all-model` needs a model: name it with `--model provider:name`"),
        ({"repairs": 0}, "`--repairs` needs a model"),
        ({"money": Decimal(1)}, "`--max-money` needs a model"),
        ({"replay": Path("t")}, "`--replay` needs a model"),
        ({"model": "a:b", "record": Path("t"), "replay": Path("t")}, "exclude each other"),
        ({"model": "a:b", "all_model": True, "model_for": "one"}, "`--all-model` is every skill"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ModelOptionsRefused, match=text):
        use(**options)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not JSON"),
        ("[]", "does not hold prices"),
        ('{"a:b": {"input": "dear", "output": 1}}', "price `a:b.input`: .* got 'dear'"),
    ],
)
def test_a_file_that_holds_no_prices_is_refused(tmp_path: Path, content: str | None, text: str) -> None:
    if content is not None:
        (tmp_path / "prices.json").write_text(content)
    with pytest.raises(PricesUnreadable, match=text):
        use(model="a:b", prices=tmp_path / "prices.json")


@pytest.mark.parametrize("text", ["free", "0", "-1", "nan", "inf"])
def test_what_is_no_amount_of_money_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no amount of US dollars"):
        dollars(text)


def test_a_terminal_shows_which_skill_a_model_works_at_and_what_it_took() -> None:
    screen = Console(file=io.StringIO(), width=150)
    view = LiveView(screen)
    view.show(StepStarted(agent="two-agent"))
    view.show(SkillStarted(agent="two-agent", skill="make-two"))
    for _ in range(2):
        spent = Spending(calls=1, input_tokens=1000, output_tokens=20)
        view.show(ModelSpent(agent="two-agent", skill="make-two", model="a:b", spent=spent))
    with screen.capture() as shown:
        screen.print(view._render())
    assert re.search(r"make-two \d+ s; 2 calls of the model, 2,040 tokens", shown.get())


# ---- runs


@pytest.fixture
def small(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line, in this process, with the small agents."""
    monkeypatch.setattr("orchestrator.orchestrator.Workflows", kit.workflow_class())
    monkeypatch.setattr("orchestrator.orchestrator.Registry", kit.registry)
    return kit


def replayed(folder: Path, *words: str) -> Said:
    """Run the PRD with what `tape` holds."""
    options = ("--model", NAME, "--model-for", "make-two", "--replay", folder / "tape")
    return baton("run", folder / "prd.md", "--workspace", folder / "again", *options, *words)


@pytest.mark.slow
def test_what_was_recorded_runs_again_without_a_model_and_is_shown(small: Kit, tmp_path: Path) -> None:
    recorded, _ = asyncio.run(done(small, tmp_path, [*BADLY, *MENDED], two(record=str(tmp_path / "tape"))))
    assert len(list((tmp_path / "tape").glob("*.json"))) == 4

    said = replayed(tmp_path)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "again/two/notes.md").read_text() == "allowed\n"
    assert f"two-agent: skill make-two: {NAME}: " in said.stdout
    assert "two-agent: back to make-two (1): two/notes.md:1: says `forbidden`" in said.stdout
    by = [line.split() for line in said.stdout.splitlines() if line.startswith(("one-agent  ", "two-agent  "))]
    assert ["one-agent", "make-one", "template"] in by
    (row,) = [words for words in by if words[:4] == ["two-agent", "make-two", NAME, "4"]]
    assert row[-1] == "unknown"

    shown = baton("show", "latest")
    assert " ".join(row) in " ".join(shown.stdout.split())
    lines = [json.loads(line) for line in baton("show", "latest", "--json").stdout.splitlines()]
    (work,) = [each for each in lines[-1]["work"] if each["by"] == NAME]
    assert work["spent"]["calls"] == 4
    (finished,) = [line for line in lines if line["type"] == "skill_finished" and line["model"]][:1]
    assert finished["spent"]["calls"] == 2
    assert [each.sha256 for each in recorded.handoffs] != []


@pytest.mark.slow
def test_a_replay_fails_on_what_was_not_recorded_and_calls_nobody(small: Kit, tmp_path: Path) -> None:
    asyncio.run(done(small, tmp_path, WELL, two(record=str(tmp_path / "tape"))))
    skill = small.skills / "make_two" / "SKILL.md"
    skill.write_text(skill.read_text() + "\nMake them well.\n")
    said = replayed(tmp_path)
    assert said.returncode == 1
    assert "no recorded exchange" in said.stdout
    assert "+" in said.stdout
    assert "Make them well." in said.stdout


@pytest.mark.slow
def test_a_spent_budget_is_raised_by_answering_or_resuming(small: Kit, tmp_path: Path) -> None:
    asyncio.run(done(small, tmp_path, [*BADLY, *MENDED], two(record=str(tmp_path / "tape"))))
    said = replayed(tmp_path, "--max-calls", "1")
    assert said.returncode == 3
    assert "the run may spend 1 calls and has spent 1 calls" in said.stdout

    said = baton("answer", "latest", "retry --max-calls 2", "--resume")
    assert said.returncode == 3
    assert "the run may spend 2 calls and has spent 2 calls" in said.stdout

    baton("answer", "latest", "retry")
    said = baton("resume", "latest", "--max-calls", "20")
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--model", "antropic:claude"), "did you mean `anthropic:claude`?"),
        (("--model", NAME, "--replay", "nothing"), "nothing is recorded in"),
        (("--model-for", "make-two"), "`--model-for` needs a model"),
        (
            ("--model", "openai:gpt-6-sol", "--model-for", "make-too"),
            "no skill is called `make-too`; did you mean `make-two`?",
        ),
    ],
)
def test_a_model_that_cannot_be_had_ends_the_command_with_2(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    said = baton("run", tmp_path / "prd.md", "--workspace", tmp_path / "w", *words, OPENAI_API_KEY="k")
    assert said.returncode == 2
    assert text in said.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_a_key_is_nowhere_in_what_is_kept(small: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    leaked = [RuntimeError(f"Incorrect API key provided: {key}")]
    result, events = asyncio.run(done(small, tmp_path, leaked, two(record=str(tmp_path / "tape"))))
    assert result.status == "waiting"
    assert "Incorrect API key provided" in result.questions[0].text
    assert key not in result.model_dump_json()
    assert not any(key in event.model_dump_json() for event in events)
    assert not any(key in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert key not in baton("show", "latest", "--json").stdout
