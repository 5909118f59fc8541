"""Phase 14: which backend specialist is active, and why the others are not.

Exactly one specialist is active, by the backend language (feature F08: `IF backend_language == "Python"`). Every
specialist gets a decision with its reason, the skipped ones included.
"""

from __future__ import annotations

from typing import get_args

from schemas.agents import SPECIALISTS, BackendLanguage
from schemas.base import Document
from schemas.errors import InputError

AVAILABLE: frozenset[BackendLanguage] = frozenset({"Python"})


class SpecialistDecision(Document):
    """Whether `specialist` is active for a request; `available` says whether Baton has it at all."""

    specialist: str
    language: BackendLanguage
    active: bool
    available: bool
    reason: str


class SpecialistMissing(InputError):
    """The request needs a specialist that Baton does not have."""

    code = "specialist_missing"

    def __init__(self, language: str, specialist: str) -> None:
        super().__init__(language, specialist)
        self.language, self.specialist = language, specialist

    def __str__(self) -> str:
        return (
            f"The backend language is {self.language}, so Phase 14 needs `{self.specialist}`, "
            "which Baton does not have.\n"
            f"Available: {', '.join(SPECIALISTS[name] for name in sorted(AVAILABLE))}. "
            "Set the backend to Python, or hand this phase to a system that has the specialist."
        )


def decide(language: BackendLanguage) -> tuple[SpecialistDecision, ...]:
    """Return one decision for each specialist, in a fixed order; exactly one is active."""
    return tuple(_decision(candidate, language) for candidate in get_args(BackendLanguage))


def require_available(language: BackendLanguage) -> None:
    """Raise if Baton cannot serve `language`.

    Raises:
        SpecialistMissing: Naming the specialist that is missing.
    """
    if language not in AVAILABLE:
        raise SpecialistMissing(language, SPECIALISTS[language])


def _decision(candidate: BackendLanguage, language: BackendLanguage) -> SpecialistDecision:
    active = candidate == language
    reason = (
        f"ACTIVE: the backend language is {language}."
        if active
        else f"SKIPS: the backend language is {language}, not {candidate}."
    )
    return SpecialistDecision(
        specialist=SPECIALISTS[candidate],
        language=candidate,
        active=active,
        available=candidate in AVAILABLE,
        reason=reason,
    )
