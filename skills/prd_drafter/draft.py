"""A draft of a PRD: what a model made of statements, held to them.

Nothing is lost: a statement without a place becomes a business rule, word for word. Nothing is invented: what no
statement is named for is refused, and descriptions, business rules and background are the statements themselves.

Not here: asking a model (`orchestrator.steps.intake.draft`), taking text apart into statements (`handoff.prose`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from handoff.catalogue import Catalogue
from handoff.codec import Parsed, parse, render
from handoff.feature import CONTRACT, FeatureIncomplete, feature_of
from handoff.prd_report import nearest
from handoff.problems import HandoffInvalid
from handoff.store import as_data
from schemas.contract import contract_of
from schemas.handoffs import FeaturePrd, PrdEntity, PrdNote
from skills.prd_drafter.blueprint import NumberedStatement, Output, Placed

FILE = "feature-prd.md"
TITLE, DESCRIPTION, RULE, BACKGROUND = "title", "description", "rule", "background"
HEADING = "Background"
_ITSELF = (TITLE, DESCRIPTION, RULE, BACKGROUND)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A structured PRD. `placed` are the places of each statement that has some, by number; `open` are questions.

    `complete`: it has entities, so that an app can be made from it.
    """

    prd: FeaturePrd
    text: str
    placed: Mapping[int, tuple[str, ...]]
    open: tuple[str, ...]
    complete: bool


def judged(output: Output, statements: Sequence[NumberedStatement], catalogue: Catalogue) -> Draft | tuple[str, ...]:
    """Return the draft that a model made of `statements`, or what is wrong with it."""
    file = next((file for file in output.files if file.path == FILE), None)
    if file is None:
        return (f"`/{FILE}` was not written",)
    try:
        parsed = parse(contract_of(CONTRACT), file.content, FILE)
        complete = _understood(parsed, output, catalogue)
    except (HandoffInvalid, FeatureIncomplete) as error:
        return (str(error),)
    written = FeaturePrd.model_validate(parsed.data)
    known = _places(written)
    placed, problems = _placed(output.placed, known, len(statements))
    problems += _unfounded(known, placed)
    return tuple(problems) if problems else _assembled(written, placed, statements, output.open, complete=complete)


def _understood(parsed: Parsed, output: Output, catalogue: Catalogue) -> bool:
    """Return whether an app can be made from what is written.

    Raises:
        HandoffInvalid: With every problem.
        FeatureIncomplete: It has no entities, and nothing is said to be missing.
    """
    try:
        feature_of(FeaturePrd.model_validate(parsed.data), catalogue, file=FILE, lines=parsed.lines)
    except FeatureIncomplete:
        if output.open:
            return False
        raise
    return True


def _places(prd: FeaturePrd) -> tuple[str, ...]:
    """Return every place that a statement can have in a PRD."""
    names = [*_ITSELF]
    names += [f"Stack.{row.part.strip()}" for row in prd.stack]
    for entity in prd.entities:
        names.append(entity.name)
        names += [f"{entity.name}.{field.name}" for field in entity.fields]
        names += [f"{entity.name}.{label.label.strip()}" for label in entity.labels]
    return tuple(names)


def _placed(
    claims: Iterable[Placed], known: Collection[str], count: int
) -> tuple[dict[int, tuple[str, ...]], list[str]]:
    """Return the places of the statements by number, and what is wrong with the claims."""
    placed: dict[int, tuple[str, ...]] = {}
    problems = []
    for claim in claims:
        last = claim.last or claim.first
        where = f"`placed`, statement {claim.first}"
        if last < claim.first or last > count:
            problems.append(f"{where} to {last}: there are the statements 1 to {count}")
            continue
        unknown = [place for place in claim.places if place not in known]
        problems += [f"{where}: `{place}` is not in the PRD{_near(place, known)}" for place in unknown]
        named = [place for place in claim.places if place in known]
        for number in range(claim.first, last + 1):
            placed[number] = tuple(dict.fromkeys((*placed.get(number, ()), *named)))
    return placed, problems


def _near(place: str, known: Collection[str]) -> str:
    near = nearest(place, known)
    return f"; did you mean `{near}`?" if near else ""


def _unfounded(known: Collection[str], placed: Mapping[int, tuple[str, ...]]) -> list[str]:
    """Return a problem for each part of the PRD that no statement is named for."""
    founded = {place for places in placed.values() for place in places}
    founded |= {place.partition(".")[0] for place in founded}
    return [
        f"`{name}`: no statement is named as the reason for it; name the one that says so in `placed`, or leave it out"
        for name in known
        if name not in founded and name not in _ITSELF
    ]


def _assembled(
    written: FeaturePrd,
    placed: Mapping[int, tuple[str, ...]],
    statements: Sequence[NumberedStatement],
    unsettled: tuple[str, ...],
    *,
    complete: bool,
) -> Draft:
    def at(place: str) -> list[str]:
        return [said.text for said in statements if place in placed.get(said.number, ())]

    def described(entity: PrdEntity) -> PrdEntity:
        return entity.model_copy(update={"description": " ".join(at(entity.name))})

    lost = [said for said in statements if said.number not in placed and not said.by]
    rules = {said.number for said in lost if not said.heading}
    rules |= {number for number, places in placed.items() if RULE in places}
    prd = FeaturePrd(
        title=written.title,
        slug=written.slug,
        description=" ".join(at(DESCRIPTION)),
        stack=written.stack,
        entities=tuple(described(entity) for entity in written.entities),
        business_rules=tuple(said.text for said in statements if said.number in rules),
    )
    so_far = _rendered(prd)
    aside = {said.number for said in lost if said.heading and said.text not in so_far}
    aside |= {number for number, places in placed.items() if BACKGROUND in places} - rules
    prd = prd.model_copy(update={"notes": _background([said.text for said in statements if said.number in aside])})
    return Draft(prd=prd, text=_rendered(prd), placed=placed, open=unsettled, complete=complete)


def _rendered(prd: FeaturePrd) -> str:
    return render(contract_of(CONTRACT), as_data(prd))


def _background(texts: Sequence[str]) -> tuple[PrdNote, ...]:
    return (PrdNote(heading=HEADING, text="\n\n".join(texts)),) if texts else ()
