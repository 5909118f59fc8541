"""Values that differ from one record to the next, for unique fields of which there are too few to count on for ever.

They take turns: `turn` of the suite's `factories` counts for each field by itself, so that none comes back before all
have been used. Left out is what the suite sends on purpose: bounds, and the first text that matches a pattern.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits

from schemas.feature import FeatureField
from skills.design.patterns import matching
from skills.edge_case_tester import scalars, texts

_OFFERED = 60  # different texts of a pattern
_FEWEST_DIGITS = 4  # of a number inside a text
_MOST_DIGITS = 6
_ROOMY = 5  # steps between the bounds that may both be left out


def distinct(field: FeatureField, counter: str) -> str | None:
    """Return an expression for a value of a unique field, counted by `counter`; None where `values.fresh` suffices."""
    kind = field.type.kind
    if kind == "enum":
        return f"{list(field.type.values)!r}[{_turn(counter, len(field.type.values))}]"
    if kind == "boolean":
        return f"{_turn(counter, 2)} == 0"
    if kind in {"string", "text"}:
        return _match(field, counter) if field.pattern is not None else _short_text(field, counter)
    if kind in {"integer", "decimal"} and not scalars.counts_on(field):
        return _step(field, counter)
    return None


def _turn(counter: str, size: int) -> str:
    lasting = ", ACCOUNTS" if counter.startswith("users.") else ""
    return f"turn({counter!r}, {size}{lasting})"


def _short_text(field: FeatureField, counter: str) -> str | None:
    limit = texts.lengths(field)
    if limit.bounded == 1:
        characters = digits + ascii_letters
        return f"{characters!r}[{_turn(counter, len(characters))}]"
    if limit.bounded < _FEWEST_DIGITS:
        return f'f"{{{_turn(counter, 10**limit.bounded)}:0{max(limit.shortest, 1)}}}"'
    return None


def _match(field: FeatureField, counter: str) -> str | None:
    """Take turns among texts that match, or number one of them, unless numbering a word does."""
    if "%" not in texts.fresh_text(field):
        return None
    limit = texts.lengths(field)
    found = matching(field.pattern or "", limit.shortest, limit.bounded, _OFFERED)
    for text in found[:10]:
        for run in re.finditer("[0-9]+", text):
            for start in (run.start(), run.start() + 1):
                width = min(run.end() - start, _MOST_DIGITS)
                head, tail = text[: run.end() - width], text[run.end() :]
                if width >= _FEWEST_DIGITS and _numbers_fit(field, head, tail, width):
                    return f'{head!r} f"{{1 + {_turn(counter, 10**width - 1)}:0{width}}}" {tail!r}'
    new = [text for text in found[1:] if set(text) != {"a"}] or list(found)
    return f"{new!r}[{_turn(counter, len(new))}]" if new else None


def _numbers_fit(field: FeatureField, head: str, tail: str, width: int) -> bool:
    numbers = (0, 1, 20, 300, 4000, 10**width - 1)
    return all(texts.fits(field, f"{head}{number:0{width}}{tail}") for number in numbers)


def _step(field: FeatureField, counter: str) -> str:
    """Count in the smallest steps that the field knows."""
    scale = field.type.scale or 0
    low, high = scalars.integers(field) if field.type.kind == "integer" else scalars.decimals(field)
    first, last = int(low * 10**scale), int(high * 10**scale)
    if last - first > _ROOMY:
        first, last = first + 1, last - 1
    number = _turn(counter, last - first + 1)
    if field.type.kind == "integer":
        return f"{first} + {number}" if first else number
    number = f"({first} + {number})" if first else number
    return f'f"{{{number} / {10**scale}:.{scale}f}}"'
