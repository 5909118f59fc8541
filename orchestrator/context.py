"""All that the steps of one run share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agents.checks.environment import Environments
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import CheckRun
from handoff.store import HandoffStore
from orchestrator.events import RunStarted
from orchestrator.outcome import StepOutcome
from orchestrator.ownership import owns
from orchestrator.pipeline import Pipeline
from orchestrator.plan import Plan
from orchestrator.storage.event_log import EventLog
from orchestrator.storage.ledger import Ledger
from orchestrator.workspace import Workspace
from schemas.base import Document
from skills.executor import Executor
from skills.registry import Registry

PRD = ".claude/handoff/feature-prd.md"


class Evidence(Document):
    """One tool run and the path of its log."""

    agent: str
    run: CheckRun
    log: str


class Receipt(Document):
    """What a step is about to publish, or has published: written before the first file is moved.

    `files` and `handoff_sha256` are SHA-256; paths are relative to the workspace; `handoff` is a contract id.
    """

    agent: str
    files: Mapping[str, str]
    handoff: str | None = None
    handoff_sha256: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """A step whose making began before the graph asked for it; `started` on the monotonic clock."""

    started: float
    making: asyncio.Task[Receipt | StepOutcome]


@dataclass(kw_only=True, slots=True)
class RunContext:
    """One run at work. `folder` holds its PRD, its staged tree and its logs; `plan` is set by the intake."""

    run_id: str
    started_at: datetime
    workspace: Workspace
    folder: Path
    pipeline: Pipeline
    registry: Registry
    executor: Executor
    environments: Environments
    admin_dsn: str
    ledger: Ledger
    events: EventLog
    plan: Plan | None = None
    understood: bool = False  # the intake is over
    ahead: dict[str, Ahead] = field(default_factory=dict)  # by agent
    began: float = field(default_factory=time.monotonic)  # on the monotonic clock
    handoffs: HandoffStore = field(init=False)

    def __post_init__(self) -> None:
        self.handoffs = HandoffStore(self.workspace.root)

    @property
    def prd(self) -> Path:
        return self.folder / "feature-prd.md"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def announce(self, *, resumed: bool) -> None:
        """Emit the event that the run begins, or goes on."""
        title = self.plan.feature.title if self.plan else self.prd.name
        workspace = str(self.workspace.root)
        self.events.emit(RunStarted(run=self.run_id, title=title, workspace=workspace, resumed=resumed))

    async def receipts(self, *, published: bool = False) -> dict[str, Receipt]:
        """Return this run's receipts by agent; with `published`, only those of what is in the workspace."""
        stored = await self.ledger.receipts(self.run_id, published=published)
        return {agent: Receipt.model_validate(receipt) for agent, receipt in stored.items()}

    async def recorded(self) -> dict[str, str]:
        """Return the SHA-256 of every file that Baton wrote to the workspace, by path.

        What handoffs say counts only for paths of their own agent: their text is in the workspace, for anyone to edit.
        """
        recorded: dict[str, str] = {}
        for agent in self.pipeline.agents:
            try:
                provenance = self.handoffs.read(agent.writes).provenance
            except (HandoffMissing, HandoffInvalid):
                continue
            if provenance is not None:
                recorded |= {path: sha for path, sha in provenance.files.items() if owns(agent, path)}
                recorded |= {path: sha for path, sha in provenance.reads.items() if path == PRD}
        for receipt in await self.ledger.workspace_receipts(str(self.workspace.root)):
            written = Receipt.model_validate(receipt).files
            recorded |= {path: sha for path, sha in written.items() if self.workspace.sha256(path) == sha}
        return recorded
