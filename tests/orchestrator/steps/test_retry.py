"""What may pass is tried again, with waits that grow; what takes too long is stopped. In virtual time: nobody waits."""

from __future__ import annotations

import asyncio
import pickle
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import TypeVar

import pytest

from orchestrator.planning.policy import Policy
from orchestrator.steps import retry
from orchestrator.steps.retry import ATTEMPTS, FIRST_WAIT, LONGEST_WAIT, StepTimedOut, backoff, step_time_limit
from schemas.errors import BatonError, InputError, RunError

T = TypeVar("T")


class Unreachable(RunError):
    transient = True


class OddInput(InputError):
    transient = True


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += timeout or 0
        return super().select(0)


def run(work: Coroutine[object, object, T]) -> tuple[T, float]:
    """Return what `work` returns, and how many virtual seconds it took."""
    loop = VirtualTime()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(work)
        return result, loop.now - 1000.0


class Work:
    """Fails with each of `errors`, then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.calls = list(errors), 0
        self.retries: list[tuple[int, str, float]] = []

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def told(self, attempt: int, error: BatonError, seconds: float) -> None:
        self.retries.append((attempt, str(error), seconds))

    async def tried(self) -> str:
        return await retry.with_retries(self, on_retry=self.told)


def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have chance choose the longest wait each time."""
    monkeypatch.setattr(random, "uniform", lambda _, most: most)


def test_what_may_pass_is_tried_again_after_waits_that_double(monkeypatch: pytest.MonkeyPatch) -> None:
    longest(monkeypatch)
    work = Work(Unreachable("first"), Unreachable("second"))
    assert run(work.tried()) == ("done", 3 * FIRST_WAIT)
    assert work.retries == [(1, "first", FIRST_WAIT), (2, "second", 2 * FIRST_WAIT)]


def test_after_the_last_attempt_its_error_is_raised() -> None:
    work = Work(*(Unreachable(f"number {number}") for number in range(1, 9)))
    with pytest.raises(Unreachable, match=f"number {ATTEMPTS}"):
        run(work.tried())
    assert work.calls == ATTEMPTS
    assert [attempt for attempt, _, _ in work.retries] == list(range(1, ATTEMPTS))


@pytest.mark.parametrize(
    "error",
    [
        RunError("a failed check"),
        InputError("a bad PRD"),
        OddInput("an input error is never transient"),
        ValueError("a bug"),
        TimeoutError("not ours"),
        asyncio.CancelledError(),
    ],
)
def test_what_would_fail_again_is_not_tried_again(error: BaseException) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        run(work.tried())
    assert (work.calls, work.retries) == (1, [])


def test_a_run_is_told_before_the_wait_and_may_be_cancelled_while_it_waits() -> None:
    work = Work(Unreachable("once"))

    async def cancelled() -> None:
        waiting = asyncio.Event()

        async def sleep(_: float) -> None:
            assert [attempt for attempt, _, _ in work.retries] == [1]
            waiting.set()
            await asyncio.sleep(1e6)

        task = asyncio.create_task(retry.with_retries(work, on_retry=work.told, sleep=sleep))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())
    assert work.calls == 1


def test_waits_are_left_to_chance_and_have_a_limit() -> None:
    waits = [backoff(50) for _ in range(200)]
    assert all(0 <= wait <= LONGEST_WAIT for wait in waits)
    assert len(set(waits)) > 100


# ---- the time limit of a step -----------------------------------------------------------------------------------


async def limited(seconds: float | None, work: Callable[[], Coroutine[object, object, T]]) -> T:
    async with step_time_limit(seconds, "backend"):
        return await work()


def test_a_step_that_takes_too_long_is_ended_with_the_reason_and_the_way_out() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(3)  # as ending its tools takes
            ended.append(asyncio.get_running_loop().time() - 1000.0)

    with pytest.raises(
        StepTimedOut, match=r"step `backend` was not done after 60 s.*`--step-timeout SECONDS`"
    ) as caught:
        run(limited(60, slow))
    assert ended == [63.0]
    assert (caught.value.code, caught.value.transient) == ("step_timed_out", False)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  # our own


def test_a_step_in_time_returns_what_it_made() -> None:
    async def quick() -> str:
        await asyncio.sleep(59)
        return "made"

    assert run(limited(60, quick)) == ("made", 59.0)


def test_no_clock_judges_a_step_for_which_nobody_set_a_limit() -> None:
    async def long() -> str:
        await asyncio.sleep(1e6)
        return "made"

    assert Policy().step_seconds is None
    assert run(limited(None, long)) == ("made", 1e6)


def test_a_time_out_of_the_work_s_own_is_not_taken_for_the_step_s() -> None:
    async def own() -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(1e6)

    with pytest.raises(TimeoutError):
        run(limited(60, own))


def test_an_error_from_a_tool_that_is_being_ended_does_not_hide_the_time_out() -> None:
    async def ended() -> None:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError as error:
            raise RunError("the tool was ended") from error

    with pytest.raises(StepTimedOut) as caught:
        run(limited(60, ended))
    assert isinstance(caught.value.__cause__, RunError)


def test_an_error_of_the_step_s_own_goes_through() -> None:
    with pytest.raises(RunError, match="a failed check"):
        run(limited(60, Work(RunError("a failed check"))))


def test_a_cancelled_step_is_cancelled_not_timed_out_even_when_its_time_is_over() -> None:
    async def both() -> None:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(1e6)
            finally:
                await asyncio.sleep(10)

        task = asyncio.create_task(limited(60, stubborn))
        await asyncio.sleep(65)  # the time is over, and its tools are being ended
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(both())
