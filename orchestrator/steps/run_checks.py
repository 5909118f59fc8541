"""The second half of a step: guards look at what would be published, checks run the real tools on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from agents.checks.rules import rules_to_try
from agents.checks.runner import CheckProgress, run_checks
from agents.checks.sandbox.isolation import isolation_for
from agents.checks.scratch import Lock, Scratch
from agents.checks.time_limit import chosen_limit
from agents.contracts import Check, Outcome, Proposal, Work
from agents.ownership import owns
from handoff.problems import HandoffInvalid, HandoffMissing
from handoff.provenance import CheckRun
from handoff.store import Handoff
from orchestrator.planning.pipeline import BoundStep
from orchestrator.planning.plan import Plan
from orchestrator.records.events import CheckFinished, CheckStarted, GuardFinished
from orchestrator.records.receipt import CheckRecord
from orchestrator.steps.context import RunContext
from orchestrator.steps.staging import stage
from schemas.errors import RunError
from schemas.handoffs import Verdict


class RulesUntried(RunError):
    """Business rules are said to be implemented, and nothing can show that they are."""

    code = "rules_untried"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What checks found. `files` are all files of the step, those that tools made included; `work` has the facts."""

    work: Work
    files: Mapping[str, str]
    evidence: tuple[CheckRecord, ...]
    problems: tuple[str, ...] = ()
    log: str | None = None


def guard(
    run: RunContext, step: BoundStep, files: Mapping[str, str], handoffs: Mapping[str, Handoff]
) -> tuple[str, ...]:
    """Return every violation that the agent's guards find in `files`, ready to be shown."""
    if not files:
        return ()
    proposal = Proposal(
        agent=step.agent.name,
        files=files,
        owned=partial(owns, step.agent),
        handoffs={name: handoff.data for name, handoff in handoffs.items()},
    )
    found: list[str] = []
    for each in step.agent.guards:
        started = time.monotonic()
        violations = each.violations(proposal)
        seconds = round(time.monotonic() - started, 3)
        run.events.emit(
            GuardFinished(
                agent=step.agent.name, step=step.name, guard=each.name, violations=len(violations), seconds=seconds
            )
        )
        found += map(str, violations)
    return tuple(found)


async def measure(run: RunContext, plan: Plan, step: BoundStep, todo: Work, made: Mapping[str, str]) -> Measured:
    """Stage what was made, run the agent's checks on it, and return what they measured.

    Raises:
        ScratchError: A check could not be run at all, or not as isolated as it has to be.
        RulesUntried: Business rules are claimed that no toolchain can try.
        InputError: BATON_ISOLATION or BATON_CHECK_LIMITS cannot be understood.
    """
    if not step.agent.checks:
        return Measured(work=todo, files=made, evidence=())
    tree = run.tree(step.name)
    stage(tree, made)
    scratch = Scratch(
        run_id=run.id,
        tree=tree,
        logs=run.folder / "logs" / step.name,
        environments=run.services.environments,
        admin_dsn=run.services.admin_dsn,
        locks={each: Lock(path=path, prepared=plan.locks.get(each)) for each, path in step.agent.locks.items()},
        isolation=await isolation_for(untrusted=_untrusted(run, step)),
        limit=chosen_limit(run.state.policy.check_seconds) if run.state.policy.check_seconds else None,
    )
    async with scratch:
        outcomes = await run_checks(_checks(step, todo), scratch, todo, notify=_Reporter(run, step))
    files = {**made, **{path: text for outcome in outcomes.values() for path, text in outcome.files.items()}}
    failed = {name: outcome for name, outcome in outcomes.items() if not outcome.passed}
    return Measured(
        work=replace(
            todo,
            files=tuple(sorted(files)),
            measured=tuple(each.measured for each in outcomes.values() if each.measured is not None),
            verification=tuple(_verdict(name, outcome) for name, outcome in outcomes.items() if outcome.passed),
        ),
        files=files,
        evidence=tuple(each for name, outcome in outcomes.items() for each in _records(step, name, outcome)),
        problems=tuple(_problem(name, outcome) for name, outcome in failed.items()),
        log=next((outcome.evidence[-1].log for outcome in failed.values() if outcome.evidence), None),
    )


def _checks(step: BoundStep, todo: Work) -> tuple[Check, ...]:
    """Return the agent's checks, and after them the one of business rules, if there are any to try.

    Raises:
        RulesUntried: Nothing can try them.
    """
    if not rules_to_try(todo):
        return step.agent.checks
    if step.agent.rule_tests is None:
        raise RulesUntried(
            f"{step.name} says that it implements business rules, but no toolchain of its stack can try their tests"
            " (`rule_tests` of its binding). Leave the rules to people, or use a toolchain that can."
        )
    return (*step.agent.checks, step.agent.rule_tests(tuple(check.name for check in step.agent.checks)))


def _untrusted(run: RunContext, step: BoundStep) -> bool:
    """Say whether anyone but this run's templates wrote something that the agent's checks will run."""
    if run.state.policy.model is not None or run.state.policy.outside:
        return True
    for reads in step.agent.reads:
        try:
            provenance = run.handoffs.read(reads.contract).provenance
        except (HandoffMissing, HandoffInvalid):
            continue  # nothing of it is staged
        # One without provenance, as a PRD, lists no files, so nothing of it is staged either.
        if provenance is not None and provenance.files and provenance.run != run.id:
            return True
    return False


class _Reporter:
    """Turns the progress of checks into events."""

    def __init__(self, run: RunContext, step: BoundStep) -> None:
        self._run, self._step = run, step
        self._started: dict[str, float] = {}

    def __call__(self, progress: CheckProgress) -> None:
        now = time.monotonic()
        if progress.outcome is None:
            self._started[progress.check] = now
            self._run.events.emit(CheckStarted(agent=self._step.agent.name, step=self._step.name, check=progress.check))
            return
        self._run.events.emit(
            CheckFinished(
                agent=self._step.agent.name,
                step=self._step.name,
                check=progress.check,
                passed=progress.outcome.passed,
                summary=progress.outcome.summary,
                seconds=round(now - self._started.get(progress.check, now), 3),
            )
        )


def _verdict(name: str, outcome: Outcome) -> Verdict:
    tool = outcome.evidence[-1].tool if outcome.evidence else "baton"
    return Verdict(check=name, tool=tool, result=f"passed, {outcome.summary}")


def _records(step: BoundStep, name: str, outcome: Outcome) -> list[CheckRecord]:
    return [
        CheckRecord(
            agent=step.agent.name,
            step=step.name,
            log=each.log,
            run=CheckRun(
                check=name,
                tool=each.tool,
                argv=each.argv,
                exit_code=each.exit_code,
                seconds=each.seconds,
                log_sha256=each.log_sha256,
            ),
        )
        for each in outcome.evidence
    ]


def _problem(name: str, outcome: Outcome) -> str:
    said = "\n".join(outcome.problems)
    logs = "\n".join(f"log: {each.log}" for each in outcome.evidence[-1:])
    return "\n".join(part for part in (f"check `{name}`: {outcome.summary}", said, logs) if part)
