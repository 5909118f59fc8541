"""The Test agent: a suite that holds the app to what was asked for, and what it measured."""

from __future__ import annotations

from agents.checks.results import SuiteResult
from agents.contracts import Reads, Role, Work
from agents.gaps import business_rules, open_gaps
from schemas.handoffs import Measure, TestAgentOutput


def compose(work: Work) -> TestAgentOutput:
    """Return the handoff from what the suite's run measured."""
    suite = work.result(SuiteResult)
    called = len(suite.endpoints)
    return TestAgentOutput(
        task=work.task,
        files=work.files,
        measures=(
            Measure(name="Tests passed", value=str(suite.passed)),
            Measure(name="Tests failed or skipped", value="0"),
            Measure(name="Coverage of app", value=f"{suite.coverage} %"),
            Measure(name="Endpoints called", value=f"{called} of {called}"),
        ),
        endpoints=suite.endpoints,
        verification=work.verification,
        business_rules=business_rules(work),
        not_implemented=open_gaps(work),
    )


ROLE = Role(
    name="test-agent",
    title="Test",
    reads=(
        Reads(
            contract="feature-prd",
            name="prd",
            question="I need to know what the app must do. Where is the feature PRD?",
        ),
        Reads(
            contract="database-agent-output",
            name="database",
            question="I need the tables that the tests start from. Was the Database Agent phase completed?",
        ),
        Reads(
            contract="python-backend-agent-output",
            name="backend",
            question="I need the API contract. Was the Python Backend Agent phase completed?",
        ),
        Reads(contract="frontend-agent-output", name="frontend", required=False),
    ),
    writes="test-agent-output",
    compose=compose,
    required=(),
)
