"""Collect what is wrong with a PRD, and what it asks for that is not implemented, while it is read.

Reading goes on after a problem, so that all are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from handoff.problems import SHOWN, Problem
from schemas.feature import Gap

# Reasons of gaps: an entity's label, a sentence of the PRD.
NOT_YET = "not implemented by template skills yet"
PROSE_RULE = "a rule in prose, which only a model-backed skill could implement"


@dataclass(slots=True)
class Diagnostics:
    """`lines` maps JSON pointers (RFC 6901) to lines of `file`, counted from 1."""

    file: str
    lines: Mapping[str, int]
    problems: list[Problem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def line(self, pointer: str) -> int:
        """Return the line of the value at `pointer`, or of the nearest value around it; 0 if there is none."""
        while pointer:
            if pointer in self.lines:
                return self.lines[pointer]
            pointer = pointer.rpartition("/")[0]
        return self.lines.get("", 0)

    def hint(self, word: str, allowed: Iterable[str]) -> str:
        """Return `did you mean …?` for the nearest allowed word, or nothing.

        Later problems are only counted, not shown: looking for their nearest matches too would make the cost of a
        document with very many mistakes quadratic.
        """
        if len(self.problems) >= SHOWN:
            return ""
        near = nearest(word, allowed)
        return f"did you mean `{near}`?" if near else ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the document. `section` is for people: `Entities, Todo`."""

    report: Diagnostics
    pointer: str = ""
    section: str = ""

    def at(self, *keys: str | int, section: str = "") -> Cursor:
        """Return the place of a value inside this one."""
        pointer = "/".join((self.pointer, *(str(key) for key in keys)))
        return Cursor(self.report, pointer, section or self.section)

    def problem(self, message: str, *, got: str = "", expected: str = "", hint: str = "") -> None:
        report = self.report
        line = report.line(self.pointer)
        report.problems.append(
            Problem(
                message=message,
                file=report.file,
                line=line,
                section=self.section,
                got=got,
                expected=expected,
                hint=hint,
            )
        )

    def unknown(self, what: str, word: str, allowed: Iterable[str], *, expected: str = "") -> None:
        """Report a word that is none of `allowed`, with the nearest of them."""
        known = list(allowed)
        self.problem(
            f"unknown {what} `{word}`",
            expected=expected or listed(known),
            hint=self.report.hint(word, known),
        )

    def gap(self, kind: str, text: str, reason: str, *, subject: str = "") -> None:
        """Note what the PRD asks for here and nobody makes; kind and subject as `Gap` has them."""
        self.report.gaps.append(Gap(kind=kind, subject=subject, text=text, reason=reason))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return the allowed word most like `word`, letter case aside, or an empty text."""
    by_case = {candidate.casefold(): candidate for candidate in allowed}
    near = get_close_matches(word.casefold(), by_case, 1)
    return by_case[near[0]] if near else ""


def listed(words: Iterable[str], limit: int = 30) -> str:
    """Return words as a message lists them: `a`, `b` and 3 more."""
    known = list(words)
    shown = ", ".join(f"`{word}`" for word in known[:limit])
    return f"{shown} and {len(known) - limit} more" if len(known) > limit else shown


def flag(text: str) -> bool | None:
    """Return what `yes`, `No` or `true` says, None for anything else."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.strip().casefold())


def words(text: str) -> list[str]:
    """Return the parts of a comma-separated list, empty parts included."""
    return [part.strip() for part in text.split(",")]
