"""A plan as those read it who are asked to approve of it: who works with which skills, and what will be there then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.planning.plan import Plan
from skills.design.aspects import Aspects
from skills.design.outline import endpoint_lines, page_lines, table_lines


def plan_text(plan: Plan, aspects: Aspects, *, only: str | None = None, modelled: bool = False) -> str:
    """Return a plan as people read it, or the part of the step called `only`.

    With `modelled`, a model may yet make what templates cannot.
    """
    steps = [each.step for each in plan.steps if only in {None, each.step}]
    gaps = plan.feature.gaps if only is None else ()
    missing = "What templates cannot make; the model is asked to:" if modelled else "What will be missing:"
    lines = [
        *_skills(plan, steps),
        *_under("What will be there:", _made(plan, aspects, steps)),
        *_under(missing, (f"  {gap.text} ({gap.reason})" for gap in gaps)),
    ]
    return "\n".join(lines)


def _under(heading: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [heading, *found] if found else []


def _skills(plan: Plan, steps: Iterable[str]) -> Iterator[str]:
    for step in map(plan.step, steps):
        name = "" if step.step == step.name else f", {step.step}"
        yield f"{step.title} agent{name}: {step.reason}"
        yield from (f"  {'-' if skill.active else 'not'} {skill.name}: {skill.reason}" for skill in step.skills)


def _made(plan: Plan, aspects: Aspects, steps: Iterable[str]) -> Iterator[str]:
    """Yield what the active ones of `steps` make of what follows from the feature under any framework."""
    writes = {plan.bound[each].agent.writes for each in steps if plan.step(each).active}
    for contract, heading, lines in (
        ("database-agent-output", "Tables", table_lines(plan.feature, aspects)),
        ("python-backend-agent-output", "Endpoints", endpoint_lines(plan.feature, aspects)),
        ("frontend-agent-output", "Pages", page_lines(plan.feature)),
    ):
        if contract in writes:
            yield f"  {heading}"
            yield from (f"    {line}" for line in lines)
