from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator.planning.policy import Policy
from orchestrator.records.answers import (
    ANSWERS,
    Answer,
    Approve,
    Done,
    EditByHand,
    GivePrd,
    GiveUp,
    QuestionKind,
    Reject,
    Retry,
    SpendingLimits,
    UseTemplate,
    answer_of,
    options_of,
    schema_of,
    words_of,
)
from orchestrator.storage.questions import AnswerRefused, Question, refuse_invalid
from schemas.base import JSON
from tests.support.small_agents import Kit

LIMITS = SpendingLimits(calls=2000, tokens=5, money=Decimal("12.50"), minutes=0.5)
SAME: tuple[tuple[QuestionKind, Answer, str], ...] = (
    ("approval", Approve(), "approve"),
    ("draft", Reject(), "reject"),
    ("draft", Reject(reason="it lacks rooms"), "reject: it lacks rooms"),
    ("failure", Retry(), "retry"),
    ("model", Retry(limits=LIMITS), "retry --max-calls 2000 --max-tokens 5 --max-money 12.50 --max-minutes 0.5"),
    ("model", UseTemplate(), "take the template"),
    ("model", EditByHand(), "edit by hand"),
    ("outside", Done(), "done"),
    ("prd", GivePrd(prd="/home/ada/shop.md"), "/home/ada/shop.md"),
    ("prd", GivePrd(prd="# Feature PRD: Shop\n"), "# Feature PRD: Shop\n"),
    ("prd", GiveUp(), "give up"),
)


def asked(kind: QuestionKind) -> Question:
    return Question(id="q", run_id="r", node="n", kind=kind, text="t", answer_schema=schema_of(kind))


@pytest.mark.parametrize(("kind", "answer", "words"), SAME)
def test_an_answer_its_words_and_its_json_say_the_same(kind: QuestionKind, answer: Answer, words: str) -> None:
    """Words are what every version stores, so what an earlier one stored is read."""
    data = answer.model_dump(mode="json")
    assert [words_of(kind, each) for each in (answer, words, data)] == [words] * 3
    assert answer_of(kind, words) == answer
    refuse_invalid(asked(kind), words)
    refuse_invalid(asked(kind), data)


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_an_answer_to_another_kind_of_question_is_refused(kind: QuestionKind) -> None:
    for answer in {type(each): each for _, each, _ in SAME if not isinstance(each, ANSWERS[kind])}.values():
        with pytest.raises(AnswerRefused):
            refuse_invalid(asked(kind), words_of(kind, answer))


def test_what_cannot_be_had_is_neither_offered_nor_taken() -> None:
    assert options_of("model", ("take the template",)) == ("retry", "edit by hand", "give up")
    question = asked("model").model_copy(update={"answer_schema": schema_of("model", ("take the template",))})
    values: tuple[JSON, ...] = ("take the template", {"answer": "take the template"})
    for value in values:
        with pytest.raises(AnswerRefused):
            refuse_invalid(question, value)


async def test_a_run_at_work_takes_no_answer_after_the_deadline_either(kit: Kit, tmp_path: Path) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        run = await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan", answer_seconds=0.2))
        (question,) = (await run.result()).questions
        await asyncio.sleep(0.3)
        with pytest.raises(AnswerRefused, match="already has its answer"):
            await run.answer(question.id, Approve())

        (stored,) = await engine.questions(run.id)
        assert (stored.decision, stored.answered_by) == (Reject(), "deadline")


@pytest.mark.parametrize("answer", [Approve(), "approve", {"answer": "approve"}])
async def test_an_answer_counts_in_every_form(kit: Kit, tmp_path: Path, answer: Answer | str) -> None:
    async with kit.engine(tmp_path / "w") as engine:
        result = await (await engine.start(tmp_path / "prd.md", policy=Policy(approve="plan"))).result()
        answered = await engine.answer(result.run, result.questions[0].id, answer)

        assert (answered.answer, answered.decision) == ("approve", Approve())
        assert (await (await engine.resume(result.run)).result()).status == "completed"
