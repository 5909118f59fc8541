"""Wait for a long-running operation, through lost connections, and remember it before it is waited for.

What is remembered is one small file an engine under Baton's home: after Ctrl-C, a crash or a day, `baton deploy vertex
status NAME` goes on from it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from pydantic import ValidationError

from orchestrator.storage.home import home
from orchestrator.vertex.deployment.cloud import Cloud, LongRunningOperation
from orchestrator.vertex.deployment.errors import CloudLost
from schemas.base import Document

FIRST_LOOK, SLOWEST_LOOK = 1.0, 10.0  # seconds between two looks at an operation
LOST_FOR = 600.0  # seconds without an answer after which waiting ends


class Begun(Document):
    """An operation that was begun. `doing` is `create`, `update` or `delete`."""

    engine: str
    operation: str
    doing: str


def _file(engine: str) -> Path:
    return home() / "engines" / f"{engine.replace('/', '.')}.json"


def remember(begun: Begun) -> None:
    """Write down what was begun with an engine; the last thing counts."""
    file = _file(begun.engine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(begun.model_dump_json(), encoding="utf-8")


def remembered(engine: str) -> Begun | None:
    """Return what was last begun with an engine from here."""
    try:
        return Begun.model_validate_json(_file(engine).read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def forget(engine: str) -> None:
    """Remember nothing of an engine."""
    _file(engine).unlink(missing_ok=True)


async def finished(cloud: Cloud, operation: LongRunningOperation, tell: Callable[[str], None]) -> LongRunningOperation:
    """Return an operation once it is done. `tell` is told when the connection is lost and when it is back.

    Raises:
        CloudRefused: The service no longer answers for it.
        CloudLost: For `LOST_FOR` seconds there was no answer. The operation goes on in the cloud.
    """
    since: float | None = None
    async for _ in _looks():
        if operation.done:
            break
        try:
            operation = await cloud.operation(operation.name)
        except CloudLost as error:
            if since is None:
                since = time.monotonic()
                tell(f"the connection is lost, and tried again: {error}")
            if time.monotonic() - since > LOST_FOR:
                raise
        else:
            if since is not None:
                tell("the connection is back")
            since = None
    return operation


async def _looks() -> AsyncIterator[None]:
    wait = FIRST_LOOK
    while True:
        yield
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, SLOWEST_LOOK)
