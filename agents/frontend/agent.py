"""The Frontend agent: the typed client of the API, and the pages people use."""

from __future__ import annotations

from agents.claims import package_claims
from agents.contracts import Reads, Role, Work
from agents.gaps import business_rules, open_gaps
from schemas.base import Document
from schemas.handoffs import FrontendAgentOutput, Page, Unimplemented, Unreachable
from schemas.stack import NONE, Condition
from skills.core.contribution import Contribution, Dependency


def compose(work: Work) -> FrontendAgentOutput:
    """Return the handoff: the pages with what they call, and every gap."""
    unreachable = (Unimplemented(text=each.text, reason=each.reason) for each in work.facts(Unreachable))
    added = (f"{each.name}@{each.version} ({each.group})" for each in work.facts(Dependency))
    return FrontendAgentOutput(
        task=work.task,
        files=work.files,
        pages=work.facts(Page),
        dependencies_added=tuple(added),
        verification=work.verification,
        business_rules=business_rules(work),
        not_implemented=tuple(dict.fromkeys((*(open_gaps(work) or ()), *unreachable))) or None,
    )


class FrontendClaims(Contribution):
    """What a handoff states about the pages."""

    pages: tuple[Page, ...]


def claims(handoff: Document) -> FrontendClaims:
    """Return what a handoff written outside states."""
    stated = FrontendAgentOutput.model_validate(handoff)
    return FrontendClaims(
        pages=stated.pages,
        dependencies=package_claims("npm", stated.dependencies_added),
    )


ROLE = Role(
    name="frontend-agent",
    title="Frontend",
    reads=(
        Reads(
            contract="feature-prd",
            name="prd",
            question="I need to know what people do with the app. Where is the feature PRD?",
        ),
        Reads(
            contract="python-backend-agent-output",
            name="backend",
            question="I need the API contract. Was the Python Backend Agent phase completed?",
        ),
    ),
    writes="frontend-agent-output",
    compose=compose,
    claims=claims,
    required=(Condition(part="frontend", choices=(NONE,), negated=True),),
)
