"""Have a model draft a structured PRD from prose, round by round, until the draft stands.

What is drafted is held to the prose (`skills.prd_drafter.draft`); what does not stand goes back to the model.

Not here: asking people about a draft (`orchestrator.steps.intake.proposal`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from pathlib import Path

from handoff.catalogue import Catalogue
from handoff.codec import parse
from handoff.feature import CONTRACT
from handoff.problems import HandoffInvalid, shortened
from handoff.prose import statements
from schemas.base import JSON, Document
from schemas.contract import contract_of
from schemas.errors import InputError
from schemas.parts import Part
from schemas.stack import NONE
from skills.core.registry import Registry
from skills.core.skill import Skill
from skills.core.skill_context import Rework, SkillContext
from skills.model.budget import Meter
from skills.model.errors import Attempt, RepairsExhausted
from skills.model.executor import ModelExecutor
from skills.prd_drafter.blueprint import NumberedStatement, Output
from skills.prd_drafter.draft import BACKGROUND, DESCRIPTION, FILE, RULE, TITLE, Draft, judged

DRAFTER = "prd-drafter"
LONGEST_PROSE = 400_000  # characters
_STATED = frozenset({TITLE, DESCRIPTION, RULE, BACKGROUND})


class ProseTooLong(InputError):
    """There is more text than one PRD can be made of."""

    code = "prose_too_long"


class ProseEmpty(InputError):
    """A PRD without a word."""

    code = "prose_empty"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drafted:
    """A draft, what the model stated of it, and the statements that both account for."""

    draft: Draft
    output: Output
    said: tuple[NumberedStatement, ...]


def said_in(prose: str, answers: Iterable[str] = ()) -> tuple[NumberedStatement, ...]:
    """Return the statements of a text, and after them what its reader answered to earlier drafts.

    Raises:
        ProseEmpty: There are none.
        ProseTooLong: There is too much.
    """
    if len(prose) > LONGEST_PROSE:
        raise ProseTooLong(
            f"the PRD is prose of {len(prose):,} characters; a draft is made of {LONGEST_PROSE:,} at most."
            " Divide it into features, or leave out what is not about this one."
        )
    found = [NumberedStatement(number=each.number, text=each.text, heading=each.heading) for each in statements(prose)]
    if not found:
        raise ProseEmpty("the PRD says nothing. Describe in it what the app is to do.")
    more = [NumberedStatement(number=0, text=text, by="the reader") for text in answers]
    return tuple(said.model_copy(update={"number": number}) for number, said in enumerate([*found, *more], start=1))


async def drafted(
    model: ModelExecutor,
    said: tuple[NumberedStatement, ...],
    *,
    catalogue: Catalogue,
    agent: str,
    meter: Meter,
    repairs: int,
    rework: Rework | None = None,
) -> Drafted:
    """Return a draft of what is said.

    Args:
        model: Who drafts it.
        said: Every statement that the draft accounts for.
        catalogue: What the draft's stack can be.
        agent: For whom the meter counts.
        meter: Counts what is spent.
        repairs: How often a draft that does not stand goes back.
        rework: An earlier draft, and what is wrong with it.

    Raises:
        ModelFailed: None stood, or the model left none.
    """
    attempts: list[Attempt] = []
    materials = materials_of(said, catalogue)
    while True:
        output = await _asked(model, materials, agent, meter, rework)
        draft = judged(output, said, catalogue)
        if isinstance(draft, Draft):
            return Drafted(draft=draft, output=output, said=said)
        attempts.append(Attempt(draft))
        if len(attempts) > repairs:
            raise RepairsExhausted(DRAFTER, f"{len(attempts)} drafts, none of which can be taken", attempts)
        rework = Rework(contribution=output, problems=draft)


def context_of(agent: str, tree: Path, meter: Meter, rework: Rework | None = None) -> SkillContext:
    """Return the place where a draft is written: an empty folder, `tree`, and one file in it."""
    return SkillContext(
        agent=agent, tree=tree, owned=lambda path: path == FILE, owns=(FILE,), meter=meter, rework=rework
    )


async def _asked(
    model: ModelExecutor, materials: Mapping[str, Document | JSON], agent: str, meter: Meter, rework: Rework | None
) -> Output:
    with tempfile.TemporaryDirectory(prefix="baton-draft-") as folder:
        output = await model.execute(_drafter(), materials, context_of(agent, Path(folder), meter, rework))
    assert isinstance(output, Output)  # noqa: S101 - the skill's own output contract
    return output


def materials_of(said: Sequence[NumberedStatement], catalogue: Catalogue) -> dict[str, Document | JSON]:
    """Return what the skill is given."""
    written = {part.name: _choices(part, catalogue) for part in catalogue.parts}
    return {
        "statements": [each.model_dump() for each in said],
        "choices": {name: list(choices) for name, choices in written.items() if choices != (NONE,)},
    }


def _choices(part: Part, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the choices that a PRD may have for a part: what is not made is a gap, or refused."""
    return part.choices if part.optional else catalogue.available(part)


@cache
def _drafter() -> Skill:
    return Registry().skill(DRAFTER)


def shown(drafted: Drafted, prose: str) -> str:
    """Return a draft as people read it: the PRD or its difference, where each statement went, what is open."""
    return f"{_difference(prose, drafted.draft.text)}\n\n{account(drafted)}"


def account(drafted: Drafted) -> str:
    """Return where each statement went, and what is open."""
    went = _went(drafted.said, drafted.draft.placed)
    if not drafted.draft.open:
        return went
    return "\n".join([went, "", "What the text leaves open:", *(f"  - {each}" for each in drafted.draft.open)])


def _difference(prose: str, text: str) -> str:
    """Return the draft as a whole, or against a text that was half a PRD already."""
    try:
        parse(contract_of(CONTRACT), prose)
    except HandoffInvalid:
        return f"The structured PRD:\n\n{text.rstrip()}"
    changes = unified_diff(prose.splitlines(), text.splitlines(), "as given", "structured", n=3, lineterm="")
    return "\n".join(["The structured PRD, beside what was given:", "", *changes])


def _went(said: Sequence[NumberedStatement], placed: Mapping[int, tuple[str, ...]]) -> str:
    """Return where statements went. Those that stand in the PRD word for word are only counted."""
    structured = {
        each.number: [place for place in placed.get(each.number, ()) if place not in _STATED] for each in said
    }
    listed = [
        f"  {each.number}  {shortened(each.text, 100)} -> {', '.join(structured[each.number])}"
        for each in said
        if structured[each.number]
    ]
    rest = len(said) - len(listed)
    counted = f"Of {len(said)} statements, {len(listed)} are in the entities and the stack"
    return "\n".join(
        [f"{counted}; the other {rest} stand in the PRD word for word:" if rest else f"{counted}:", *listed]
    )
