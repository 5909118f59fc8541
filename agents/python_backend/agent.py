"""The Python Backend agent: the application from models to routes, on the schema the Database agent left."""

from __future__ import annotations

from agents.checks.results import ServedApi
from agents.claims import package_claims
from agents.contracts import Reads, Role, Work
from agents.gaps import business_rules, open_gaps
from agents.python_backend.notes import frontend_notes
from schemas.base import Document
from schemas.handoffs import Endpoint, PythonBackendAgentOutput
from skills.core.contribution import Contribution, merge


def compose(work: Work) -> PythonBackendAgentOutput:
    """Return the handoff from what the checks measured."""
    api = work.result(ServedApi)
    return PythonBackendAgentOutput(
        task=work.task,
        timestamp=work.timestamp,
        files=work.files,
        api_contract=api.endpoints,
        for_frontend_agent=frontend_notes(api.endpoints, api.document),
        dependencies_added=_requirements(work),
        verification=work.verification or None,
        business_rules=business_rules(work),
        not_implemented=open_gaps(work),
    )


def _requirements(work: Work) -> tuple[str, ...]:
    """Return the Python packages that the skills' files use, one requirement each, runtime and development alike."""
    merged = merge(tuple(work.outputs.items()))
    return tuple(sorted(f"{d.name}{d.version}" for d in merged.dependencies if d.ecosystem == "python"))


class BackendClaims(Contribution):
    """What a handoff states about the API, which is compared with the running app's own document."""

    endpoints: tuple[Endpoint, ...]


def claims(handoff: Document) -> BackendClaims:
    """Return what a handoff written outside states."""
    stated = PythonBackendAgentOutput.model_validate(handoff)
    return BackendClaims(
        endpoints=stated.api_contract,
        dependencies=package_claims("python", stated.dependencies_added),
        business_rules=stated.business_rules or (),
    )


ROLE = Role(
    name="python-backend-agent",
    title="Python Backend",
    reads=(
        Reads(
            contract="database-agent-output",
            name="database",
            question="I need the database schema. Was the Database Agent phase completed?",
        ),
        Reads(contract="architect-output", name="architect", required=False),
        Reads(contract="api-contract", name="agreed", required=False),
        Reads(
            contract="feature-prd",
            name="prd",
            question="What's the endpoint structure for this feature?",
        ),
    ),
    writes="python-backend-agent-output",
    compose=compose,
    claims=claims,
    required=(),
)
