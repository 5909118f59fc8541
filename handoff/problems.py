"""What can be wrong with a handoff file, said so that a stranger can put it right.

All problems of a file are reported at once, in document order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import InputError

SHOWN = 50  # problems listed in an error's text; the rest are counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing wrong. `line` counts from 1; 0: no line can be named. `section`: `Entities, Todo`."""

    message: str
    file: str = ""
    line: int = 0
    section: str = ""
    expected: str = ""
    got: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = ":".join(part for part in (self.file, str(self.line) if self.line else "") if part)
        lines = [f"{where}: {self.message}" if where else self.message]
        if self.section:
            lines[0] += f" [{self.section}]"
        if self.got:
            lines.append(f"    got: {shortened(self.got)}")
        if self.expected:
            lines.append(f"    expected: {self.expected}")
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class HandoffInvalid(InputError):
    """A handoff file (or the data for one) breaks its contract. `problems` are in document order, never empty."""

    code = "handoff_invalid"

    def __init__(self, contract: str, file: str, problems: Sequence[Problem]) -> None:
        super().__init__(contract, file, tuple(problems))  # args equal the parameters, so that it survives pickling
        self.contract, self.file, self.problems = contract, file, tuple(problems)

    def __str__(self) -> str:
        count = len(self.problems)
        what = f"`{self.file}`" if self.file else "The data"
        head = f"{what} does not satisfy the contract `{self.contract}` ({count} problem{'s' if count > 1 else ''}):"
        listed = "\n".join(f"  {problem}".replace("\n", "\n  ") for problem in self.problems[:SHOWN])
        more = f"\n  … and {count - SHOWN} more" if count > SHOWN else ""
        return f"{head}\n{listed}{more}"


class HandoffMissing(InputError):
    """There is no such handoff file. Retrying does not help: the agent that writes it has to run first."""

    code = "handoff_missing"

    def __init__(self, contract: str, file: str) -> None:
        super().__init__(contract, file)
        self.contract, self.file = contract, file

    def __str__(self) -> str:
        what = f"The handoff `{self.contract}` is missing: there is no file `{self.file}`."
        return f"{what} Write it, or run the agent that does."


def shortened(text: str, limit: int = 120) -> str:
    """Return `text` on one line of at most `limit` characters."""
    line = text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:limit])
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
