from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.events import CheckFinished, Event, RunFinished, RunStarted
from orchestrator.storage.event_log import EventLog, follow
from orchestrator.storage.ledger import AnswerRefused, Ledger, Question, RunBusy, RunUnknown

if TYPE_CHECKING:
    from orchestrator.storage.database import Pool


@pytest.fixture
async def ledger(pool: Pool) -> Ledger:
    ledger = Ledger(pool)
    await ledger.add_run(run_id="r", workspace="/w", title="T\0", agents=["a"], fingerprint="f")
    return ledger


async def test_of_two_answers_at_once_one_is_refused(ledger: Ledger) -> None:
    """Note 6: LangGraph takes both, and the last one wins."""
    await ledger.ask(Question(id="q", run_id="r", node="n", text="Which?"))
    results = await asyncio.gather(*(ledger.answer("r", "q", value) for value in "ab"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AnswerRefused", "NoneType"]
    (question,) = await ledger.questions("r")
    assert question.answer == "ab"[results.index(None)]


async def test_a_question_asked_again_keeps_its_answer(ledger: Ledger) -> None:
    question = Question(id="q", run_id="r", node="n", text="Which?")
    await ledger.ask(question)
    await ledger.answer("r", "q", "")
    assert (await ledger.ask(question)).answer == ""
    with pytest.raises(AnswerRefused, match="open questions: none"):
        await ledger.answer("r", "other", "x")


async def test_one_worker_at_a_time_has_the_lease_and_it_ends_with_its_connection(ledger: Ledger, pool: Pool) -> None:
    """Note 44: LangGraph has no lock for a thread."""
    assert not await ledger.is_live("r")
    async with ledger.lease("r"):
        assert await ledger.is_live("r")
        assert not await ledger.is_live("other")
        with pytest.raises(RunBusy):
            async with ledger.lease("r"):
                pass
    assert not await ledger.is_live("r")
    held = await pool.acquire()
    await held.fetchval("SELECT pg_advisory_lock(hashtextextended('baton run r', 0))")
    assert await ledger.is_live("r")
    await held.close()
    while await ledger.is_live("r"):  # noqa: ASYNC110 - the server notices when it notices
        await asyncio.sleep(0.01)
    await pool.release(held)


async def test_an_unknown_run_is_named(ledger: Ledger) -> None:
    with pytest.raises(RunUnknown, match="`x`"):
        await ledger.run("x")
    assert (await ledger.run("r")).title == "T\N{REPLACEMENT CHARACTER}"


async def test_a_late_reader_gets_every_event_in_order_and_a_live_one_waits_for_more(ledger: Ledger) -> None:
    live = True

    async def is_live() -> bool:
        return live

    async def read() -> list[Event]:
        return [event async for event in follow(ledger.pool, "r", is_live)]

    emitted: list[Event] = [
        RunStarted(run="r", title="hostile \0 \ud800 text".encode(errors="replace").decode(), workspace="/w")
    ]
    emitted += [
        CheckFinished(agent="a", check=str(number), passed=True, summary="\0", seconds=0.1) for number in range(50)
    ]
    emitted.append(RunFinished(status="completed", seconds=1))
    early = asyncio.create_task(read())
    async with EventLog(ledger.pool, "r") as log:
        for number, event in enumerate(emitted):
            log.emit(event)
            if number % 10 == 0:
                await asyncio.sleep(0.01)
    live = False
    assert await early == await read() == emitted


async def test_a_resumed_run_goes_on_counting(ledger: Ledger) -> None:
    for _ in range(2):
        async with EventLog(ledger.pool, "r") as log:
            log.emit(RunFinished(status="waiting", seconds=1))
    rows = await ledger.pool.fetch("SELECT seq FROM baton.events ORDER BY seq")
    assert [row["seq"] for row in rows] == [0, 1]
