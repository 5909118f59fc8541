"""What a step works with: the run it belongs to, the services it uses, and how far the run is.

Not here: how far a run is (`orchestrator.steps.state`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agents.checks.environments.environments import Environments
from agents.ownership import owns
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.store import HandoffStore
from orchestrator.planning.pipeline import Pipeline
from orchestrator.planning.plan import Plan
from orchestrator.steps.state import RunState, StepRun
from orchestrator.steps.usage import RunMeter
from orchestrator.steps.workspace import Workspace
from orchestrator.storage.event_log import EventLog
from orchestrator.storage.repositories import Ledger
from skills.core.executor import Executor
from skills.core.registry import Registry
from skills.model.executor import ModelExecutor

PRD = ".claude/handoff/feature-prd.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunServices:
    """What a run works with.

    `executor` does the skills, with the help of `model` if the run has one; `meter` counts what that spends. Checks get
    their `environments`, and their databases from the server at `admin_dsn`. `ledger` remembers.
    """

    registry: Registry
    executor: Executor
    model: ModelExecutor | None
    meter: RunMeter
    environments: Environments
    admin_dsn: str
    ledger: Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """One run at work.

    `folder` holds its PRD, its staged trees and its logs, and can be made anew from the ledger. `handoffs` are those of
    its workspace, `events` what is told of it. Only `state` changes.
    """

    id: str
    started_at: datetime
    workspace: Workspace
    folder: Path
    pipeline: Pipeline
    handoffs: HandoffStore
    events: EventLog
    services: RunServices
    state: RunState

    @property
    def prd(self) -> Path:
        return self.folder / "feature-prd.md"

    @property
    def title(self) -> str:
        return self.state.plan.feature.title if self.state.plan else self.prd.name

    @property
    def plan(self) -> Plan:
        """The run's plan: the intake made it, and resuming restores it, before anything else works."""
        assert self.state.plan is not None  # noqa: S101 - see above
        return self.state.plan

    def step(self, name: str) -> StepRun:
        """Return the step called `name`."""
        return self.state.step(name)

    def agent_name(self, node: str) -> str:
        """Return the name of the agent that works in a step; the intake is nobody's, and has its own."""
        return self.pipeline.agent_names.get(node, node)

    def tree(self, step: str) -> Path:
        """Return the folder of a step's staged tree: the app as it would be, where its checks run."""
        return self.folder / "trees" / step

    async def load(self) -> None:
        """Load what the ledger knows of this run and its workspace."""
        await self.state.load(self.services.ledger, self.id)
        await self.load_written()

    async def load_written(self) -> None:
        """Load what Baton ever wrote to this workspace."""
        await self.state.load_written(self.services.ledger, str(self.workspace.root))

    def recorded(self, plan: Plan) -> Mapping[str, Collection[str]]:
        """Return the SHA-256 of every version of every file that Baton wrote to the workspace, by path.

        What handoffs say counts only for paths of their own agent: their text is in the workspace, for anyone to edit.
        """
        recorded = {path: set(hashes) for path, hashes in self.state.written.items()}
        for path, sha256 in self._listed(plan):
            recorded.setdefault(path, set()).add(sha256)
        return recorded

    def _listed(self, plan: Plan) -> Iterable[tuple[str, str]]:
        for agent in (step.agent for step in plan.bound.values()):
            try:
                provenance = self.handoffs.read(agent.writes).provenance
            except (HandoffMissing, HandoffInvalid):
                continue
            if provenance is not None:
                yield from ((path, sha) for path, sha in provenance.files.items() if owns(agent, path))
                yield from ((path, sha) for path, sha in provenance.reads.items() if path == PRD)
