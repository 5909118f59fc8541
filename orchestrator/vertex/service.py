"""What the app's methods do: runs in PostgreSQL, workspaces as their copies, archives of what was made.

Each method takes its contract's input and returns JSON, or raises a `BatonError`.

Not here: how callers reach it (`orchestrator.vertex.app`), runs without anybody at work
(`orchestrator.vertex.recovery`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import shutil
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from orchestrator.orchestrator import Orchestrator
from orchestrator.records.answers import GIVE_UP, Approve, QuestionKind, Reject, words_of
from orchestrator.records.events import HandoffPublished
from orchestrator.records.outcome import StepOutcome
from orchestrator.runtime.run import Run
from orchestrator.steps.manifest import published
from orchestrator.steps.workspace import WorkspaceBusy
from orchestrator.storage.home import run_folder
from orchestrator.storage.questions import AnswerRefused, Question
from orchestrator.storage.runs import ENDED, RunDetails
from orchestrator.vertex import contracts
from orchestrator.vertex.archives import SUFFIX, pack
from orchestrator.vertex.artifacts import ArtifactStore
from orchestrator.vertex.capabilities import Capabilities
from orchestrator.vertex.recovery import PickingUp
from orchestrator.vertex.workspaces import Workspaces
from schemas.base import JSON
from schemas.errors import BatonError, InputError

Reply: TypeAlias = dict[str, JSON]
_PAUSE = 0.2  # seconds, where nothing tells that a run goes on
_HANDOFFS = ".claude/handoff/"

_log = logging.getLogger("baton.vertex")


class NothingAsked(InputError):
    """The run asks nothing, or more than one thing, and the call does not say which it answers."""

    code = "nothing_asked"


class NotOver(InputError):
    """The run is at work, so there is no result yet."""

    code = "not_over"


class ArchiveGone(InputError):
    """The run has published more since, and the archive that was begun with is no longer stored."""

    code = "archive_gone"


class RunService:
    """The app at work. An asynchronous context manager; leaving it stops what runs here, for others to pick up."""

    def __init__(self, engine: Orchestrator, home: Path, workspaces: Workspaces, artifacts: ArtifactStore) -> None:
        """Describe the service; nothing is started before it is entered."""
        self._engine, self._workspaces, self._artifacts = engine, workspaces, artifacts
        self._home = home
        self._capabilities = Capabilities(home)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._engine.__aenter__()
        try:
            opened = await self._engine.opened()
        except BaseException:
            await self._engine.__aexit__(None, None, None)
            raise
        self._ledger = opened.ledger
        self._recovery = PickingUp(self._engine, self._ledger, self._workspaces, self._attend)
        self._in_background(self._recovery.keep_looking())
        self._in_background(self._capabilities.look(opened.server))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.__aexit__(kind, error, traceback)

    # ---- runs

    async def start(self, given: contracts.StartCall) -> Reply:
        """Start a run; what can be refused is refused here, with nothing begun."""
        prd = given.prd.encode()
        run = await self._engine.start(prd, agents=given.agents, policy=given.policy, workspace=self._workspaces.new())
        self._recovery.began(run)
        return await self._status(run.id)

    async def retry(self, given: contracts.RetryCall) -> Reply:
        """Do steps of a run again."""
        await self._recovery.retry(given.run, given.from_agent)
        return await self._status(given.run)

    async def cancel(self, given: contracts.RunCall) -> Reply:
        """Give a run up. What it published stays."""
        await self._recovery.mine(given.run)
        await self._engine.cancel(given.run)
        return await self._status(given.run)

    # ---- look

    async def status(self, given: contracts.RunCall) -> Reply:
        """Return where a run stands and what it asks; one that nobody works on is picked up first."""
        await self._recovery.mine(given.run)
        await self._recovery.take(given.run)
        return await self._status(given.run)

    async def runs(self, given: contracts.RunsCall) -> Reply:
        """Return this app's newest runs."""
        newest = await self._engine.runs(limit=given.limit)
        return {"runs": [_standing(run) for run in newest if self._workspaces.has(run.workspace)]}

    async def events(self, given: contracts.EventsCall) -> AsyncGenerator[Reply, None]:
        """Yield a run's events until it is over or pauses, also if its instance dies meanwhile."""
        number = given.after
        await self._recovery.mine(given.run)
        while True:
            await self._recovery.take(given.run)
            async for event in self._engine.events(given.run, after=number):
                number += 1
                yield {"n": number, **event.model_dump(mode="json")}
            if (refusal := self._recovery.refusals.get(given.run)) is not None:
                raise refusal
            if (await self._ledger.runs.get(given.run)).status != "running":
                return
            await asyncio.sleep(_PAUSE)  # somebody picks it up

    async def step(self, given: contracts.StepCall) -> Reply:
        """Return how a step of a run ended, once it has; or what it asks, while it waits.

        With the step that a run ends with, the run has ended, too.
        """
        await self._recovery.mine(given.run)
        while True:
            seen = await self._engine.last_event(given.run)
            outcome = await self._outcome(given.run, given.step)
            run = await self._ledger.runs.get(given.run)
            if outcome is not None and (run.status != "running" or not await self._ends(run, outcome)):
                return outcome.model_dump(mode="json", exclude_defaults=True)
            if outcome is None and run.status in ENDED:
                raise NotOver(f"run `{run.id}` is {run.status}; its step `{given.step}` was not done.")
            if run.status == "waiting" and (asked := await self._open_questions(run.id)):  # another step asks
                waiting = StepOutcome(status="waiting", question=asked[0].id, question_text=asked[0].text)
                return waiting.model_dump(mode="json", exclude_defaults=True)
            async with aclosing(self.events(contracts.EventsCall(run=run.id, after=seen))) as events:
                if await anext(events, None) is None:
                    await asyncio.sleep(_PAUSE)

    async def _outcome(self, run_id: str, step: str) -> StepOutcome | None:
        """Return the outcome of a step that is done, or waits for an answer it does not have."""
        asked = {each.id for each in await self._open_questions(run_id)}
        for attempt in await self._ledger.steps.attempts(run_id):
            outcome = attempt.outcome
            if attempt.step == step and outcome and (outcome.question is None or outcome.question in asked):
                return outcome
        return None

    async def _ends(self, run: RunDetails, outcome: StepOutcome) -> bool:
        """Return whether nothing of the run is to be done after a step that ended so."""
        if outcome.status in {"failed", "rejected"}:
            return True
        attempts = await self._ledger.steps.attempts(run.id)
        return {*run.agents} <= {each.step for each in attempts if each.status in {"published", "skipped"}}

    async def result(self, given: contracts.RunCall) -> Reply:
        """Return what a run came to, once it is over or pauses."""
        run = await self._recovery.mine(given.run)
        if not isinstance(run.result, dict):
            raise NotOver(f"run `{run.id}` is at work. Follow its `events`, or ask for its `status`.")
        return dict(run.result)

    async def handoffs(self, given: contracts.RunCall) -> Reply:
        """Return the handoffs that a run has published, as people read them."""
        run = await self._recovery.mine(given.run)
        files = await published(self._ledger, run.id)
        return {
            "run": run.id,
            "handoffs": [
                {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "text": content.decode()}
                for path, content in sorted(files.items())
                if path.startswith(_HANDOFFS)
            ],
        }

    async def capabilities(self, given: contracts.EmptyCall) -> Reply:  # noqa: ARG002 - every method has an input
        """Return which checks this instance can run."""
        return await self._capabilities.reply()

    async def ready(self, given: contracts.EmptyCall) -> Reply:  # noqa: ARG002 - as above
        """Return that the database answers."""
        await self._ledger.runs.list(limit=1)
        return {"ready": True}

    # ---- answer

    async def answer(self, given: contracts.AnswerCall) -> Reply:
        """Answer a question; the run goes on once it has all its answers."""
        run = await self._recovery.mine(given.run)
        question = given.question or (await self._asked(run)).id
        await self._refuse_path(run.id, question, given.value)
        await self._engine.answer(run.id, question, given.value)
        await self._recovery.take(run.id)
        return await self._status(run.id)

    async def approve(self, given: contracts.ApproveCall) -> Reply:
        """Approve of what a run plans to do, or reject it."""
        run = await self._recovery.mine(given.run)
        question = given.question or (await self._asked(run, kinds=("approval", "draft"))).id
        await self._engine.answer(run.id, question, Approve() if given.approved else Reject(reason=given.reason or ""))
        await self._recovery.take(run.id)
        return await self._status(run.id)

    async def _refuse_path(self, run_id: str, question_id: str, value: JSON) -> None:
        """Refuse a PRD that is named by a path: a file of the instance would be read, and quoted in what is wrong."""
        for question in await self._engine.questions(run_id):
            words = words_of(question.kind, value)
            if question.id == question_id and question.kind == "prd" and words != GIVE_UP and "\n" not in str(words):
                raise AnswerRefused(
                    f"question `{question_id}` is answered with the text of the PRD, or with `{GIVE_UP}`: a path would"
                    " be one of the instance."
                )

    async def _asked(self, run: RunDetails, *, kinds: tuple[QuestionKind, ...] = ()) -> Question:
        """Return the one open question of a run, of one of some kinds."""
        asked = [each for each in await self._open_questions(run.id) if not kinds or each.kind in kinds]
        if len(asked) == 1:
            return asked[0]
        what = kinds[0] if kinds else "answer"
        if not asked:
            raise NothingAsked(f"run `{run.id}` ({run.status}) waits for no {what}.")
        listed = ", ".join(f"`{each.id}`" for each in asked)
        raise NothingAsked(f"run `{run.id}` waits for more than one {what}: {listed}. Name the `question`.")

    async def _open_questions(self, run_id: str) -> list[Question]:
        return [each for each in await self._engine.questions(run_id) if each.is_open]

    # ---- take away

    async def download(self, given: contracts.DownloadCall) -> Reply:
        """Return a part of a run's workspace as an archive."""
        run = await self._recovery.mine(given.run)
        found = None
        if given.archive is not None:
            found = await self._artifacts.part(_name(run.id, given.archive), given.offset, given.size)
        archive = given.archive
        if found is None:
            packed = await self._packed(run.id)
            archive = hashlib.sha256(packed).hexdigest()
            if given.archive not in {None, archive}:
                raise ArchiveGone(
                    f"archive `{given.archive}` of run `{run.id}` is no longer stored, and the run has published more"
                    " since. Download the run anew, from offset 0 and without `archive`."
                )
            found = packed[given.offset : given.offset + given.size], len(packed)
            with suppress(BatonError):  # the next part is made anew, then
                await self._artifacts.put(_name(run.id, archive), packed)
        part, total = found
        return {
            "run": run.id,
            "archive": archive,
            "offset": given.offset,
            "size": len(part),
            "total": total,
            "done": given.offset + len(part) >= total,
            "sha256": hashlib.sha256(part).hexdigest(),
            "data": base64.b64encode(part).decode(),
        }

    async def _packed(self, run_id: str) -> bytes:
        return await asyncio.to_thread(pack, await published(self._ledger, run_id))

    # ---- beside a run

    def _attend(self, run: Run) -> None:
        self._in_background(self._keep(run))

    async def _keep(self, run: Run) -> None:
        """Store an archive after each step that publishes; when the run is over, let go of what can be made anew."""
        last = await self._engine.last_event(run.id)
        async for event in run.events(after=last):
            if isinstance(event, HandoffPublished):
                await self._store(run.id)
        with suppress(BatonError):  # the run's own log and its status say so
            result = await run.result()
            await self._store(run.id)
            if result.status in ENDED:
                with suppress(WorkspaceBusy):
                    await asyncio.to_thread(self._workspaces.drop, result.workspace)
                await asyncio.to_thread(shutil.rmtree, run_folder(self._home, run.id) / "trees", ignore_errors=True)

    async def _store(self, run_id: str) -> None:
        """Store the archive of a run as it is now. If that fails, it is made when it is asked for."""
        try:
            packed = await self._packed(run_id)
            await self._artifacts.put(_name(run_id, hashlib.sha256(packed).hexdigest()), packed)
        except BatonError as error:
            _log.warning("no archive of run %s is stored: %s", run_id, error)

    async def _status(self, run_id: str) -> Reply:
        run = await self._ledger.runs.get(run_id)
        refusal = self._recovery.refusals.get(run_id)
        result: Mapping[str, Any] = run.result if isinstance(run.result, dict) else {}
        return {
            **_standing(run),
            "live": await self._ledger.runs.is_live(run_id),
            "last_event": await self._engine.last_event(run_id),
            "questions": [each.model_dump(mode="json") for each in await self._open_questions(run_id)],
            "problems": list(result.get("problems", ())),
            "refused": None if refusal is None else {"code": refusal.code, "message": str(refusal)},
        }

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a task of the app ended: %s: %s", type(error).__name__, error)


def _name(run_id: str, archive: str) -> str:
    return f"{run_id}/{archive}{SUFFIX}"


def _standing(run: Any) -> Reply:  # noqa: ANN401 - a record or its details
    known: Reply = run.model_dump(
        mode="json", include={"id", "title", "status", "agents", "workspace", "started_at", "finished_at", "resumes"}
    )
    return {"run": known.pop("id"), **known}
