"""Which of a feature's gaps are whose: what the PRD asks for, no template can do, and a model might.

A gap belongs to the skill whose template leaves places for its kind. It is implemented as a whole or stays a gap, in
the PRD's own words; a model says which, and what it says is looked at.

Not here: having it done (`skills.model.hybrid`), what a model is told (`skills.model.prompt`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from textwrap import shorten

from pydantic import Field

from schemas.base import JSON, Document, facts
from schemas.feature import STACK, Feature, Gap
from schemas.handoffs import BusinessRule, Unimplemented
from skills.core.extension_points import ExtensionPoints

LONGEST_REASON = 300  # characters
_LEFT = "the model left it"


class Claim(Document):
    """What came of one gap.

    `gap` is its number. If it is implemented: `files` that it lives in, and `tests` that fail without it, each
    `path::name`. If not: `why_not`.
    """

    gap: int = Field(ge=1)
    implemented: bool
    files: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    why_not: str = ""


class GapClaims(Document):
    """Hand in the work, once its files are written. Each gap has one claim."""

    gaps: tuple[Claim, ...]


def gaps_of(
    places: ExtensionPoints | None, materials: Mapping[str, Document | JSON], *, whole: bool = False
) -> tuple[Gap, ...]:
    """Return the gaps that a model works on for a skill with these places, in the PRD's order.

    Args:
        places: Of the skill.
        materials: All that the step offers.
        whole: Whether the model does the whole skill, and so can do gaps of kinds that need more than its places.
    """
    feature = materials.get("feature")
    if places is None or not isinstance(feature, Feature):
        return ()
    kept = {rule.text for rule in rules_in(materials.values())}
    if places.work == "follow":
        return tuple(gap for gap in feature.gaps if gap.text in kept)
    asked = (gap for gap in feature.gaps if gap.text not in kept)
    return tuple(gap for gap in asked if gap.kind in places.kinds or (whole and gap.kind != STACK))


def rules_in(documents: Iterable[object]) -> tuple[BusinessRule, ...]:
    """Return the business rules that handoffs and contributions say are implemented, each once."""
    stated = (rule for each in documents if isinstance(each, Document) for rule in facts(each, BusinessRule))
    return tuple({rule.text: rule for rule in stated}.values())


def still_open(gaps: Sequence[Gap], documents: Collection[Document]) -> tuple[Unimplemented, ...]:
    """Return the gaps that are not implemented according to handoffs and contributions, with the last reason stated."""
    implemented = {rule.text for rule in rules_in(documents)}
    reasons = {stated.text: stated for each in documents for stated in facts(each, Unimplemented)}
    return tuple(reasons.get(gap.text, Unimplemented.of(gap)) for gap in gaps if gap.text not in implemented)


def judged(
    claims: GapClaims, gaps: Sequence[Gap], changed: Mapping[str, str], tests: Collection[str] | None
) -> tuple[BusinessRule, ...] | list[str]:
    """Return the rules that are implemented as claimed, or what is wrong with the claims.

    Args:
        claims: As a model stated them.
        gaps: Numbered from 1 in this order.
        changed: Text of the files that the model wrote or changed, by path.
        tests: Paths of tests; None: any `test_*.py`.
    """
    numbers = [claim.gap for claim in claims.gaps]
    problems = [f"gap {number}: there is no such gap" for number in numbers if number > len(gaps)]
    problems += [f"gap {n}: it needs one claim, and has {numbers.count(n)}" for n in _miscounted(numbers, len(gaps))]
    problems += [problem for claim in claims.gaps for problem in _faults(claim, changed, tests)]
    rules = tuple(
        BusinessRule(
            text=gap.text,
            files=tuple(path.lstrip("/") for path in claim.files),
            tests=tuple(name.lstrip("/") for name in claim.tests),
        )
        for number, gap in enumerate(gaps, 1)
        for claim in claims.gaps
        if claim.gap == number and claim.implemented
    )
    return problems or rules


def declined(claims: GapClaims, gaps: Sequence[Gap]) -> tuple[Unimplemented, ...]:
    """Return the gaps that are not implemented, with a model's own words as the reason."""
    return tuple(
        Unimplemented(text=gaps[claim.gap - 1].text, reason=f"{_LEFT}: {shorten(claim.why_not, LONGEST_REASON)}")
        for claim in claims.gaps
        if not claim.implemented
    )


def unclaimed(rules: Sequence[BusinessRule], changed: Collection[str]) -> list[str]:
    """Say which files were changed for no rule."""
    named = {path.partition("::")[0] for rule in rules for path in (*rule.files, *rule.tests)}
    return [
        f"`/{path}` was changed, and no implemented gap names it: name it, or put it back as it was"
        for path in sorted({*changed} - named)
    ]


def _miscounted(numbers: Sequence[int], count: int) -> list[int]:
    return [number for number in range(1, count + 1) if numbers.count(number) != 1]


def _faults(claim: Claim, changed: Mapping[str, str], tests: Collection[str] | None) -> list[str]:
    where = f"gap {claim.gap}"
    if not claim.implemented:
        told = bool(claim.why_not.strip())
        return [] if told else [f"{where}: it is not implemented; say in `why_not` what keeps you from it"]
    problems = [] if claim.files else [f"{where}: it is claimed implemented, and no file is named that it lives in"]
    if not claim.tests:
        problems.append(f"{where}: it is claimed implemented, and no test is named that fails without it")
    problems += [
        f"{where}: `{path}` is named, but you did not change it"
        for path in claim.files
        if path.lstrip("/") not in changed
    ]
    return problems + [f"{where}: {fault}" for name in claim.tests if (fault := _test_fault(name, changed, tests))]


def _test_fault(named: str, changed: Mapping[str, str], tests: Collection[str] | None) -> str | None:
    path, _, name = named.lstrip("/").partition("::")
    if not name:
        return f"`{named}` names no test; write `path::test_name`"
    allowed = path in tests if tests is not None else path.rpartition("/")[2].startswith("test_")
    if path not in changed or not allowed:
        return f"`{named}` is not in a test file that you wrote"
    if name.partition("[")[0].rpartition("::")[2] not in _functions(changed[path]):
        return f"there is no test `{name}` in `/{path}`"
    return None


def _functions(text: str) -> set[str]:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):  # told as such, with its line
        return set()
    return {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
