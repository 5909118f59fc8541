"""Agents of a project's own: they own what the project says, read what it says, and hand over `<agent>-handoff`.

Their skills have no templates: a model does them, or they are done outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.contracts import Agent, Reads, Work
from agents.gaps import open_gaps
from agents.guards.ownership import Ownership
from agents.guards.paths import PathEscape
from agents.guards.source import PythonSyntax
from schemas.base import Document
from schemas.handoffs import OwnAgentOutput, WorkNotes
from skills.core.contribution import Contribution


class CustomClaims(Contribution):
    """What a handoff states that nothing can measure."""

    notes: WorkNotes


def claims(handoff: Document) -> CustomClaims:
    """Return what a handoff written outside states."""
    return CustomClaims(notes=WorkNotes(text=OwnAgentOutput.model_validate(handoff).notes))


def compose(work: Work) -> OwnAgentOutput:
    """Return the handoff: the files, and the words of whoever did the work."""
    return OwnAgentOutput(
        task=work.task,
        files=work.files,
        notes="\n\n".join(each.text for each in work.facts(WorkNotes) if each.text),
        verification=work.verification or None,
        not_implemented=open_gaps(work),
    )


def own_agent(name: str, *, title: str, reads: Sequence[str], owns: Sequence[str], excludes: Sequence[str]) -> Agent:
    """Return an agent of a project's own. `reads` are the ids of contracts; the PRD is known to skills as `prd`."""
    return Agent(
        name=name,
        title=title,
        reads=tuple(Reads(contract=each, name="prd" if each == "feature-prd" else each) for each in reads),
        writes=f"{name}-handoff",
        owns=tuple(owns),
        excludes=tuple(excludes),
        guards=(PathEscape(), Ownership(), PythonSyntax()),
        checks=(),
        compose=compose,
        claims=claims,
    )
