"""Carry out a command's work so that Ctrl-C and SIGTERM end it in an orderly way.

The first signal cancels the work, which stops its run at the next safe point; further ones change nothing. What follows
is the exit code that a shell gives: 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from orchestrator.telemetry.logs import redact_warnings

_SIGNALLED = 128


def carry_out(work: Coroutine[Any, Any, int]) -> int:
    """Do `work`; return the exit code that it returns, or that of the signal that ended it."""
    redact_warnings()
    return asyncio.run(_signalled(work))


async def _signalled(work: Coroutine[Any, Any, int]) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        if len(came) == 1:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in a job that a script put in the background
            loop.add_signal_handler(number, end, number)  # until the loop is closed, so that none comes in between
    try:
        code = await task
    except asyncio.CancelledError:
        if not came:
            raise
        code = 0
    return _SIGNALLED + came[0] if came else code
