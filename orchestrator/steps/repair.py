"""Have a model put right what guards and checks find in its work, at most so often as the run's policy says.

What is found goes back to the skills that made the files it names; if it names none of a model's, to all that a model
worked on. What templates made before them stays as it is, and so does other work of models. What templates make after
them is made anew, since it may build on them.

Not here: what a model is told and how it is judged before that (`skills.model`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from handoff.store import Handoff
from orchestrator.planning.pipeline import BoundStep
from orchestrator.planning.plan import Plan
from orchestrator.records.answers import EDIT, RETRY, TEMPLATE
from orchestrator.records.events import WorkReturned
from orchestrator.records.outcome import StepOutcome
from orchestrator.steps.context import RunContext
from orchestrator.steps.execute import Round, assemble, run_skills
from orchestrator.steps.questions import ask
from orchestrator.steps.run_checks import Measured
from orchestrator.steps.staging import clear_step
from orchestrator.steps.state import Salvage
from orchestrator.steps.verify import Refusal, verify
from schemas.errors import BatonError
from skills.core.contribution import ContributionConflict
from skills.core.executor import SkillFailed
from skills.core.formatting import FormattingFailed
from skills.core.skill_context import Rework
from skills.model.errors import Attempt, BudgetExceeded, ModelFailed

LONGEST_PROBLEM, MOST_PROBLEMS = 4_000, 20  # characters of one, and how many, that a model is told of


class NeverStood(ModelFailed):
    """Guards or checks refused a model's work each time. `log` is the path of what the failing tool said last."""

    code = "never_stood"
    because = "the model's work does not stand up to the checks"

    def __init__(self, skill: str, detail: str, attempts: Sequence[Attempt] = (), log: str | None = None) -> None:
        super().__init__(skill, detail, attempts)
        self.log = log


async def execute_with_repairs(
    run: RunContext, plan: Plan, step: BoundStep, handoffs: Mapping[str, Handoff]
) -> Measured | Refusal:
    """Have an agent's work done and examined, and put right if a model did it; return what came of it.

    Raises:
        ModelFailed: A model's work was refused to the end, or it left none.
        RunError: A skill failed, or a check could not be run at all.
    """
    attempts: list[Attempt] = []
    this = _first_round(run, step, handoffs)
    while True:
        try:
            found = await _one_round(run, plan, step, handoffs, this)
        except BatonError as error:
            if error.transient:
                _salvage(run, step, handoffs, this)
            raise
        if isinstance(found, Measured) or not this.modelled:
            return found
        problems = briefly(str(run.tree(step.name)), found.problems)
        attempts.append(Attempt(problems))
        back = responsible(this, problems)
        if len(attempts) > _repairs(run):
            detail = f"{len(attempts)} attempts, none of which can be published"
            raise NeverStood(", ".join(back), detail, attempts, found.log)
        run.events.emit(
            WorkReturned(
                agent=step.agent.name, step=step.name, skills=back, round=len(attempts), problems=found.problems
            )
        )
        this = next_round(this, back, problems)


def _salvage(run: RunContext, step: BoundStep, handoffs: Mapping[str, Handoff], this: Round) -> None:
    """Keep what a model made for the next attempt at the step: that a server did not answer is not its fault."""
    kept = {name: output for name, output in this.outputs.items() if name in this.modelled}
    run.step(step.name).salvage = Salvage(read=_hashes(handoffs), outputs=kept)


def _first_round(run: RunContext, step: BoundStep, handoffs: Mapping[str, Handoff]) -> Round:
    """Return the first round, with what was salvaged if it was made from the same handoffs."""
    salvage, run.step(step.name).salvage = run.step(step.name).salvage, None
    if salvage is None or salvage.read != _hashes(handoffs):
        return Round()
    return Round(kept=salvage.outputs, modelled=set(salvage.outputs))


def _hashes(handoffs: Mapping[str, Handoff]) -> tuple[str, ...]:
    return tuple(handoff.sha256 for handoff in handoffs.values())


async def _one_round(
    run: RunContext, plan: Plan, step: BoundStep, handoffs: Mapping[str, Handoff], this: Round
) -> Measured | Refusal:
    clear_step(run.tree(step.name), step, handoffs.values())
    try:
        outputs = await run_skills(run, plan, step, handoffs, this)
        made = await assemble(outputs)
    except (ContributionConflict, FormattingFailed, SkillFailed) as error:
        if not this.modelled.intersection(this.outputs):
            raise
        return Refusal(problems=(str(error),))
    return await verify(run, plan, step, handoffs, outputs, made)


