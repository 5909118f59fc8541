"""Try again what may succeed a little later, and stop what takes too long.

Only an error that says of itself that it is `transient` is worth another attempt. The wait grows, and is left to
chance, lest many runs ask the same registry at the same moment again.

Not here: which errors are transient (each class says so), what an attempt is recorded as (`orchestrator.steps.step`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from schemas.errors import BatonError, InputError, RunError

T = TypeVar("T")
ATTEMPTS = 3
FIRST_WAIT = 1.0  # seconds, at most, before the second attempt; twice that before each further one
LONGEST_WAIT = 30.0  # seconds


class StepTimedOut(RunError):
    """A step took longer than a step may; whatever it had started was ended."""

    code = "step_timed_out"

    def __init__(self, step: str, seconds: float) -> None:
        super().__init__(step, seconds)
        self.step, self.seconds = step, seconds

    def __str__(self) -> str:
        return (
            f"step `{self.step}` was not done after {self.seconds:g} s, the limit that was set for a step; its tools"
            " were ended. The logs of its checks show how far it got. Find what hangs, then retry the run; or start one"
            " that gives steps more time, with `--step-timeout SECONDS`."
        )


async def with_retries(
    work: Callable[[], Awaitable[T]],
    *,
    on_retry: Callable[[int, BatonError, float], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Return what `work` returns, trying it at most `ATTEMPTS` times while it fails for a reason that may pass.

    Args:
        work: Begins anew at each call.
        on_retry: Told the number of the attempt that failed (from 1), its error, and the seconds until the next one.
        sleep: Waits; by the monotonic clock, so a change of the system's time matters not.

    Raises:
        BatonError: The last attempt's error, or the first that is not transient. Any other exception goes through.
    """
    attempt = 1
    while True:
        try:
            return await work()
        except BatonError as error:
            if isinstance(error, InputError) or not error.transient or attempt == ATTEMPTS:
                raise
            seconds = backoff(attempt)
            on_retry(attempt, error, seconds)
        await sleep(seconds)
        attempt += 1


def backoff(attempt: int) -> float:
    """Return the seconds to wait after the failed `attempt` (from 1): chosen by chance, up to a doubling limit.

    Source: "full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))  # noqa: S311  # no secret


@asynccontextmanager
async def step_time_limit(seconds: float | None, step: str) -> AsyncIterator[None]:
    """Cancel the body after `seconds`, if given: its tools end with all they started before the error is raised.

    A `TimeoutError` of the body's own goes through as it is, and so does a cancellation from outside.

    Raises:
        StepTimedOut: The time is over.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except Exception as error:
        # What fails while it is being cancelled fails because the time is over.
        if seconds is not None and limit.expired():
            raise StepTimedOut(step, seconds) from error
        raise
