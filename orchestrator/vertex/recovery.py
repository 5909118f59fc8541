"""Go on with runs that nobody works on any more: their instance died, was drained, or they have their answers.

Every instance looks, at once and then every few seconds; which one gets a run is decided by the run's lock in the
database. What is refused (the skills changed, say) is refused once an instance, and told to whoever asks for the run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakValueDictionary

from orchestrator.orchestrator import Orchestrator
from orchestrator.runtime.run import Run
from orchestrator.steps.manifest import published
from orchestrator.steps.workspace import Workspace, WorkspaceBusy
from orchestrator.storage.repositories import Ledger
from orchestrator.storage.runs import RunBusy, RunDetails, RunUnknown
from orchestrator.vertex.workspaces import Workspaces
from schemas.errors import BatonError

_LOOK_SECONDS = 10.0
_AT_ONCE = 8  # runs that one instance picks up, or has picked up and works on

_log = logging.getLogger("baton.vertex")


class PickingUp:
    """Takes up the runs whose workspaces are below one root."""

    def __init__(
        self, engine: Orchestrator, ledger: Ledger, workspaces: Workspaces, begun: Callable[[Run], None]
    ) -> None:
        """Describe it.

        Args:
            engine: Entered.
            ledger: The engine's.
            workspaces: Whose runs are looked at.
            begun: Called with every run that is taken up.
        """
        self._engine, self._ledger, self._workspaces, self._begun = engine, ledger, workspaces, begun
        self._working: dict[str, Run] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.refusals: dict[str, BatonError] = {}

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled. A database that is away for a while ends nothing."""
        while True:
            try:
                await self.look()
            except BatonError as error:
                _log.warning("cannot look for runs to pick up: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Take up what can go on, as far as there is room."""
        for run_id in await self._ledger.runs.idle(f"{self._workspaces.root}/"):
            self._working = {name: run for name, run in self._working.items() if run.is_working}
            if len(self._working) >= _AT_ONCE:
                return
            await self.take(run_id)

    async def take(self, run_id: str) -> None:
        """Take a run up if it can go on and nobody works on it; what is refused is remembered.

        Raises:
            BatonError: It cannot be taken up now, but perhaps later.
        """
        async with self._alone(run_id):
            if run_id in self.refusals or run_id not in await self._ledger.runs.idle(f"{self._workspaces.root}/"):
                return
            try:
                await self._prepare(await self.mine(run_id))
                self.began(await self._engine.resume(run_id))
            except (RunBusy, WorkspaceBusy):
                return  # somebody else was quicker
            except BatonError as error:
                if error.transient:
                    raise
                _log.error("run %s cannot be picked up: %s", run_id, error)
                self.refusals[run_id] = error

    async def retry(self, run_id: str, from_agent: str | None) -> None:
        """Do steps of a run again.

        Raises:
            RunBusy, WorkspaceBusy: Somebody works on it.
            RunRefused: As `Orchestrator.retry`.
        """
        async with self._alone(run_id):
            await self._prepare(await self.mine(run_id))
            self.began(await self._engine.retry(run_id, from_agent=from_agent))

    def _alone(self, run_id: str) -> asyncio.Lock:
        """Return the lock that keeps calls for one run from getting in each other's way on this instance."""
        return self._locks.setdefault(run_id, asyncio.Lock())

    def began(self, run: Run) -> None:
        """Note that this instance works on a run."""
        self.refusals.pop(run.id, None)
        self._working[run.id] = run
        self._begun(run)

    async def mine(self, run_id: str) -> RunDetails:
        """Return a run of this app.

        Raises:
            RunUnknown: There is none of that id, or it was begun elsewhere.
        """
        run = await self._ledger.runs.get(run_id)
        if not self._workspaces.has(run.workspace):
            raise RunUnknown(
                f"run `{run_id}` is not this app's: its workspace `{run.workspace}` is not in"
                f" `{self._workspaces.root}` (BATON_WORKSPACES)."
            )
        return run

    async def _prepare(self, run: RunDetails) -> None:
        """Bring a run's workspace to what the run has published.

        Raises:
            WorkspaceBusy: Somebody on this instance works in it.
            ContentLost: What it published is no longer there.
        """
        with Workspace(self._workspaces.root / run.workspace).lock():
            # Only now: whoever had the lock before may have published more.
            files = await published(self._ledger, run.id)
            await asyncio.to_thread(self._workspaces.bring, run.workspace, files)
