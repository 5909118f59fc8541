"""The task of a step that is done outside: what to read, what to write, what is checked. For people and for agents.

What others wrote (skills, the PRD's gaps, problems) stands in fenced blocks.

Not here: where the files are (`orchestrator.steps.external.folder`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import yaml

from agents.ownership import owns
from handoff.codec import render
from handoff.preamble import fence
from orchestrator.planning.pipeline import BoundStep
from orchestrator.records.answers import EditByHand
from orchestrator.records.sanitize import sanitize
from orchestrator.steps.external.folder import handoff_name, task_name
from orchestrator.steps.external.sample import sample
from orchestrator.steps.questions import decided
from orchestrator.steps.staging import staged
from schemas.base import JSON
from schemas.contract import contract_of

if TYPE_CHECKING:
    from orchestrator.steps.context import RunContext

MOST_PROBLEMS = 100


def task(run: RunContext, step: BoundStep, problems: Sequence[str] = ()) -> str:
    """Return the text of an agent's task. `problems`: why what was left so far cannot be taken."""
    front: dict[str, JSON] = {
        "run": run.id,
        "agent": step.agent.name,
        "step": step.name,
        "reads": [run.handoffs.name(reads.contract) for reads in step.agent.reads],
        "owns": list(step.agent.owns),
        "excludes": list(step.agent.excludes),
        "handoff": handoff_name(step),
        "contract": step.agent.writes,
    }
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, width=120)}---",
        f"# {step.agent.title}: to be done outside",
        _waiting(run, step),
        *_wrong(problems),
        _steps(run, step),
        _reading(run, step),
        _files(step),
        *_gaps(run),
        *_refused(run, step),
        _handoff(step),
        _judged(step),
        *_guidance(run, step),
    ]
    return "\n\n".join(parts) + "\n"


def blank(run: RunContext, step: BoundStep) -> str:
    """Return the handoff to fill in: what is known stands in it, the rest is empty."""
    contract = contract_of(step.agent.writes)
    front = yaml.safe_dump({"status": "draft", "run": run.id}, sort_keys=False)
    return f"---\n{front}---\n\n{render(contract, sample(contract, known=_known(run)))}"


def _known(run: RunContext) -> dict[str, JSON]:
    return {"task": run.title, "timestamp": run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _waiting(run: RunContext, step: BoundStep) -> str:
    return (
        f"The run `{run.id}` waits until somebody has done the work of `{step.name}`: a person, a coding agent,\n"
        "another system. It is then guarded and checked like any other work, and published if all is well."
    )


def _wrong(problems: Sequence[str]) -> Iterable[str]:
    if problems:
        more = [f"… and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        listed = sanitize("\n".join([*problems[:MOST_PROBLEMS], *more]))
        yield "## What is wrong so far\n\nNothing was published, and nothing of yours was changed."
        yield fence("text", listed)


def _steps(run: RunContext, step: BoundStep) -> str:
    return (
        "## How\n\n"
        f"1. Read what stands under *Inputs*.\n"
        f"2. Make the files, in the workspace, where they belong.\n"
        f"3. Fill in `{handoff_name(step)}`.\n"
        f"4. Change its line `status: draft` to `status: done`, then type `baton resume {run.id}`"
        " (or leave `baton resume --watch` running).\n\n"
        f"What is wrong is listed in `{task_name(step)}`; put it right and do the last point again."
        f" To give up: `baton answer {run.id} 'give up'`."
    )


def _reading(run: RunContext, step: BoundStep) -> str:
    lines = [
        f"- `{run.handoffs.name(each.contract)}`{'' if each.required else ' (if there)'}" for each in step.agent.reads
    ]
    return "\n".join(
        ["## Inputs", "", *lines, "- the files that these name; what belongs to others is not to be changed"]
    )


def _files(step: BoundStep) -> str:
    lines = ["## Files", "", "Yours:", "", *(f"- `{pattern}`" for pattern in step.agent.owns)]
    if step.agent.excludes:
        lines += ["", "Not yours, although inside:", "", *(f"- `{pattern}`" for pattern in step.agent.excludes)]
    if step.agent.fixed:
        lines += ["", "Not to be changed once published:", "", *(f"- `{pattern}`" for pattern in step.agent.fixed)]
    lines += ["", "All text files that stand in your paths are taken: UTF-8, no symbolic links. Python is formatted."]
    return "\n".join(lines)


def _gaps(run: RunContext) -> Iterable[str]:
    gaps = run.state.plan.feature.gaps if run.state.plan else ()
    if gaps:
        listed = sanitize("\n".join(f"{gap.text} ({gap.reason})" for gap in gaps))
        yield f"## What templates do not do\n\nThe PRD asks for it, too:\n\n{fence('text', listed)}"


def _refused(run: RunContext, step: BoundStep) -> Iterable[str]:
    """Say where the last work of a model is that was refused, to begin from."""
    tree = run.tree(step.name)
    left = staged(tree, lambda path: owns(step.agent, path)) if isinstance(decided(run, step.name), EditByHand) else []
    if left:
        listed = sanitize("\n".join(left))
        yield f"## What a model left\n\nIt was refused; it lies in `{tree}`:\n\n{fence('text', listed)}"


def _handoff(step: BoundStep) -> str:
    contract = contract_of(step.agent.writes)
    schema = json.dumps({key: each for key, each in contract.schema.items() if not key.startswith("x-")}, indent=1)
    intro = (
        f"## The handoff\n\n`{handoff_name(step)}` satisfies the contract `{contract.id}`. Files, checks and whatever"
        " else can be measured\nis measured; what you state must not contradict it. Leave out what you do not know."
    )
    parts = [intro]
    full = sample(contract, full=True)
    if contract.holds(full):
        parts += ["The layout, with one of each:", fence("markdown", render(contract, full).rstrip("\n"))]
    return "\n\n".join([*parts, "The contract:", fence("json", schema)])


def _judged(step: BoundStep) -> str:
    guards = ", ".join(f"`{each.name}`" for each in step.agent.guards) or "none"
    checks = ", ".join(f"`{each.name}`" for each in step.agent.checks) or "none"
    return f"## What is looked at\n\nGuards: {guards}.\nChecks: {checks}."


def _guidance(run: RunContext, step: BoundStep) -> Iterable[str]:
    for skill in run.state.plan.skills.get(step.name, ()) if run.state.plan else ():
        text = fence("markdown", sanitize(skill.instructions().strip()))
        yield f"## Guidance: {skill.name}\n\n{text}"
