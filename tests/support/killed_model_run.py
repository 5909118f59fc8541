"""Start a run of the small agents and kill this process in the model's second call: `… killed_model_run FOLDER`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from langchain_core.messages import AIMessage, BaseMessage

from skills.model.scripted import write
from tests.orchestrator.steps.test_model_runs import GOOD, engine, two
from tests.support.small_agents import Kit


def die(_: Sequence[BaseMessage]) -> AIMessage:
    """Wait until the first call is remembered, then be killed."""
    asyncio.run(_remembered())
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


async def _remembered() -> None:
    connection = await asyncpg.connect(os.environ["BATON_DATABASE_URL"])
    while not await connection.fetchval("SELECT count(*) FROM baton.events WHERE event->>'type' = 'model_spent'"):  # noqa: ASYNC110 - another thread's
        await asyncio.sleep(0.01)
    await connection.close()


async def main(folder: Path) -> None:
    async with engine(Kit(folder / "skills"), folder / "w", [write(GOOD), die]) as orchestrator:
        run = await orchestrator.start(folder / "prd.md", policy=two())
        await run.result()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