def responsible(this: Round, problems: Sequence[str]) -> tuple[str, ...]:
    """Return the skills that problems go back to, in running order."""
    modelled = [name for name in this.outputs if name in this.modelled]
    text = "\n".join(problems)
    named = [name for name in modelled if any(file.path in text for file in this.outputs[name].files)]
    return tuple(named or modelled)


def next_round(this: Round, back: Sequence[str], problems: tuple[str, ...]) -> Round:
    """Return the round in which the skills `back` put the problems right."""
    order = list(this.outputs)
    first = min(order.index(name) for name in back)
    kept = {
        name: output
        for at, (name, output) in enumerate(this.outputs.items())
        if name not in back and (at < first or name in this.modelled)
    }
    rework = {name: Rework(contribution=this.outputs[name], problems=problems) for name in back}
    return Round(kept=kept, rework=rework, modelled=set(this.modelled))


def briefly(tree: str, problems: Sequence[str]) -> tuple[str, ...]:
    """Return problems as a model is told them: cut where they are long, with no word of the folder `tree`."""
    rest = (f"… and {len(problems) - MOST_PROBLEMS} more problems",) if len(problems) > MOST_PROBLEMS else ()
    return (*(_brief(problem, tree) for problem in problems[:MOST_PROBLEMS]), *rest)


def _brief(problem: str, tree: str) -> str:
    lines = [line for line in problem.splitlines() if not line.startswith("log: ")]
    text = "\n".join(lines).replace(f"{tree}/", "").replace(tree, "")
    if len(text) <= LONGEST_PROBLEM:
        return text
    half = LONGEST_PROBLEM // 2
    return f"{text[:half]}\n[… {len(text) - LONGEST_PROBLEM:,} characters left out …]\n{text[-half:]}"


def ask_about_model(run: RunContext, node: str, error: ModelFailed) -> StepOutcome:
    """Ask a person what to do about work that a model did not bring about; return the outcome of the waiting step."""
    *earlier, last = error.attempts or (Attempt(()),)
    told = [
        f"{node}: skill `{error.skill}`: {error.because}: {error.detail}",
        *(f"  attempt {number}: {_first(each)}" for number, each in enumerate(earlier, start=1)),
        *(f"  attempt {len(earlier) + 1}: {problem}" for problem in last.problems),
    ]
    failure = StepOutcome.failure(tuple(told), error.log if isinstance(error, NeverStood) else None)
    spent = f"Models have spent {run.services.meter.run()}."
    without = _without(run, node)
    text = "\n".join([*told, spent, *_ways(error, without)])
    return ask(run, node, "model", text, of=failure, without=without)


def _without(run: RunContext, node: str) -> tuple[str, ...]:
    """Return the answers that cannot be had: only an agent's step has files, and not every skill has a template."""
    if run.state.plan is None or node not in run.pipeline.names:
        return EDIT, TEMPLATE
    has_templates = all(skill.blueprint().contribute is not None for skill in run.state.plan.skills[node])
    return () if has_templates else (TEMPLATE,)


def _first(attempt: Attempt) -> str:
    """Return the first line of what was wrong, and how much more there was."""
    lines = "\n".join(attempt.problems).splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more lines)"


def _ways(error: ModelFailed, without: Collection[str]) -> list[str]:
    ways = [
        f"`{RETRY}`: the model does the step once more, from the beginning.",
    ]
    if EDIT not in without:
        ways.append(f"`{EDIT}`: you write the files; they are guarded and checked like the model's.")
    if TEMPLATE not in without:
        ways.append(f"`{TEMPLATE}`: templates do the step; what they cannot do stays undone.")
    if isinstance(error, BudgetExceeded):
        ways.insert(
            1,
            f"`{RETRY} --max-money 10` (or `--max-calls`, `--max-tokens`, `--max-minutes`): the run may spend so much"
            " in all from its beginning. What a step may spend begins anew with either.",
        )
    return ways


def _repairs(run: RunContext) -> int:
    return run.state.policy.model.repairs if run.state.policy.model else 0
