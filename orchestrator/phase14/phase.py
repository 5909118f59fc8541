"""Phase 14 as a whole: from a request to the specialist's output document.

request = read_request(Path("request.json"))
explanation = explain(request)                       # who is active, and why; what would be built
async with Orchestrator(workspace="shop") as engine:
    run = await start(engine, request)
    document = output(await run.result())            # under the contract `@python-specialist.output`
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agents.checks.python.tools import measure_annotations
from handoff.codec import render
from handoff.feature import FeatureIncomplete, feature_of
from handoff.store import HandoffStore, as_data, read_file
from orchestrator.phase14.artifacts import collect
from orchestrator.phase14.request import SpecialistRequest, endpoint_wishes, read_document, understand
from orchestrator.phase14.specialists import SpecialistDecision, decide, require_available
from orchestrator.planning.choices import built_in
from orchestrator.planning.plan import make_plan
from orchestrator.planning.policy import Policy
from orchestrator.planning.workflows import Workflows
from orchestrator.records.events import PlanMade
from orchestrator.records.result import RunResult
from schemas.agents import BackendLanguage, CodeQuality, PythonSpecialistOutput
from schemas.base import Document
from schemas.contract import contract_of
from schemas.errors import InputError
from schemas.handoffs import FeaturePrd, PythonBackendAgentOutput, TestAgentOutput
from skills.core.registry import Registry
from skills.design.contract import api_contract

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator
    from orchestrator.runtime.run import Run

NEXT_PHASE = "@postgresql-specialist"  # feature F08: "Hands off to @postgresql-specialist"
COVERAGE = "Coverage of app"  # as the Test agent names the measure


class FieldsMissing(InputError):
    """The request names models without fields. Its text is the question to ask."""

    code = "fields_missing"


class NothingToReport(InputError):
    """The run did not complete, so there is no output document."""

    code = "nothing_to_report"


class Explanation(Document):
    """What a request leads to. `plan` is missing if the specialist is, or if `question` must be answered first."""

    decisions: tuple[SpecialistDecision, ...]
    plan: PlanMade | None = None
    question: str | None = None


def read_request(path: Path, prd: Path | None = None) -> SpecialistRequest:
    """Read a request: a `.json` document of `@python-specialist.input`, or a PRD.

    Args:
        path: The document or the PRD.
        prd: A PRD that brings the fields of the models that a document only names.

    Raises:
        RequestInvalid: The document is not of its contract, or there are two sources of fields.
        HandoffInvalid: The PRD is not of its contract.
    """
    if path.suffix.lower() == ".json":
        request = understand(read_document(path), _prd(prd) if prd else None)
        return _with_endpoint_wishes(request)
    if prd is not None:
        raise InputError(f"`{path}` is a PRD itself; give `--prd` with a JSON document only.")
    written = _prd(path)
    return SpecialistRequest(language=_language(written), prd=written)


def explain(request: SpecialistRequest) -> Explanation:
    """Return who is active, and what would be built.

    Raises:
        HandoffInvalid: The request's entities do not make sense, with every problem.
    """
    decisions = decide(request.language)
    if not any(decision.active and decision.available for decision in decisions):
        return Explanation(decisions=decisions)
    if request.missing:
        return Explanation(decisions=decisions, question=request.question)
    try:
        feature = feature_of(request.prd, built_in())
    except FeatureIncomplete as error:
        return Explanation(decisions=decisions, question=error.question)
    return Explanation(decisions=decisions, plan=make_plan(feature, Workflows().pipeline(), Registry()).event())


async def start(engine: Orchestrator, request: SpecialistRequest, policy: Policy | None = None) -> Run:
    """Start the pipeline for a request, under the engine's own policy if none is given.

    Raises:
        SpecialistMissing: The backend is not Python.
        FieldsMissing: Models without fields; nothing is guessed.
        InputError: As `Orchestrator.start`.
    """
    require_available(request.language)
    if request.missing:
        raise FieldsMissing(request.question)
    with tempfile.TemporaryDirectory(prefix="baton-phase14-") as folder:
        path = Path(folder) / "feature-prd.md"
        path.write_text(render(contract_of("feature-prd"), as_data(request.prd)), encoding="utf-8")
        return await engine.start(path, policy=policy)


def output(result: RunResult) -> PythonSpecialistOutput:
    """Return the specialist's output document for a completed run, measured on the workspace's files.

    Raises:
        NothingToReport: The run did not complete.
    """
    if not result.status.startswith("completed"):
        raise NothingToReport(f"run `{result.run}` is {result.status}; only a completed run has an output document.")
    workspace = Path(result.workspace)
    return PythonSpecialistOutput(
        artifacts=collect(workspace, result.files),
        code_quality=_measured(workspace),
        next_phase=NEXT_PHASE,
        gaps=result.gaps,
    )


def _prd(path: Path) -> FeaturePrd:
    return cast("FeaturePrd", read_file(path, "feature-prd").data)


def _language(prd: FeaturePrd) -> BackendLanguage:
    """Return the backend the PRD's stack names; one that nobody knows is left to the plan to refuse."""
    written = {choice.part.strip().lower(): choice.choice.strip().lower() for choice in prd.stack}.get("backend")
    return next((d.language for d in decide("Python") if d.language.lower() == written), "Python")


def _with_endpoint_wishes(request: SpecialistRequest) -> SpecialistRequest:
    if request.missing or not request.prd.entities or request.language != "Python":
        return request
    wishes = endpoint_wishes(request.expected, api_contract(feature_of(request.prd, built_in())))
    prd = request.prd.model_copy(update={"business_rules": (*request.prd.business_rules, *wishes)})
    return request.model_copy(update={"prd": prd})


def _measured(workspace: Path) -> CodeQuality:
    handoffs = HandoffStore(workspace)
    backend = cast("PythonBackendAgentOutput", handoffs.read("python-backend-agent-output").data)
    tests = cast("TestAgentOutput", handoffs.read("test-agent-output").data)
    annotated, missing = measure_annotations(sorted((workspace / "app").rglob("*.py")), workspace)
    coverage = next(measure.value for measure in tests.measures if measure.name == COVERAGE)
    return CodeQuality(
        type_hints_coverage=round(100 * annotated / max(annotated + len(missing), 1), 1),
        test_coverage=float(coverage.split("%")[0]),
        endpoints_generated=len(backend.api_contract),
    )
