"""The Frontend agent: the typed client of the API, and the pages people use."""

from __future__ import annotations

from typing import cast

from agents.claims import package_claims
from agents.contracts import Reads, Role, Work
from agents.gaps import business_rules, open_gaps
from schemas.base import Document
from schemas.feature import Gap
from schemas.handoffs import FrontendAgentOutput, Page
from schemas.stack import NONE, Condition
from skills.core.contribution import Contribution


def compose(work: Work) -> FrontendAgentOutput:
    """Return the handoff: the pages with what they call, and every gap."""
    outputs = tuple(work.outputs.values())
    pages = tuple(cast("Page", page) for output in outputs for page in getattr(output, "pages", ()))
    unreachable = tuple(cast("Gap", gap) for output in outputs for gap in getattr(output, "unreachable", ()))
    added = (f"{each.name}@{each.version} ({each.group})" for output in outputs for each in output.dependencies)
    return FrontendAgentOutput(
        task=work.task,
        files=work.files,
        pages=pages,
        dependencies_added=tuple(added),
        verification=work.verification,
        business_rules=business_rules(work),
        not_implemented=tuple(dict.fromkeys((*open_gaps(work), *unreachable))) or None,
    )


class FrontendClaims(Contribution):
    """What a handoff states about the pages, and what the API offers but no page can."""

    pages: tuple[Page, ...]
    unreachable: tuple[Gap, ...]


def claims(handoff: Document) -> FrontendClaims:
    """Return what a handoff written outside states."""
    stated = FrontendAgentOutput.model_validate(handoff)
    return FrontendClaims(
        pages=stated.pages,
        unreachable=stated.not_implemented or (),
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
