"""A deployed engine, driven from here: what `Orchestrator` is to runs of this machine, as far as a command needs it.

What only looks is asked again when the connection is lost; what changes something is not, since it may have been done.
Events go on from the last one that came, so a stream that breaks off loses none and shows none twice.

Not here: how the engine is reached (`orchestrator.vertex.deployment.cloud`), what is done with an archive
(`orchestrator.vertex.download`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.planning.policy import Policy
from orchestrator.records.events import Event, parse_event
from orchestrator.records.result import RunResult
from orchestrator.storage.questions import Question
from orchestrator.vertex.deployment.cloud import Cloud
from orchestrator.vertex.deployment.errors import CloudLost, QuotaUsedUp
from schemas.base import JSON
from schemas.errors import InputError, RunError

T = TypeVar("T")

NOT_OVER, ARCHIVE_GONE = "not_over", "archive_gone"  # codes of the app's errors
_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds between attempts; together longer than the minute that quotas are of
_BETWEEN_STREAMS = 1.0  # seconds: an engine answers 90 queries a minute by default
_PART = 1024 * 1024  # bytes of an archive in one answer


class RemoteRefused(InputError):
    """The app refuses a call; nothing was changed. `app_code` is the code of its error."""

    code = "remote_refused"

    def __init__(self, text: str, app_code: str) -> None:
        super().__init__(text, app_code)
        self.text, self.app_code = text, app_code

    def __str__(self) -> str:
        return self.text


class RemoteFault(RunError):
    """The app could not do what a call asks, through no fault of the call."""

    code = "remote_fault"


class DownloadBroken(RunError):
    """What came is not what the app says it sent."""

    code = "download_broken"


class RemoteEngine:
    """A deployed engine. Its methods raise `CloudRefused`, `CloudLost`, `RemoteRefused` or `RemoteFault`."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        """Describe it; nothing is asked of it.

        Args:
            cloud: Entered.
            name: The engine's full name.
        """
        self._cloud, self.name = cloud, name

    # ---- runs

    async def start(self, prd: str, agents: Sequence[str] | None, policy: Policy) -> str:
        """Start a run of a PRD, given as its text; return its id."""
        given: dict[str, JSON] = {"prd": prd, "policy": policy.model_dump(mode="json")}
        if agents:
            given["agents"] = list(agents)
        return str((await self._call("start", given))["run"])

    async def retry(self, run_id: str, from_agent: str | None) -> None:
        """Do steps of a run again: those that are not done, or an agent's and all that come after it."""
        await self._call("retry", {"run": run_id, "from_agent": from_agent})

    async def cancel(self, run_id: str) -> None:
        """Give a run up. What it published stays."""
        await self._call("cancel", {"run": run_id})

    # ---- look

    async def status(self, run_id: str) -> Mapping[str, Any]:
        """Return where a run stands; an engine goes on with a run that nobody works on."""
        return await self._patiently(lambda: self._call("status", {"run": run_id}))

    async def questions(self, run_id: str) -> list[Question]:
        """Return a run's open questions."""
        return [Question.model_validate(each) for each in (await self.status(run_id))["questions"]]

    async def result(self, run_id: str) -> RunResult | None:
        """Return what a run came to, None while it is at work."""
        try:
            return RunResult.model_validate(await self._patiently(lambda: self._call("result", {"run": run_id})))
        except RemoteRefused as error:
            if error.app_code != NOT_OVER:
                raise
            return None

    async def events(self, run_id: str, *, after: int = -1) -> AsyncIterator[Event]:
        """Yield a run's events after a number until it is over or waits, however often the stream breaks off.

        A run that is `stopped` is so because its instance was drained; another one goes on with it.
        """
        number, lost, idle = after, 0, 0
        while True:
            try:
                async with aclosing(self._cloud.stream(self.name, "events", {"run": run_id, "after": number})) as items:
                    async for item in items:
                        number, lost, idle = number + 1, 0, 0
                        yield _event(item)
            except (CloudLost, QuotaUsedUp):
                lost += 1
                if lost == _ATTEMPTS:
                    raise
                await asyncio.sleep(_wait(lost))
            else:
                if await self._has_ended(run_id, number):
                    return
                idle += 1
                await asyncio.sleep(min(_BETWEEN_STREAMS * idle, _LONGEST_WAIT))

    async def _has_ended(self, run_id: str, number: int) -> bool:
        standing = await self.status(run_id)
        if standing.get("refused"):
            raise RemoteFault(f"no instance can go on with run `{run_id}`: {standing['refused'].get('message')}")
        return standing["status"] not in {"running", "stopped"} and standing["last_event"] <= number

    # ---- decide

    async def answer(self, run_id: str, question_id: str, value: JSON) -> None:
        """Answer a question; the run goes on by itself. A PRD that is here goes as its text."""
        if isinstance(value, str) and "\n" not in value:
            value = await asyncio.to_thread(_text_of, value)
        await self._call("answer", {"run": run_id, "question": question_id, "value": value})

    # ---- take away

    async def download(self, run_id: str) -> bytes:
        """Return an archive (gzipped tar) of what a run has published.

        Raises:
            DownloadBroken: What came does not have the digest that was told.
        """
        while True:
            try:
                return await self._download(run_id)
            except RemoteRefused as error:
                if error.app_code != ARCHIVE_GONE:  # the run has published more meanwhile
                    raise

    async def _download(self, run_id: str) -> bytes:
        packed, archive, done = bytearray(), None, False
        while not done:
            given: dict[str, JSON] = {"run": run_id, "offset": len(packed), "size": _PART}
            if archive is not None:
                given["archive"] = archive
            part = await self._patiently(lambda wanted=given: self._call("download", wanted))  # type: ignore[misc]  # bound now
            packed += base64.b64decode(part["data"])
            archive, done = str(part["archive"]), bool(part["done"])
            if not part["data"] and not done:
                break
        if hashlib.sha256(packed).hexdigest() != archive:
            raise DownloadBroken(
                f"the archive of run `{run_id}` came damaged: {len(packed):,} bytes that are not `{archive}`."
                " Nothing was written; try again."
            )
        return bytes(packed)

    # ---- how

    async def _call(self, method: str, given: Mapping[str, JSON]) -> Mapping[str, Any]:
        reply = await self._cloud.call(self.name, method, given)
        if not isinstance(reply, dict):
            raise RemoteFault(f"`{self.name}` answers `{method}` with {type(reply).__name__}: is it Baton's?")
        _refuse(reply)
        return reply

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return await ask()
            except (CloudLost, QuotaUsedUp):
                await asyncio.sleep(_wait(attempt))
        return await ask()


def _wait(attempt: int) -> float:
    return float(min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT))


def _event(item: JSON) -> Event:
    if not isinstance(item, dict):
        raise RemoteFault(f"the engine streams {type(item).__name__} where an event is due.")
    _refuse(item)
    return parse_event(json.dumps({key: value for key, value in item.items() if key != "n"}))


def _refuse(reply: Mapping[str, Any]) -> None:
    """Raise the error that a reply is, if it is one."""
    error = reply.get("error")
    if not isinstance(error, Mapping):
        return
    code, message = str(error.get("code", "error")), str(error.get("message", ""))
    if error.get("retryable"):
        raise CloudLost(message)
    if code == "fault":
        raise RemoteFault(message)
    raise RemoteRefused(message, code)


def _text_of(value: str) -> str:
    """Return the text of the file that `value` names, as one that is no path; or `value` if there is none."""
    try:
        return Path(value).read_text("utf-8").rstrip("\n") + "\n" if Path(value).is_absolute() else value
    except (OSError, UnicodeError):
        return value
