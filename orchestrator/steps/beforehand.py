"""What a run is to build: its PRD, with what was decided and agreed about the API before the run.

`architect-output` and `api-contract` may be in the workspace when a run starts. They are read with the PRD, again when
the run is taken up, and by the agent that builds the API, so that no change of theirs goes unnoticed.

Not here: what they may say (`skills.design.agreement`).
"""

from __future__ import annotations

from collections.abc import Mapping

from handoff.problems import HandoffMissing
from handoff.store import Handoff
from orchestrator.steps.context import RunContext
from schemas.feature import Feature
from skills.design.agreement import agree

ARCHITECT, AGREED = "architect-output", "api-contract"


def with_beforehand(run: RunContext, feature: Feature) -> Feature:
    """Return the feature with what was decided and agreed about it, as far as agents of the run read it.

    Raises:
        HandoffInvalid: A document made beforehand is not of its contract.
        DesignContradicted: It contradicts what the PRD leads to.
    """
    return agree(feature, architect=_beforehand(run, ARCHITECT), agreed=_beforehand(run, AGREED))


def changed_since(run: RunContext, feature: Feature, handoffs: Mapping[str, Handoff]) -> str | None:
    """Return what a document made beforehand says that the run was not begun with, or None.

    Raises:
        DesignContradicted: It contradicts what the PRD leads to.
    """
    read = {handoff.contract.id: handoff for handoff in handoffs.values()}
    now = agree(feature, architect=read.get(ARCHITECT), agreed=read.get(AGREED))
    if new := [gap.text for gap in now.gaps if gap not in feature.gaps]:
        listed = "\n".join(f"  {text}" for text in new)
        files = " or ".join(f"`{run.handoffs.name(each)}`" for each in (ARCHITECT, AGREED) if each in read)
        return f"{files} names what it did not when the run began:\n{listed}\nTake it back, or start another run."
    return None


def _beforehand(run: RunContext, contract: str) -> Handoff | None:
    """Return a document that was there before the run: one that an agent reads and no agent of the run writes."""
    agents = run.pipeline.agents
    if contract not in {reads.contract for agent in agents for reads in agent.reads}:
        return None
    if contract in {agent.writes for agent in agents}:
        return None
    try:
        return run.handoffs.read(contract)
    except HandoffMissing:
        return None
