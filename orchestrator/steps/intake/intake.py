"""A run's first node: understand the PRD, plan, have the plan approved, and put the PRD where agents read it.

A PRD that describes no entities is a valid document, but no skill can act on it: with a model, the run proposes a
structured one (`orchestrator.steps.intake.proposal`); without, it asks, and an answer brings the completed PRD.
Nothing is written to the workspace before the PRD is understood and the plan approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handoff.catalogue import Catalogue
from handoff.feature import CONTRACT, feature_of, without_entities
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.prose import is_prose
from handoff.source import decoded
from handoff.store import Found, Handoff, find, read_found
from orchestrator.planning.choices import catalogue_of
from orchestrator.planning.fingerprint import fingerprint
from orchestrator.planning.pipeline import agents_of
from orchestrator.planning.plan import Plan, make_plan
from orchestrator.records.answers import GivePrd
from orchestrator.records.outcome import StepOutcome
from orchestrator.records.receipt import Receipt
from orchestrator.steps.beforehand import with_beforehand
from orchestrator.steps.context import PRD, RunContext
from orchestrator.steps.external.status import at_work
from orchestrator.steps.intake.plan_text import plan_text
from orchestrator.steps.intake.proposal import HOW, propose, replace_prd
from orchestrator.steps.publish import publish, record
from orchestrator.steps.questions import ask, is_approved
from orchestrator.storage import runs
from orchestrator.storage.questions import Question
from orchestrator.storage.steps import StepAttempt
from schemas.errors import InputError
from schemas.feature import Feature
from schemas.handoffs import FeaturePrd
from skills.model.executor import ModelExecutor

NODE = "intake"
NAME = "feature-prd.md"


class PrdMissing(InputError):
    """There is no PRD to read."""

    code = "prd_missing"


def read_prd(path: Path) -> Handoff:
    """Return the PRD at `path`.

    Raises:
        InputError: With every problem found.
    """
    return _structured(_found(path), path)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrdInput:
    """A PRD as somebody gave it. `prd` is None if it is prose that only a model can read."""

    raw: bytes
    prd: Handoff | None


def read_input(path: Path, *, modelled: bool) -> PrdInput:
    """Return the PRD at `path`, which is read once. With `modelled`, there is a model that can read prose.

    Raises:
        InputError: There is none, or it is not prose and wrong: with every problem found.
    """
    return _given(_found(path), path, modelled=modelled)


def title_of(path: Path) -> str | None:
    """Return the title of the PRD at `path`; None if it is prose without one. Raises as `read_input` does."""
    given = read_input(path, modelled=True).prd
    return None if given is None else FeaturePrd.model_validate(given.data).title


def input_of(raw: bytes, *, name: str = NAME, modelled: bool) -> PrdInput:
    """Return the PRD that `raw` is, called `name` in errors. Raises as `read_input` does."""
    return _given(Found(raw=raw, size=len(raw)), Path(name), modelled=modelled)


def _given(found: Found, path: Path, *, modelled: bool) -> PrdInput:
    try:
        return PrdInput(raw=found.raw, prd=_structured(found, path))
    except HandoffInvalid:
        if not modelled or not _is_prose(found, path):
            raise
        return PrdInput(raw=found.raw, prd=None)


def _structured(found: Found, path: Path) -> Handoff:
    try:
        return read_found(found, path, CONTRACT)
    except HandoffInvalid as error:
        if not _is_prose(found, path):
            raise
        raise HandoffInvalid(CONTRACT, str(path), [without_entities(str(path)), *error.problems]) from error


def _is_prose(found: Found, path: Path) -> bool:
    return is_prose(decoded(found.raw, contract=CONTRACT, file=str(path), size=found.size))


def _found(path: Path) -> Found:
    if path.is_dir():
        raise PrdMissing(f"`{path}` is a folder; name the PRD in it, for example `{path / NAME}`.")
    try:
        return find(path, CONTRACT)
    except HandoffMissing as error:
        raise PrdMissing(f"there is no PRD `{path}`. `baton init DIR` writes one to start from.") from error


def understand(prd: Handoff, catalogue: Catalogue) -> Feature:
    """Return the feature that a PRD describes, whose stack is one of the catalogue's.

    Raises:
        HandoffInvalid: With every problem found.
        FeatureIncomplete: It has prose only.
    """
    return feature_of(FeaturePrd.model_validate(prd.data), catalogue, file=str(prd.path), lines=prd.lines)


async def intake(run: RunContext, attempt: StepAttempt, answer: Question | None) -> StepOutcome:
    """Understand the PRD, or ask for what it lacks; plan; ask for approval if the policy says so; publish the PRD.

    Raises:
        WorkspaceConflict: Files stand where the planned agents would write.
    """
    if run.state.plan is None:
        planned = await _planned(run, answer)
        if isinstance(planned, StepOutcome):
            return planned
        await refuse_conflicts(run, planned)
        adopt(run, planned)
        run.events.emit(planned.event())
    if run.state.policy.approve == "plan" and not is_approved(run, NODE):
        return ask(run, NODE, "approval", f"{shown_plan(run)}\nShall this be built?")
    receipt, contents = Receipt(agent=NODE, files={PRD: run.state.prd_sha256}), {PRD: run.prd.read_bytes()}
    await record(run, attempt, receipt, contents)
    await publish(run, receipt, contents)
    return StepOutcome(status="published", files=1)


async def _planned(run: RunContext, answer: Question | None) -> Plan | StepOutcome:
    """Return the plan, or what is asked because there can be none yet."""
    try:
        if answer is not None and isinstance(answer.decision, GivePrd):
            await take_answer(run, answer.decision.prd)
        elif run.services.model is not None and (asked := await _drafted(run, run.services.model)):
            return asked
        feature = understand(read_prd(run.prd), catalogue_of(run.services.registry, run.pipeline.toolchains))
        return make_plan(with_beforehand(run, feature), run.pipeline, run.services.registry)
    except InputError as error:
        return ask(run, NODE, "prd", f"The PRD cannot be used.\n{error}\n{HOW}")


async def _drafted(run: RunContext, model: ModelExecutor) -> StepOutcome | None:
    """Return what is asked about a draft, if the PRD is prose and none is approved yet."""
    prose = is_prose(decoded(run.prd.read_bytes(), contract=CONTRACT, file=str(run.prd)))
    return await propose(run, NODE, model) if prose else None


def adopt(run: RunContext, plan: Plan) -> None:
    """Make `plan` the run's, and have it remembered."""
    run.state.plan, run.state.fingerprint = plan, fingerprint(run.pipeline, plan, run.state.policy.model)
    stored = run.state.fingerprint.model_dump(mode="json")
    run.events.note(runs.planned(run.id, plan.feature.title, stored, run.state.prd_sha256))


def shown_plan(run: RunContext, only: str | None = None) -> str:
    """Return the run's plan as people read it, or the part of the step called `only`."""
    services = run.services
    return plan_text(run.plan, services.registry.aspects, only=only, modelled=services.model is not None)


async def take_answer(run: RunContext, answer: str) -> None:
    """Replace the run's PRD by the one that an answer names, or holds if it has more than one line.

    Raises:
        InputError: There is no such file, or it is no PRD.
    """
    content = answer.encode() if "\n" in answer else read_prd(Path(answer).expanduser()).raw
    await replace_prd(run, content)


async def refuse_conflicts(run: RunContext, plan: Plan) -> None:
    """Refuse a workspace with files that Baton did not write where the plan's agents write.

    Raises:
        WorkspaceConflict: With every such file.
    """
    outside = at_work(run)  # where people are at work; what they leave there is looked at when it is taken
    steps = [each for each in plan.bound.values() if plan.step(each.name).active and each.name not in outside]
    run.workspace.refuse_conflicts(agents_of(steps), run.recorded(plan))
