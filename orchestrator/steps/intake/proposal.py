"""Propose a structured PRD for one of prose: a model drafts it, a person approves of it before anything else happens.

Every draft that was shown is stored, so what is approved is, to the byte, what was shown, whoever resumes the run. A
draft that is rejected with a reason goes back to the model, `ROUNDS` drafts at most; what people said is then one more
thing that the draft accounts for.

Not here: how a draft is made and judged (`orchestrator.steps.intake.draft`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from handoff.feature import CONTRACT
from handoff.provenance import Provenance, sha256, with_front_matter
from handoff.source import decoded
from handoff.store import write_atomically
from orchestrator.planning.choices import catalogue_of
from orchestrator.records.answers import APPROVE, EDIT, GIVE_UP, REJECT, RETRY, TEMPLATE, Approve, EditByHand
from orchestrator.records.events import SkillStarted
from orchestrator.records.outcome import StepOutcome
from orchestrator.steps.context import RunContext
from orchestrator.steps.intake.draft import DRAFTER, Drafted, drafted, said_in, shown
from orchestrator.steps.questions import ask, decided, objection
from orchestrator.storage.questions import Question
from schemas.base import Document
from schemas.contract import contract_of
from skills.core.skill_context import Rework
from skills.model.errors import ModelFailed
from skills.model.executor import ModelExecutor
from skills.prd_drafter.blueprint import Output

ROUNDS = 5
GIVEN = "feature-prd.md"  # as the structured PRD's front matter names what it was made of
HOW = f"Answer with the path of the corrected PRD, or with its text, or with `{GIVE_UP}`."


class ShownDraft(Document):
    """A draft as it was shown. `given` is the SHA-256 of the prose, `text` the whole PRD."""

    given: str
    text: str
    output: Output


@dataclass(frozen=True, slots=True)
class _Decided:
    """A proposal and the question about it, which has its answer."""

    proposal: ShownDraft
    question: Question


async def propose(run: RunContext, node: str, model: ModelExecutor) -> StepOutcome | None:
    """Return the outcome of a step that asks about a draft; None once one is approved, which is then the run's PRD.

    Raises:
        InputError: There is nothing to make a draft of, or too much.
    """
    given = run.prd.read_bytes()
    earlier = await _decided(run, node, sha256(given))
    if earlier and isinstance(earlier[-1].question.decision, Approve):
        await replace_prd(run, earlier[-1].proposal.text.encode())
        return None
    if len(earlier) >= ROUNDS:
        return ask(run, node, "prd", f"{ROUNDS} drafts of the PRD were rejected. Write it yourself.\n{HOW}")
    if isinstance(decided(run, node), EditByHand):
        return ask(run, node, "prd", f"The PRD is prose, and you chose to write a structured one.\n{HOW}")
    prose = decoded(given, contract=CONTRACT, file=GIVEN)
    try:
        made = await _draft(run, node, model, prose, earlier)
    except ModelFailed as error:
        return _ask_about_failure(run, node, error)
    if not made.draft.complete:
        return ask(run, node, "prd", _too_little(made))
    return await _ask_about_draft(run, node, made, prose, len(earlier))


async def replace_prd(run: RunContext, content: bytes) -> None:
    """Have the run work from another PRD."""
    write_atomically(run.prd, content)
    run.state.prd_sha256 = sha256(content)
    await run.services.ledger.content.keep(run.id, [content], lambda rows: run.events.commit(*rows))


async def _decided(run: RunContext, node: str, given: str) -> list[_Decided]:
    """Return the proposals for a text that people decided on, in order."""
    attempts = [each for each in await run.services.ledger.steps.attempts(run.id) if each.step == node]
    outcomes = [each.outcome for each in attempts if each.outcome is not None and each.outcome.proposal is not None]
    stored = await run.services.ledger.content.get(str(each.proposal) for each in outcomes)
    found = [
        _Decided(ShownDraft.model_validate_json(stored[str(each.proposal)]), run.state.questions[str(each.question)])
        for each in outcomes
    ]
    return [each for each in found if each.proposal.given == given and not each.question.is_open]


async def _draft(run: RunContext, node: str, model: ModelExecutor, prose: str, earlier: list[_Decided]) -> Drafted:
    reasons = [objection(each.question) or "" for each in earlier]
    said = said_in(prose, reasons)
    problems = tuple(f"The reader rejects the draft: {reason}" for reason in reasons[-1:])
    rework = Rework(contribution=earlier[-1].proposal.output, problems=problems) if earlier else None
    run.events.emit(SkillStarted(agent=node, skill=DRAFTER))
    started, before = time.monotonic(), run.services.meter.skill(node, DRAFTER)
    repairs = run.state.policy.model.repairs if run.state.policy.model else 0
    made = await drafted(
        model,
        said,
        catalogue=catalogue_of(run.services.registry, run.pipeline.toolchains),
        agent=node,
        meter=run.services.meter,
        repairs=repairs,
        rework=rework,
    )
    run.services.meter.finish(node, DRAFTER, files=1, seconds=round(time.monotonic() - started, 3), before=before)
    return made


async def _ask_about_draft(run: RunContext, node: str, made: Drafted, prose: str, rounds: int) -> StepOutcome:
    given = sha256(run.prd.read_bytes())
    provenance = Provenance(
        contract=CONTRACT,
        version=contract_of(CONTRACT).version,
        run=run.id,
        agent=node,
        time=run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        reads={GIVEN: given},
    )
    text = with_front_matter(provenance, made.draft.text)
    stored = ShownDraft(given=given, text=text, output=made.output).model_dump_json().encode()
    await run.services.ledger.content.keep(run.id, [stored], lambda rows: run.events.commit(*rows))
    asked = ask(run, node, "draft", f"{_HEAD}\n\n{shown(made, prose)}\n\n{_ways(rounds)}")
    # A draft is as long as the prose, and the graph's state must not be: the whole text is in the question.
    return asked.model_copy(update={"proposal": sha256(stored), "question_text": _HEAD})


_HEAD = "The PRD is prose. A model drafted a structured PRD from it, for you to approve."


def _ways(rounds: int) -> str:
    left = ROUNDS - rounds - 1
    again = (
        f"`{REJECT}: WHY`: the model tries again ({left} more drafts at most)."
        if left
        else f"`{REJECT}: WHY`: you are asked to write it yourself."
    )
    return f"`{APPROVE}`: the agents work from it.\n{again}\n`{REJECT}`: the run ends; nothing was written."


def _too_little(made: Drafted) -> str:
    asked = "\n".join(f"  - {each}" for each in made.draft.open)
    return f"The PRD is prose, and names nothing that an app could keep records of. What is open:\n{asked}\n{HOW}"


def _ask_about_failure(run: RunContext, node: str, error: ModelFailed) -> StepOutcome:
    ways = [
        f"`{RETRY}`, or `{RETRY} --max-calls 2000` and the like: the model drafts it once more.",
        f"`{EDIT}`: you write a structured PRD.",
    ]
    told = (
        f"The PRD is prose, and no draft could be made of it.\n{error}\nModels have spent {run.services.meter.run()}."
    )
    return ask(run, node, "model", "\n".join([told, *ways]), without=(TEMPLATE,))
