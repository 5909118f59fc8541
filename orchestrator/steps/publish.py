"""The end of a step: the receipt, the files, and last the handoff.

The receipt and the contents it names are stored before the first file is moved. Whoever resumes the run, here or on
another machine, publishes the very same bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from agents.ownership import matches, owns
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import Provenance, sha256
from handoff.store import Handoff, written
from orchestrator.planning.pipeline import BoundStep
from orchestrator.records.receipt import Receipt
from orchestrator.records.result import fork_command
from orchestrator.steps.context import RunContext
from orchestrator.steps.run_checks import Measured
from orchestrator.storage import steps
from orchestrator.storage.steps import StepAttempt
from schemas.base import facts
from schemas.contract import contract_of
from schemas.findings import Finding

T = TypeVar("T")


async def refuse_fixed(run: RunContext, step: BoundStep, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return a problem for each published file that may not change any more and would: a migration, once applied."""
    if not step.agent.fixed:
        return ()
    published = {path: hashes for path, hashes in run.recorded(run.plan).items() if matches(step.agent.fixed, path)}
    return tuple(
        f"`{path}` is published and may not change: a database may have applied it. Changing the schema of an existing"
        f" app is not supported yet. Build it in another folder: `{fork_command(run.id)}`."
        for path, hashes in sorted(published.items())
        if run.workspace.sha256(path) in set(hashes) - {_digest(files.get(path, ""))}
    )


def make_receipt(
    run: RunContext, step: BoundStep, measured: Measured, handoffs: Mapping[str, Handoff]
) -> tuple[Receipt, dict[str, bytes]]:
    """Return what a step is to publish: its receipt, and the contents by path, the handoff's last.

    Raises:
        HandoffInvalid: What the agent measured does not satisfy its contract.
    """
    contents = {path: text.encode() for path, text in sorted(measured.files.items())}
    files = {path: sha256(content) for path, content in contents.items()}
    provenance = Provenance(
        contract=step.agent.writes,
        version=contract_of(step.agent.writes).version,
        run=run.id,
        agent=step.agent.name,
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        reads={run.handoffs.name(handoff.contract.id): handoff.sha256 for handoff in handoffs.values()},
        files=files,
        evidence=tuple(each.run for each in measured.evidence),
    )
    document = step.agent.compose(measured.work)
    handoff = written(step.agent.writes, document, provenance)
    run.handoffs.remember(
        Handoff(
            contract=contract_of(step.agent.writes),
            data=document,
            lines={},
            provenance=provenance,
            edited=False,
            sha256=sha256(handoff),
            path=run.handoffs.path(step.agent.writes),
            raw=handoff,
        )
    )
    receipt = Receipt(
        agent=step.agent.name,
        step=step.name,
        files=files,
        replaces=run.step(step.name).collected,
        handoff=step.agent.writes,
        handoff_sha256=sha256(handoff),
        evidence=measured.evidence,
        findings=facts(document, Finding),
    )
    return receipt, {**contents, run.handoffs.name(step.agent.writes): handoff}


async def record(run: RunContext, attempt: StepAttempt, receipt: Receipt, contents: Mapping[str, bytes]) -> None:
    """Store what a step is about to publish."""
    stored = receipt.model_dump(mode="json")
    row = steps.receipt(run.id, attempt, stored)
    await run.services.ledger.content.keep(run.id, contents.values(), lambda rows: run.events.commit(*rows, row))
    run.step(attempt.step).attempt = attempt.model_copy(update={"receipt": stored})
    run.state.note_written(receipt)


async def recall(run: RunContext, receipt: Receipt) -> dict[str, bytes]:
    """Return the contents of a receipt that was stored, by path.

    Raises:
        ContentLost: They are no longer there.
    """
    hashes = dict(receipt.files)
    if receipt.handoff is not None and receipt.handoff_sha256 is not None:
        hashes[run.handoffs.name(receipt.handoff)] = receipt.handoff_sha256
    found = await run.services.ledger.content.get(hashes.values())
    return {path: found[each] for path, each in hashes.items()}


async def publish(run: RunContext, receipt: Receipt, contents: Mapping[str, bytes]) -> None:
    """Move what a receipt names into the workspace, the handoff last. What is already there is not moved again.

    Once begun it is finished, also if the run is stopped meanwhile.

    Raises:
        WorkspaceConflict: A file was changed since the run began.
        PublishFailed: A file cannot be written.
    """
    async with run.state.publishing:
        await _finished(asyncio.to_thread(_publish, run, receipt, contents))


def _publish(run: RunContext, receipt: Receipt, contents: Mapping[str, bytes]) -> None:
    files = {path: contents[path] for path in receipt.files}
    earlier: set[str] = set()
    if receipt.handoff is not None:
        step = run.plan.bound[receipt.step]
        earlier = {path for path in listed_files(run, step) if owns(step.agent, path)}
    run.workspace.publish(files, lambda: _replaceable(run, receipt), earlier - set(files))
    if receipt.handoff is not None:
        run.handoffs.put(receipt.handoff, contents[run.handoffs.name(receipt.handoff)])


def _replaceable(run: RunContext, receipt: Receipt) -> Mapping[str, Collection[str]]:
    """Return what may be replaced: what Baton wrote, and what this very work was made from."""
    known = {path: set(hashes) for path, hashes in run.recorded(run.plan).items()}
    for path, taken in receipt.replaces.items():
        known.setdefault(path, set()).add(taken)
    return known


def listed_files(run: RunContext, step: BoundStep) -> Mapping[str, str]:
    """Return the files that the agent's published handoff lists, with their SHA-256: of an earlier run, or of this one.

    Anyone may have written the handoff, so paths that are not the agent's may be among them.
    """
    try:
        provenance = run.handoffs.read(step.agent.writes).provenance
    except (HandoffMissing, HandoffInvalid):
        return {}
    return provenance.files if provenance else {}


async def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, and only then let a cancellation through."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
