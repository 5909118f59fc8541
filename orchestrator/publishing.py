"""The end of a step: the receipt, the files, and last the handoff."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from agents.agent import Agent
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import Provenance
from handoff.store import Handoff, HandoffStore
from orchestrator.context import Receipt, RunContext
from orchestrator.events import HandoffPublished
from orchestrator.measuring import Measured
from orchestrator.ownership import matches, owns
from orchestrator.staging import stage, staged_sha256
from schemas.contract import contract_of


async def staged_receipt(run: RunContext, agent: Agent) -> Receipt | None:
    """Return the receipt of a step that was interrupted while it published, if all it names is still staged."""
    receipt = (await run.receipts()).get(agent.name)
    if receipt is None:
        return None
    expected = {**receipt.files, run.handoffs.name(agent.writes): receipt.handoff_sha256}
    whole = all(staged_sha256(run.tree, path) == sha256 for path, sha256 in expected.items())
    return receipt if whole else None


async def refuse_fixed(run: RunContext, agent: Agent, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return a problem for each published file that may not change any more and would: a migration, once applied."""
    return tuple(
        f"`{path}` is published and may not change: a database may have applied it. Changing the schema of an existing"
        " app is not supported yet; run in an empty workspace."
        for path, sha256 in sorted((await run.recorded()).items())
        if matches(agent.fixed, path) and _digest(files.get(path, "")) != sha256
    )


async def write_receipt(run: RunContext, agent: Agent, measured: Measured, handoffs: Mapping[str, Handoff]) -> Receipt:
    """Stage the step's files and its handoff as they will be published, and remember their hashes.

    Raises:
        HandoffInvalid: What the agent measured does not satisfy its contract.
    """
    stage(run.tree, measured.files)
    files = {path: _digest(text) for path, text in sorted(measured.files.items())}
    staged = HandoffStore(run.tree)
    sha256 = staged.write(
        agent.writes,
        agent.compose(measured.work),
        Provenance(
            contract=agent.writes,
            version=contract_of(agent.writes).version,
            run=run.run_id,
            agent=agent.name,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reads={run.handoffs.name(handoff.contract.id): handoff.sha256 for handoff in handoffs.values()},
            files=files,
            evidence=tuple(each.run for each in measured.evidence),
        ),
    )
    receipt = Receipt(
        agent=agent.name, files=files, handoff=agent.writes, handoff_sha256=sha256, evidence=measured.evidence
    )
    await run.ledger.save_receipt(run.run_id, agent.name, receipt.model_dump(mode="json"))
    return receipt


async def publish(run: RunContext, agent: Agent, receipt: Receipt) -> None:
    """Move what the receipt names into the workspace, the handoff last. What is already there is not moved again.

    Raises:
        WorkspaceConflict: A file was changed since the run began.
        PublishFailed: A file cannot be written.
    """
    recorded = await run.recorded()
    contents = {path: (run.tree / path).read_bytes() for path in receipt.files}
    earlier = {path for path in _earlier(run, agent) if owns(agent, path)}
    await asyncio.to_thread(run.workspace.publish, contents, recorded, earlier - set(receipt.files))
    handoff = HandoffStore(run.tree).read(agent.writes)
    sha256 = run.handoffs.write(agent.writes, handoff.data, handoff.provenance)
    await run.ledger.mark_published(run.run_id, agent.name)
    run.events.emit(HandoffPublished(agent=agent.name, path=run.handoffs.name(agent.writes), sha256=sha256))


def _earlier(run: RunContext, agent: Agent) -> Mapping[str, str]:
    """Return the files that the agent's published handoff lists: of an earlier run, until this one replaces it."""
    try:
        provenance = run.handoffs.read(agent.writes).provenance
    except (HandoffMissing, HandoffInvalid):
        return {}
    return provenance.files if provenance else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
